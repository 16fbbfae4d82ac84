"""The gate as CI runs it: where its rules come from, what it knows, what it waives, and what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("Cython")

from gilscope.annotate import Page, annotate
from gilscope.annotate.gate import Breach, breaches, could_release, new_breaches
from gilscope.results import files

DATA = Path(__file__).parents[1] / "data" / "annotate"
TICK = "cdef void tick(int i) nogil:\n    pass\n"
LOOP = "    cdef int i\n    with nogil:\n        for i in range(n):\n            tick(i){0}\n"


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gilscope", "annotate", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def project(folder: Path, rules: str = "", **sources: str) -> list[Path]:
    """Sources below src/, with rules above them."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.gilscope.annotate]\n{rules}\n")
    paths = []
    for name, text in sources.items():
        paths.append(folder / "src" / f"{name}.pyx")
        paths[-1].write_text(text)
    return paths


def of(folder: Path, paths: list[Path]) -> list[Breach]:
    return breaches(annotate(paths, folder / "out"))


def test_success_says_what_was_looked_at(tmp_path: Path) -> None:
    held = "def held(double[:] v):\n    cdef Py_ssize_t i\n    for i in range(v.shape[0]):\n        v[i] = 0\n"
    project(tmp_path, one=f"def f(int n):\n    with nogil:\n        n += 1\n    return n\n{held}")
    done = call(tmp_path, "src", "--check")
    assert (done.returncode, done.stdout) == (0, "2 functions in 1 files, 1 release; 0 rules broken\n")
    assert "1 function never releases the GIL" in done.stderr
    assert 'must-release = ["one.held"]' in done.stderr


def test_rules_are_searched_upwards_from_the_source(tmp_path: Path) -> None:
    paths = project(tmp_path, "takes-in-loops = true", one=f"{TICK}def f(int n):\n{LOOP.format('')}")
    (tmp_path / "elsewhere").mkdir()
    assert call(tmp_path / "elsewhere", "--check", str(paths[0])).returncode == 0
    (tmp_path / "pyproject.toml").write_text("[tool.gilscope.annotate]\n")
    assert call(tmp_path / "elsewhere", "--check", str(paths[0])).returncode == 1


def test_must_release_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    project(tmp_path, 'must-release = ["one.typo", "two.f"]', one="def f(): pass\n", two="def f(): pass\n")
    done = call(tmp_path, "--check", "src")
    assert done.returncode == 2
    assert "'one.typo' names none of the 2 functions" in done.stderr
    (tmp_path / "pyproject.toml").write_text('[tool.gilscope.annotate]\nmust-release = ["two.f"]\n')
    assert call(tmp_path, "--check", "src/one.pyx").returncode == 0, "two.pyx is there, only not looked at"
    assert call(tmp_path, "--check", "src").returncode == 1


def test_must_release_by_class(tmp_path: Path) -> None:
    text = (DATA / "r04_class_names.pyx").read_text()
    paths = project(tmp_path, 'must-release = ["*.B.total"]', one=text)
    assert [(b.function, b.rule) for b in of(tmp_path, paths)] == [("one.B.total", "must-release")]


def test_a_release_in_a_loop_has_a_rule_of_its_own(tmp_path: Path) -> None:
    paths = project(tmp_path, "releases-in-loops = false", one=(DATA / "r08_release_in_loop.pyx").read_text())
    assert [(b.line, b.rule) for b in of(tmp_path, paths)] == [(8, "release-in-loop")]


def test_hints_can_be_a_rule(tmp_path: Path) -> None:
    paths = project(tmp_path, "performance-hints = false\ntakes-in-loops = true", one=f"{TICK}def f(): pass\n")
    assert [b.rule for b in of(tmp_path, paths)] == ["performance-hint"]


@pytest.mark.parametrize(
    ("comment", "status", "message"),
    [
        ("  # gilscope: allow take-in-loop, one take for a hundred rows", 0, ""),
        ("  # gilscope: allow release-in-loop, another rule", 1, "take-in-loop"),
        ("  # gilscope: allow take-in-loop", 2, "lacks a reason"),
        ("  # gilscope: allow everything, I am lazy", 2, "allows no rule"),
    ],
)
def test_waivers(tmp_path: Path, comment: str, status: int, message: str) -> None:
    project(tmp_path, one=f"{TICK}def f(int n):\n{LOOP.format(comment)}")
    done = call(tmp_path, "--check", "src")
    assert done.returncode == status
    assert message in done.stdout + done.stderr


def test_a_baseline_tells_classes_and_files_of_one_name_apart(tmp_path: Path) -> None:
    method = "    def total(self, int n):\n" + LOOP.format("").replace("    ", "        ", 1).replace(
        "\n    ", "\n        "
    )
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.pyx").write_text(f"{TICK}cdef class A:\n{method}")
    assert call(tmp_path, "a", "b", "--json", "known.json", "--out", "out").returncode == 0
    assert call(tmp_path, "a", "b", "--check", "--baseline", "known.json").returncode == 0
    document = json.loads((tmp_path / "known.json").read_text())
    assert document["version"] == 2
    document["breaches"] = document["breaches"][:1]
    (tmp_path / "known.json").write_text(json.dumps(document))
    done = call(tmp_path, "a", "b", "--check", "--baseline", "known.json")
    assert (done.returncode, done.stdout.splitlines()) == (1, [f"b/x.pyx:8: take-in-loop: x.A.total {LOOPS}"])
    (tmp_path / "a/x.pyx").write_text(f"{TICK}cdef class B:\n{method}")
    assert call(tmp_path, "a", "--check", "--baseline", "known.json").returncode == 1, "B is not A"
    (tmp_path / "a/x.pyx").write_text(f"\n\n{TICK}cdef class A:\n{method}")
    assert call(tmp_path, "a", "--check", "--baseline", "known.json").returncode == 0, "lines may move"


LOOPS = "takes the GIL in a loop"


def test_a_baseline_of_version_1(tmp_path: Path) -> None:
    known = {"file": "src/one.pyx", "line": 3, "rule": "take-in-loop", "text": f"one.total {LOOPS}"}
    files.write({"format": "gilscope.annotate", "version": 1, "files": [], "breaches": [known]}, tmp_path / "old.json")
    new = Breach("src/one.pyx", 9, "take-in-loop", f"one.A.total {LOOPS}", "one.A.total", "tick(i)")
    assert new_breaches([new], tmp_path / "old.json") == []
    assert new_breaches([new, new], tmp_path / "old.json") == [new]


def test_annotations_of_github(tmp_path: Path) -> None:
    project(tmp_path, one=f"{TICK}def f(int n):\n{LOOP.format('')}")
    done = call(tmp_path, "--check", "src", "--format", "github")
    assert done.stdout == f"::error file=src/one.pyx,line=7,title=gilscope take-in-loop::one.f {LOOPS}\n"


def test_a_missing_file_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    done = call(tmp_path, "none.pyx")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "gilscope: none.pyx: no such file\n")
    assert not list(tmp_path.iterdir())


def test_names_for_if_and_a_module_name(tmp_path: Path) -> None:
    (tmp_path / "one.pyx").write_text("IF FAST:\n    def f(): pass\nELSE:\n    def g(): pass\n")
    done = call(tmp_path, "one.pyx", "-E", "FAST=True", "--module-name", "pkg.sub.one", "-j", "1", "--json", "-")
    (figures,) = json.loads(done.stdout)["files"]
    assert (figures["module"], [f["name"] for f in figures["functions"]]) == ("pkg.sub.one", ["f"])


def test_excluded_sources_and_those_of_cpp(tmp_path: Path) -> None:
    text = "from libcpp.vector cimport vector\ndef f():\n    cdef vector[int] v\n    return v.size()\n"
    project(tmp_path, 'exclude = ["src/bad*"]\ncplus = ["src/one.pyx"]', one=text, bad="def f(:\n")
    done = call(tmp_path, "src", "--check")
    assert (done.returncode, done.stdout) == (0, "1 functions in 1 files, 0 release; 0 rules broken\n")


def test_pure_python_files_and_linked_folders(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "pure.py").write_text("import cython\n\ndef f(n: cython.int):\n    return n\n")
    (tmp_path / "real" / "plain.py").write_text("def g(): pass\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "link").symlink_to(tmp_path / "real")
    done = call(tmp_path, "src", "--check")
    assert re.match("1 functions in 1 files", done.stdout), done.stderr


def test_a_file_that_another_includes_need_not_compile_alone(tmp_path: Path) -> None:
    project(tmp_path, whole='ctypedef int number\ninclude "part.pyx"\n', part="def f(number n): return n\n")
    done = call(tmp_path, "src", "--check")
    assert (done.returncode, done.stdout) == (0, "1 functions in 2 files, 0 release; 0 rules broken\n")


def test_a_wrapper_releases_through_its_callee(tmp_path: Path) -> None:
    work = "cdef int work(int n) except -1:\n    with nogil:\n        n += 1\n    return n\n"
    paths = project(tmp_path, 'must-release = ["one.wrapper"]', one=f"{work}def wrapper(int n):\n    return work(n)\n")
    (page,) = annotate(paths, tmp_path / "out")
    wrapper = page.functions[1]
    assert (wrapper.release_lines, wrapper.through, wrapper.verdict()) == ([], ("work",), "through work")
    assert breaches([page]) == []
    assert could_release([page]) is None


def test_the_walk_of_the_test_agrees(tmp_path: Path) -> None:
    """Cython's own visitor finds the same functions, releases and `with gil` blocks; benchmarks/annotate.py does whole
    projects."""
    walk = Path(__file__).with_name("independent.py")
    sources = [path for case in ("r06", "r15", "r26") for path in DATA.glob(f"{case}*")]
    for page in annotate(sources, tmp_path):
        if page.included:
            continue
        command = [sys.executable, str(walk), "-o", str(tmp_path / "x.c"), str(page.source)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = {kind: {line for _, line in places} for kind, places in json.loads(done.stdout).items()}
        assert {f.line for f in page.functions} == theirs["functions"], page.source
        assert {line for f in page.functions for line in f.release_lines} == theirs["releases"], page.source
        blocks = {n.number for f in page.functions for n in f.lines if n.takes and n.boundary and not n.releases}
        rest = theirs["takes"] - blocks
        assert blocks <= theirs["takes"], page.source
        assert rest <= ({49} if page.source.name == "r26_nested.pyx" else set()), "an error path that takes it once"


def test_the_case_of_two_takes_is_seen_in_the_pages(tmp_path: Path) -> None:
    (page,) = annotate([DATA / "r11_indirect_take.pyx"], tmp_path)
    assert isinstance(page, Page)
    assert [line.number for line in page.functions[1].lines if line.takes_in_loop] == [14]


def test_a_cpdef_function_takes_nothing_for_its_python_side(tmp_path: Path) -> None:
    text = "cpdef int end(int n) except * nogil:\n    return n\n"
    (page,) = annotate(project(tmp_path, one=text), tmp_path / "out")
    assert [(f.name, sum(line.takes for line in f.lines)) for f in page.functions] == [("end", 0)]
