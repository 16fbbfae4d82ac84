"""The types of options and arguments: names with completion and suggestions, numbers with bounds, files."""

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from gilscope.cli._program import unknown
from gilscope.sources import module_names

# Generic in the newest click only, so that only a type checker may give it its argument.
if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType

THREADS_MOST = 1024
SIZE_MOST = 10**9  # its square still fits into 64 bits, so a size that is too large is a MemoryError
SIZES = ("tiny", "small", "medium", "large")


def kernel_names() -> list[str]:
    """The names of gilscope.kernels, without the time to import them."""
    return module_names("kernels")


def experiment_names() -> list[str]:
    """The names of gilscope.experiments, likewise."""
    return sorted(name.strip("_").replace("_", "-") for name in module_names("experiments"))


def implementations() -> Sequence[str]:
    from gilscope.variants import IMPLEMENTATIONS

    return IMPLEMENTATIONS


def policies() -> Sequence[str]:
    from gilscope.variants import POLICIES

    return POLICIES


class Name(ParamType):
    """One of a set of names; `see` is the command that lists them."""

    def __init__(self, kind: str, known: Callable[[], Sequence[str]], see: str) -> None:
        self.name = kind
        self.known = known
        self.see = see

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.check(value)

    def check(self, word: str) -> str:
        known = self.known()
        if word not in known:
            raise unknown(self.name, word, known, self.see)
        return word

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self.known() if name.startswith(incomplete)]


class Names(Name):
    """Several names, separated by commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(dict.fromkeys(self.check(word) for word in value.split(","))) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(before + comma + name) for name in self.known() if name.startswith(last)]


class Threads(ParamType):
    """Numbers of workers, separated by commas, as a sorted tuple."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        numbers = [_whole(word) for word in value.split(",")]
        if not all(1 <= number <= THREADS_MOST for number in numbers):
            self.fail(
                f"{value[:40]!r} is not a list of whole numbers from 1 to {THREADS_MOST}, such as 1,2,4", param, ctx
            )
        return tuple(sorted(set(numbers)))


class Size(ParamType):
    """A named size, or a number in the kernel's own unit."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in SIZES or not isinstance(value, str):
            return value
        if value.isascii() and value.isalpha():
            raise unknown("size", value, SIZES, "gilscope bench --help")
        if not 1 <= _whole(value) <= SIZE_MOST:
            self.fail(
                f"{value[:40]!r} is neither {', '.join(SIZES)} nor a whole number from 1 to {SIZE_MOST}", param, ctx
            )
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in SIZES if name.startswith(incomplete)]


class Real(ParamType):
    """A number from low to high."""

    name = "number"

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high:
            self.fail(f"{value[:40]!r} is not a number from {self.low:g} to {self.high:g}", param, ctx)
        return number


class Target(ParamType):
    """A file to write, or "-" for stdout. It is checked at once: after the measurement it would be too late."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-" or not isinstance(value, str):
            return value
        path = Path(value)
        try:
            if path.is_dir() or (path.exists() and not path.is_file() and not os.access(path, os.W_OK)):
                self.fail(f"cannot write {value}", param, ctx)
            if not path.exists() or path.is_file():  # not a pipe or a device
                with tempfile.TemporaryFile(dir=path.resolve().parent):
                    pass
        except OSError as error:
            self.fail(f"cannot write {value}: {error.strerror}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


def _whole(text: str) -> int:
    """The number, or 0 if the text is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


KERNEL = Name("kernel", kernel_names, "gilscope list")
EXPERIMENT = Name("experiment", experiment_names, "gilscope list experiments")
IMPLEMENTATIONS = Names("implementation", implementations, "gilscope list cells")
POLICIES = Names("policy", policies, "gilscope list cells")
SCALING = Name("scaling", lambda: ("weak", "strong"), "gilscope bench --help")
THREADS = Threads()
SIZE = Size()
TARGET = Target()
OUT = click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default="report",
    help="Write the report to this folder, or to one file if the name ends in .html. Default: report.",
)
