"""`%%gilscope` in IPython's own shell: what a cell defines, what is shown of it, and the message when it is wrong."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("IPython", reason="IPython is missing: pip install ipython")
pytest.importorskip("Cython")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")
pytest.importorskip("setuptools")

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from gilscope import notebook

CELL = """%%gilscope {options}
cdef double one(double value) noexcept nogil:
    return value * value

def total(const double[::1] values):
    cdef double result = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            result += one(values[i])
    return result

_hidden = 1
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all tests here, so that a cell is compiled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VIRTUAL_ENV", raising=False)  # of another one, IPython warns
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.setattr("IPython.paths.get_ipython_cache_dir", lambda: str(tmp_path_factory.getbasetemp() / "cache"))
        yield tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture
def shell(cache: Path) -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "gilscope")
    yield shell
    shell.run_line_magic("reset", "-f")
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, cell: str) -> tuple[Any, str, list[dict[str, str]]]:
    """The result, what was printed, and what was displayed, as MIME bundles."""
    with capture_output() as captured:
        result = shell.run_cell(cell)
    return result, captured.stdout + captured.stderr, [output.data for output in captured.outputs]


def test_a_cell_is_compiled_shown_and_probed(shell: InteractiveShell) -> None:
    shell.push({"values": np.ones(2_000_000)})
    result, output, [shown] = run(shell, CELL.format(options="-X boundscheck=False --probe total(values)"))
    assert result.success, output
    assert shell.ev("total(values)") == 2_000_000
    assert "_hidden" not in shell.user_ns
    assert "one" not in shell.user_ns
    assert re.search(r"^total\(values\) (releases|partly|inconclusive)\b", output)
    assert "lets another thread run" in output
    assert "total: releases at line 7;" in shown["text/plain"]
    frame = shown["text/html"]
    assert frame.startswith('<iframe sandbox="allow-scripts" ')
    assert "<" not in frame[1:].removesuffix("</iframe>"), "all that the page has is inside of the frame"
    page = unescape(frame)
    assert "<h1>The cell</h1>" in page
    assert 'id="L7"' in page
    assert "RaiseBufferIndexError" not in page


def test_it_is_compiled_once_for_each_text_and_options(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    real = notebook._build
    monkeypatch.setattr(
        notebook, "_build", lambda cell, source, *rest: built.append(source) or real(cell, source, *rest)
    )
    for options in ("-X boundscheck=False", "-X boundscheck=False", "-X boundscheck=True"):
        result, _, [shown] = run(shell, CELL.format(options=options).replace("result = 0.0", "result = 1.0"))
        assert result.success
        assert ("RaiseBufferIndexError" in shown["text/html"]) is ("True" in options)
    assert len(set(built)) == len(built) == 2


def test_declarations_beside_it(shell: InteractiveShell, tmp_path: Path) -> None:
    for value in (2, 3):  # a .pxd that changed is noticed
        (tmp_path / "beside.pxd").write_text(f"cdef inline int add(int x) noexcept nogil:\n    return x + {value}\n")
        cell = "from beside cimport add\n__all__ = ['f']\ndef f(int x):\n    return add(x)\ndef g():\n    pass\n"
        result, output, _ = run(shell, f"%%gilscope -I {tmp_path}\n{cell}")
        assert result.success, output
        assert shell.ev("f(1)") == 1 + value
        assert "g" not in shell.user_ns


def test_cpp(shell: InteractiveShell) -> None:
    cell = "# distutils: language = c++\nfrom libcpp.vector cimport vector\ndef f(int n):\n    cdef vector[int] v\n"
    result, output, _ = run(shell, f"%%gilscope\n{cell}    v.resize(n)\n    return v.size()\n")
    assert result.success, output
    assert shell.ev("f(3)") == 3


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%gilscope\ncdef int f(int x):\n    return y + x\n", r"cell:2:11: undeclared name not builtin: y"),
        ("%%gilscope\ndef f(:\n    pass\n", r"cell:1:6: .+"),
        ("%%gilscope -X no_such=1\ndef f(): pass\n", r".*no_such.*"),
        ("%%gilscope --unknown\ndef f(): pass\n", r"%%gilscope: No such option.*--unknown.*"),
        ("%%gilscope --probe f\ndef f(): pass\n", r"--probe f: not a call; .+"),
        ("%%gilscope --probe f(y)\ndef f(): pass\n", r"--probe f\(y\): NameError: name 'y' is not defined"),
        ("%%gilscope --probe f(1)\ndef f(): pass\n", r"f\(1\) raised TypeError: .+"),
        ("%%gilscope\n# distutils: libraries = nowhere\ndef f(): pass\n", r"(?s).*nowhere.*"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(shell: InteractiveShell, cell: str, message: str) -> None:
    result, output, _ = run(shell, cell)
    assert not result.success, "the notebook would run on"
    assert "Traceback" not in output
    assert "notebook.py" not in output
    assert re.fullmatch(message, output.strip().splitlines()[-1] if "libraries" not in cell else output.strip()), output


def test_nothing_leaks_into_the_notebook(shell: InteractiveShell, tmp_path: Path, visit: Any) -> None:
    """The notebook's own h1 and table stay as they were, and the page in the frame works."""
    _, _, [shown] = run(shell, CELL.format(options="-X boundscheck=False"))
    plain = "<!DOCTYPE html><h1>Notebook</h1><table><tr><td>1</td></tr></table>"
    looks = "() => ['h1', 'td'].map((s) => JSON.stringify([...getComputedStyle(document.querySelector(s))].map((n) => \
getComputedStyle(document.querySelector(s))[n])))"
    pages = [tmp_path / "plain.html", tmp_path / "shown.html"]
    for path, text in zip(pages, (plain, plain + shown["text/html"]), strict=True):
        path.write_text(text)
    assert visit(pages[0]).evaluate(looks) == visit(pages[1]).evaluate(looks)
    frame = visit(pages[1]).frame_locator("iframe")
    frame.locator("#L7 summary").click()
    assert "PyEval_SaveThread" in frame.locator("#L7 pre").inner_text()
    frame.get_by_role("button", name="Dark theme").click()
    assert frame.get_by_role("button", name="Light theme").is_visible()
