"""The commands on the pages: each one exists with its options; those that a reader types first are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from documentation import DOCS, PAGES, ROOT, Run, blocks, runs

from gilscope.cli import main

FINE = (0, 3)  # a busy machine has no clear answer, which is an answer
TUTORIAL = DOCS / "tutorial.md"
LONG = (
    "gilscope run",
    "gilscope bench spin mandelbrot nbody",
    "gilscope atlas",
    "gilscope calibrate",
    "gilscope verify",
)
"""Commands that are not run here; their options are checked, and tests elsewhere run them on less."""
FREE = ("gilscope probe -s", "gilscope probe json:dumps", "gilscope probe zlib", "gilscope list", "gilscope doctor")
"""Commands outside the tutorial that need no file of the reader's own."""

EVERY = [pytest.param(run, id=f"{page.name}: {run.line[:60]}") for page in PAGES for run in runs(page)]
OURS = [param for param in EVERY if param.values[0].words[:1] == ["gilscope"]]


def free(run: Run) -> bool:
    """Whether a command runs in any folder on what gilscope installs. The tutorial's have a test of their own."""
    foreign = ("mine", "scipy", "sklearn")
    return run.line.startswith(FREE) and not any(word in run.line for word in foreign) and run not in runs(TUTORIAL)


def run_line(run: Run, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command of a page in this folder, with this interpreter."""
    words = {"gilscope": [sys.executable, "-m", "gilscope"], "python": [sys.executable]}
    program, *rest = run.words
    environment = os.environ | {"COLUMNS": "110"}
    return subprocess.run(
        [*words[program], *rest], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def labels(lines: list[str] | tuple[str, ...]) -> set[str]:
    """The labels of a table of facts, without figures: what stands before two spaces in an indented line."""
    cells = [re.split(r"\s{2,}", line.strip())[0] for line in lines if re.match(r"  \S.*\S  +\S", line)]
    return {re.sub(r"\d+", "#", cell) for cell in cells}


@pytest.mark.quick
@pytest.mark.parametrize("run", OURS)
def test_the_command_and_its_options_exist(run: Run) -> None:
    _, *words = run.words
    name = next((word for word in words if not word.startswith("-")), None)
    if name is None:
        assert set(words) <= {"--help", "--version"}
        return
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"there is no command {name}"
    context = click.Context(command, info_name=name)
    command.make_parser(context).parse_args(words[1:])


@pytest.mark.quick
def test_every_other_program_on_the_pages_is_known() -> None:
    """A typing error in a program's name would skip the checks above."""
    programs = {re.sub(r"^(\w+=(\$\([^)]*\)|\S)+\s+)+", "", param.values[0].line).split()[0] for param in EVERY}
    known = {"gilscope", "python", "make", ".", "pytest", ".venv/bin/python", ".venv/bin/gilscope"}
    assert programs <= known


def test_the_tutorial(tmp_path: Path) -> None:
    """Every command, in order, in one folder; what the page shows has the labels and the heads that they print."""
    (script,) = blocks(TUTORIAL, "python")
    (tmp_path / "threads.py").write_text(script.text)
    done = 0
    for run in runs(TUTORIAL):
        if run.words[0] not in ("gilscope", "python") or run.line.startswith(LONG):
            continue
        result = run_line(run, tmp_path)
        assert result.returncode in FINE, f"{run.line}: {result.stderr}"
        printed = result.stdout.splitlines()
        assert labels(run.output) <= labels(printed), run.line
        if run.output and run.words[1:2] == ["bench"]:
            assert run.output[0].split() == printed[0].split()
        done += 1
    assert done >= 6
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("run", {param.values[0].line: param for param in OURS if free(param.values[0])}.values())
def test_a_command_that_needs_nothing(run: Run, tmp_path: Path) -> None:
    result = run_line(run, tmp_path)
    # A limit on a hold may be missed on a busy machine; the command still did its work.
    assert result.returncode in (FINE if "--max-hold-ms" not in run.line else (*FINE, 1)), result.stderr
    assert labels(run.output) <= labels(result.stdout.splitlines())


def test_the_annotated_page(tmp_path: Path) -> None:
    """The guide's source gives the figures that the guide prints, before and after its one change."""
    page = DOCS / "howto" / "annotated-page.md"
    source, change = (block.text for block in blocks(page, "cython"))
    before, after = (run for run in runs(page) if run.words[1] == "annotate")
    path = tmp_path / "mine.pyx"
    for text, run in ((source, before), (source.replace(change.replace(" noexcept", ""), change), after)):
        path.write_text(text)
        result = run_line(run, tmp_path)
        assert result.returncode == 0, result.stderr
        assert [line.rstrip() for line in result.stdout.splitlines()] == list(run.output)
    assert "noexcept" in path.read_text()


def test_the_gate_on_cython(tmp_path: Path) -> None:
    """The breach that the guide to CI prints, in the source of the guide to annotated pages; then as a baseline."""
    (gate, record, again) = (run for run in runs(DOCS / "howto" / "ci.md") if run.words[1] == "annotate")
    (tmp_path / "src").mkdir()
    for folder in (tmp_path, tmp_path / "src"):
        (folder / "mine.pyx").write_text(blocks(DOCS / "howto" / "annotated-page.md", "cython")[0].text)
    result = run_line(gate, tmp_path)
    assert (result.returncode, result.stdout.splitlines()) == (1, list(gate.output))
    assert run_line(record, tmp_path).returncode == 0
    assert run_line(again, tmp_path).returncode == 0


def test_the_example_of_the_plugin(tmp_path: Path) -> None:
    (code,) = blocks(DOCS / "howto" / "ci.md", "python")
    (tmp_path / "test_gil.py").write_text(code.text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gil-json", "gil.json"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout
    assert "who holds the GIL" in result.stdout
    assert (tmp_path / "gil.json").exists()


def test_the_service_that_stalls(tmp_path: Path) -> None:
    (code,) = blocks(DOCS / "howto" / "asyncio.md", "python")
    (tmp_path / "stall.py").write_text(code.text)
    command = [sys.executable, "stall.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert len(re.findall(r"^\S+ waited \d+ ms for \S+: [\w -]+$", result.stdout, re.MULTILINE)) == 3


@pytest.mark.quick
def test_no_page_prompts_for_root() -> None:
    assert not [param.id for param in EVERY if param.values[0].line.startswith(("sudo", "# "))]


@pytest.mark.quick
def test_the_readme_is_found() -> None:
    assert ROOT / "README.md" in PAGES
