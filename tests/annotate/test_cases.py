"""Cases in which a reader of Cython's sources or of its C goes wrong, each with its right figures.

Each file in tests/data/annotate says in a comment EXPECTED what is right; here it is, case by case.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("Cython")

from gilscope.annotate import AnnotateError, Function, Options, Page, annotate_each

DATA = Path(__file__).parents[1] / "data" / "annotate"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Page]]:
    """The pages of all cases, by the path of the source."""
    sources = [
        path
        for path in sorted(DATA.rglob("*.py*"))
        if path.suffix in (".pyx", ".py") and not path.is_relative_to(DATA / "r36") and path.name != "cr_in_string.pyx"
    ]
    pages: dict[str, list[Page]] = {}
    source = ""
    for outcome in annotate_each([*sources, DATA / "r18_bytes/cr_in_string.pyx"], tmp_path_factory.mktemp("cases")):
        if isinstance(outcome, Page):
            if not outcome.included:
                source = outcome.source.relative_to(DATA).as_posix()
            pages.setdefault(source, []).append(outcome)
        else:
            pages.setdefault(str(outcome), [])
    return pages


@pytest.fixture
def functions(pages: Mapping[str, list[Page]], request: pytest.FixtureRequest) -> dict[str, Function]:
    """The functions of the case whose number the test has in its name."""
    case = request.node.name.split("_")[1]
    return {f.name: f for name, of_case in pages.items() if name.startswith(case) for p in of_case for f in p.functions}


Functions = Mapping[str, Function]


def test_r01_functions_and_blocks_on_one_line(functions: Functions) -> None:
    assert list(functions) == ["add", "tick", "runs", "loops_short"]
    assert functions["loops_short"].takes_in_loop == 1
    assert functions["runs"].takes_in_loop == 0


def test_r02_a_c_tuple_as_result(functions: Functions) -> None:
    assert list(functions) == ["minmax", "use"]
    minmax = functions["minmax"]
    assert minmax.nogil
    assert (minmax.boundary, minmax.inside_nogil, minmax.in_loop, minmax.takes_in_loop) == (0, 0, 0, 0)


def test_r03_a_parameter_that_is_nogil(functions: Functions) -> None:
    assert not functions["apply"].nogil
    assert not functions["apply"].releases
    assert functions["apply"].inside_nogil == 0


def test_r04_two_classes_with_a_method_of_one_name(functions: Functions) -> None:
    assert functions["A.total"].release_lines == [9]
    assert not functions["B.total"].releases
    assert functions["A.total"].full_name == "r04_class_names.A.total"


def test_r05_quotes_in_a_comment(functions: Functions) -> None:
    assert {f.name: f.release_lines for f in functions.values()} == {"first": [8], "second": [17]}


def test_r06_pure_python_mode(functions: Functions) -> None:
    assert functions["plain"].nogil
    assert (functions["caller"].release_lines, functions["caller"].takes_in_loop) == ([20], 1)
    assert (functions["loop_par"].release_lines, functions["loop_par"].takes_in_loop) == ([29], 1)
    assert functions["bad"].with_gil
    assert functions["calls_bad"].takes_in_loop == 1


def test_r07_a_method_that_only_shares_its_name_with_a_taker(functions: Functions) -> None:
    assert (functions["fill"].takes_in_loop, functions["notify"].takes_in_loop) == (0, 1)


def test_r08_a_release_on_each_round(functions: Functions) -> None:
    assert (functions["f"].releases_in_loop, functions["f"].takes_in_loop) == (1, 0)


def test_r09_loops_that_are_not_statements(functions: Functions) -> None:
    assert all(function.in_loop for function in functions.values()), functions
    assert list(functions) == ["comp", "gen", "dictc", "async_"]


def test_r10_fused_functions_once(functions: Functions) -> None:
    assert list(functions) == ["check", "one", "four"]
    assert (functions["one"].takes_in_loop, functions["four"].takes_in_loop) == (1, 1)
    assert (functions["one"].specialisations, functions["four"].specialisations) == (1, 4)


def test_r11_a_take_in_a_callee(functions: Functions) -> None:
    assert functions["caller"].takes_in_loop == 1


def test_r12_included_files_and_inline_functions(pages: Mapping[str, list[Page]], functions: Functions) -> None:
    assert functions["from_pxi"].takes_in_loop == 1
    assert functions["inl"].takes_in_loop == 1
    files = {page.source.name: [f.name for f in page.functions] for page in pages["r12_include/mod.pyx"]}
    assert files == {"mod.pyx": ["here"], "part.pxi": ["tick", "from_pxi"], "mod.pxd": ["inl"]}


def test_r13_a_take_at_the_entry(functions: Functions) -> None:
    assert functions["C.note"].entry_takes
    assert functions["caller"].takes_in_loop == 1


def test_r14_memoryviews(functions: Functions) -> None:
    for name in ("total", "rows", "attr"):
        assert (functions[name].inside_nogil, functions[name].takes_in_loop) == (0, 0), name


def test_r15_prange_and_parallel(functions: Functions) -> None:
    assert (functions["a"].release_lines, functions["a"].takes_in_loop) == ([12], 0)
    assert (functions["b"].release_lines, functions["b"].takes_in_loop) == ([19], 0)
    assert not functions["c"].releases
    assert functions["c"].takes_in_loop == 0
    assert (functions["d"].releases_in_loop, functions["a"].releases_in_loop) == (1, 0)


def test_r16_a_release_for_some_types(functions: Functions) -> None:
    inc = functions["inc"]
    assert inc.release_lines == [14]
    assert inc.takes_in_loop == 1
    assert next(line for line in inc.lines if line.number == 16).nogil


def test_r17_what_if_leaves_out(functions: Functions) -> None:
    assert [(f.name, f.line) for f in functions.values()] == [("work", 6)]
    assert functions["work"].releases


@pytest.mark.parametrize(
    "name", ["bom", "cr_in_string", "crlf", "dotted.name", "formfeed", "latin1", "linesep", "tabs"]
)
def test_r18_odd_encodings_and_line_ends(pages: Mapping[str, list[Page]], name: str) -> None:
    (page,) = pages[f"r18_bytes/{name}.pyx"]
    functions = {f.name: f for f in page.functions}
    lines = page.source.read_bytes().replace(b"\t", b"    ").split(b"\n")
    assert functions["f"].release_lines == [1 + [line.strip() for line in lines].index(b"with nogil:")]
    assert functions["g"].takes_in_loop == 1


def test_r20_exceptions_of_cpp(functions: Functions) -> None:
    takes = {f.name: f.takes_in_loop for f in functions.values()}
    assert takes == {"ok": 0, "member": 0, "extern_plain": 0, "extern_star": 1}


def test_r21_locks_without_the_gil(functions: Functions) -> None:
    assert functions["lock"].takes_in_loop == functions["lock"].releases_in_loop == 0
    assert (functions["mutex"].inside_nogil, functions["mutex"].takes_in_loop) == (0, 0)


def test_r22_generators_closures_and_properties(functions: Functions) -> None:
    assert (functions["gen"].release_lines, functions["gen"].releases_in_loop) == ([11], 1)
    assert not functions["outer"].release_lines
    assert functions["outer.inner"].release_lines == [19]
    assert functions["outer"].in_loop > 0
    assert {"P.size.__get__", "P.size.__set__", "P.old.__get__", "co"} <= set(functions)
    assert functions["co"].release_lines == [42]


def test_r23_a_class_of_cpp(functions: Functions) -> None:
    assert list(functions) == ["tick", "Worker.__init__", "Worker.run", "use"]
    assert functions["Worker.run"].nogil
    assert functions["Worker.run"].takes_in_loop == 1


def test_r24_a_cdef_block_and_a_c_name(functions: Functions) -> None:
    assert list(functions) == ["tick", "blk", "cname", "use"]
    assert functions["blk"].nogil
    assert functions["cname"].nogil
    assert functions["blk"].takes_in_loop == 1


def test_r26_blocks_in_blocks(functions: Functions) -> None:
    tf, ng = functions["tf"], functions["ng"]
    assert (tf.release_lines, tf.takes_in_loop, tf.inside_nogil) == ([9], 0, 0)
    assert (ng.takes_in_loop, ng.in_loop > 0) == (1, True)
    assert functions["early"].releases
    assert [functions[name].takes_in_loop for name in ("early", "err", "pyerr")] == [0, 0, 0]


def test_r30_a_name_that_only_looks_like_the_c_api(functions: Functions) -> None:
    assert functions["f"].inside_nogil == 0


def test_r32_c_without_comments(functions: Functions) -> None:
    f = functions["f"]
    assert f.boundary > 0
    assert (f.release_lines, f.takes_in_loop) == ([12], 1)


def test_r36_a_namespace_package(tmp_path: Path) -> None:
    options = Options(include=(DATA / "r36",), module_name="ns.pkg.two")
    (page,) = annotate_each([DATA / "r36/ns/pkg/two.pyx"], tmp_path, options)
    assert isinstance(page, Page)
    assert [f.full_name for f in page.functions] == ["ns.pkg.two.f"]
    assert page.functions[0].releases
    (error,) = annotate_each([DATA / "r36/ns/pkg/two.pyx"], tmp_path)
    assert isinstance(error, AnnotateError)
    assert "two.pyx:4:0: " in str(error)


def test_r37_two_files_of_one_name(pages: Mapping[str, list[Page]]) -> None:
    (a,), (b,) = pages["r37/a/x.pyx"], pages["r37/b/x.pyx"]
    assert [f.takes_in_loop for f in a.functions] == [0, 1]
    assert [f.takes_in_loop for f in b.functions] == [0, 0]


@pytest.mark.parametrize("name", ["call_a", "call_b", "call_c", "call_pointer"])
def test_r38_takes_of_callees(functions: Functions, name: str) -> None:
    assert functions[name].takes_in_loop == 1


def test_r41_an_included_file_of_the_same_name(pages: Mapping[str, list[Page]]) -> None:
    page, part = pages["r41/mod.pyx"]
    assert part.source == DATA / "r41/sub/mod.pyx"
    (here,) = page.functions
    assert (here.releases, here.takes_in_loop, here.boundary > 0) == (False, 0, True)
    there = part.functions[-1]
    assert (there.name, there.release_lines, there.takes_in_loop) == ("there", [7], 1)


def test_r42_calls_with_keywords_and_conversions(functions: Functions) -> None:
    assert {f.name: bool(f.in_loop) for f in functions.values()} == dict.fromkeys(
        ["kw", "kwonly", "obj", "vec", "decode"], True
    )
    line = next(line for line in functions["kw"].lines if line.number == 10)
    assert line.python > 0
