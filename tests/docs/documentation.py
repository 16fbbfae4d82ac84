"""The pages of the documentation: their fenced blocks, their commands, their links."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "benchmarks").glob("*.md"), ROOT / "ext" / "README.md"]
)

_FENCE = re.compile(r"^```(?P<language>[\w{}-]*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command of a console block, and what the page says that it prints."""

    line: str
    output: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)


def blocks(page: Path, language: str) -> list[Block]:
    return [Block(**match.groupdict()) for match in _FENCE.finditer(page.read_text()) if match["language"] == language]


def runs(page: Path) -> list[Run]:
    """The commands of the page's console blocks, in order."""
    found: list[Run] = []
    for block in blocks(page, "console"):
        for line in block.text.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                found.append(Run(line.removeprefix("$ "), ()))
            else:
                found[-1] = Run(found[-1].line, (*found[-1].output, line))
    return found


def links(page: Path) -> list[str]:
    """The targets of the page's links and images, without those to other hosts."""
    text = _CODE.sub("", _FENCE.sub("", page.read_text()))
    return [target for target in _LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The page's headings as GitHub and MyST turn them into anchors."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
