"""The house: what may import what, and how long things may be.

LAYERS below is the list of the layers; the docs refer to it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from imports import Package, circles, hidden, upward

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/gilscope"

# The lowest first. A module imports from its own line and from those above it in this list.
LAYERS = (
    ("_version", "capi", "cy"),  # capi and cy are compiled from ext/; they know no Python of ours
    ("stats",),
    ("sources",),
    ("host",),
    ("results",),
    ("html",),
    ("scope",),
    ("kernels", "variants", "tasks"),
    ("pools",),
    ("measure",),
    ("probes",),
    ("experiments",),
    ("lab",),
    ("annotate",),
    ("report",),
    ("cli", "notebook", "pytest_plugin", "__main__"),
    ("gilscope",),  # __init__: the public names, which are loaded when they are asked for
)

# What must start quickly imports inside functions. Elsewhere only what is optional is imported there.
START_UP = ("gilscope", "cli", "pytest_plugin")

UNTYPED = re.compile(r"dict\[str, Any\]|Mapping\[str, Any\]")
MOST_UNTYPED_LINES = 25
LONGEST_PYTHON, LONGEST_C, LONGEST_FUNCTION = 350, 500, 60

# FILE:FUNCTION of functions that may be longer than LONGEST_FUNCTION, and why.
LONG_FUNCTIONS: dict[str, str] = {}


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(SOURCE)


def no(lines: list[str]) -> None:
    """Fail with these lines, if there are any."""
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_no_import_goes_up(package: Package) -> None:
    no(upward(package, LAYERS))


def test_no_modules_import_each_other_in_a_circle(package: Package) -> None:
    no(circles(package))


def test_an_import_inside_a_function_is_for_start_up_or_optional(package: Package) -> None:
    no(hidden(package, START_UP))


def test_the_public_names_are_imported_only_when_asked_for() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    eager = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "gilscope" in ast.unparse(node).replace("gilscope._version", "")
    ]
    no(eager)


def test_data_have_a_type() -> None:
    lines = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyi")])
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if UNTYPED.search(line)
    ]
    if len(lines) > MOST_UNTYPED_LINES:
        no([f"{len(lines)} lines, {MOST_UNTYPED_LINES} are allowed:", *lines])


def length(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_no_file_is_too_long() -> None:
    written = [file for file in (ROOT / "ext").rglob("*.c") if not file.with_suffix(".pyx").exists()]
    limits = dict.fromkeys([*written, *(ROOT / "ext").rglob("*.h"), *(ROOT / "tests/core").glob("*.c")], LONGEST_C)
    limits |= dict.fromkeys([*SOURCE.rglob("*.py"), *(ROOT / "ext/cy").rglob("*.pyx")], LONGEST_PYTHON)
    lines = [
        f"{file.relative_to(ROOT)}: {length(file)} lines, {most} are allowed"
        for file, most in sorted(limits.items())
        if length(file) > most
    ]
    no(lines)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef, source: list[str]) -> int:
    """Lines of a function that are not blank, a comment, or its docstring."""
    first = function.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = range(first.lineno, (first.end_lineno or 0) + 1) if is_text else range(0)
    return sum(
        number not in docstring and not source[number - 1].lstrip().startswith("#") and bool(source[number - 1].strip())
        for number in range(function.lineno, (function.end_lineno or 0) + 1)
    )


def long_functions() -> Iterator[tuple[str, int]]:
    for file in sorted(SOURCE.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for function in functions(ast.parse(text)):
            code = lines_of_code(function, text.splitlines())
            if code > LONGEST_FUNCTION:
                yield f"{file.relative_to(SOURCE)}:{function.name}", code


def test_no_function_is_too_long() -> None:
    lengths = dict(long_functions())
    no(
        [
            f"{name}: {code} lines, {LONGEST_FUNCTION} are allowed"
            for name, code in lengths.items()
            if name not in LONG_FUNCTIONS
        ]
    )
    no(
        [
            f"{name}: is not long any more; take it out of LONG_FUNCTIONS"
            for name in LONG_FUNCTIONS
            if name not in lengths
        ]
    )


# The tests above can fail: the same on a package in which each rule is broken.

SMALL = (("low",), ("middle",), ("high", "beside"), ("house",))


def build(tmp_path: Path, **files: str) -> Package:
    """A package `house`: room__module="source", where `__` stands for a slash."""
    for name, text in {"__init__": "", **files}.items():
        file = tmp_path / "house" / (name.replace("__", "/", name.count("__") - name.endswith("__init__") * 2) + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Package(tmp_path / "house")


@pytest.mark.parametrize(
    "text",
    [
        "import house.high",
        "from house import high",
        "from house.high import name",
        "from .high import name",
        "from . import high",
        "def f():\n    from house.high import name",
        "class C:\n    async def f(self):\n        import house.high",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.high import name",
        "import importlib\nimportlib.import_module('house.high')",
        "def f(x):\n    return __import__(f'house.high.{x}')",
        "try:\n    import house.high\nexcept ImportError:\n    pass",
    ],
)
def test_an_import_that_goes_up_is_caught(tmp_path: Path, text: str) -> None:
    package = build(tmp_path, low=text, high="name = 1")
    (line,) = upward(package, SMALL)
    number = text.count("\n", 0, text.index("high")) + 1
    assert line == f"house/low.py:{number}: low (layer 0) imports high (layer 2)"


def test_an_import_that_goes_down_or_aside_is_none_of_these(tmp_path: Path) -> None:
    package = build(tmp_path, low="import os", high="import house.low\nfrom house import beside", beside="")
    assert upward(package, SMALL) == circles(package) == hidden(package, ()) == []


def test_a_name_of_the_whole_package_is_above_all(tmp_path: Path) -> None:
    (line,) = upward(build(tmp_path, high="from house import __version__"), SMALL)
    assert line == "house/high.py:1: high (layer 2) imports house (layer 3)"


def test_a_room_without_a_layer_is_caught(tmp_path: Path) -> None:
    assert upward(build(tmp_path, attic=""), SMALL) == ["attic: has no place in LAYERS"]


@pytest.mark.parametrize("back", ["import house.high", "def f():\n    import house.high"])
def test_a_circle_is_caught(tmp_path: Path, back: str) -> None:
    package = build(tmp_path, high="import house.beside", beside=back)
    (line,) = circles(package)
    assert set(line.split(": ")[0].split(" -> ")) == {"house.high", "house.beside"}
    assert "house/high.py:1" in line
    assert f"house/beside.py:{back.count(chr(10)) + 1}" in line


def test_two_circles_are_two_lines(tmp_path: Path) -> None:
    files = {"low__a": "import house.low.b", "low__b": "import house.low.a"}
    files |= {"high__a": "import house.high.b", "high__b": "import house.high.c", "high__c": "import house.high.a"}
    assert len(circles(build(tmp_path, low____init__="", high____init__="", **files))) == 2


def test_a_circle_through_the_init_of_a_package_is_caught(tmp_path: Path) -> None:
    """high/a asks for beside/b alone, but that runs beside/__init__ first, which asks for high/a."""
    files = {"high__a": "import house.beside.b", "beside__b": "", "beside____init__": "import house.high.a"}
    (line,) = circles(build(tmp_path, high____init__="", **files))
    assert set(line.split(": ")[0].split(" -> ")) == {"house.high.a", "house.beside"}


def test_a_package_that_shows_its_own_modules_is_no_circle(tmp_path: Path) -> None:
    files = {"high____init__": "from house.high.a import x", "high__a": "from house.high import b", "high__b": ""}
    assert circles(build(tmp_path, **files)) == []
    (line,) = circles(build(tmp_path, **files | {"high__a": "from house.high import x"}))
    assert set(line.split(": ")[0].split(" -> ")) == {"house.high", "house.high.a"}


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("import house.low", True),
        ("import json", True),
        ("import numpy", True),
        ("import importlib; importlib.import_module('house.low')", True),
        ("import plotly", False),
        ("from house import drawing", False),
        ("from house.low import compiled", False),
    ],
)
def test_an_import_hidden_in_a_function_is_caught(tmp_path: Path, text: str, caught: bool) -> None:
    files = {"low____init__": "", "drawing": "import plotly.graph_objects", "high": f"def f():\n    {text}"}
    (tmp_path / "house/low").mkdir(parents=True)
    (tmp_path / "house/low/compiled.pyi").touch()
    package = build(tmp_path, **files)
    assert any("house/high.py:2" in line for line in hidden(package, ())) == caught
    assert hidden(package, ["high"]) == []


def test_lines_of_code_are_neither_comments_nor_docstrings() -> None:
    source = '@decorated\ndef f(\n    x,\n):\n    """One\n    two."""\n\n    # three\n    return x  # four\n'
    (function,) = functions(ast.parse(source))
    assert lines_of_code(function, source.splitlines()) == 4
