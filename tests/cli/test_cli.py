"""The command line, as a user meets it: what it prints where, its one-line errors, its exit codes, Ctrl-C."""

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from documents import document, row

from gilscope import __version__, host
from gilscope.cli import COMMANDS, main
from gilscope.host import circumstances
from gilscope.kernels import load
from gilscope.measure import bench as bench_module
from gilscope.measure import verify as verify_module
from gilscope.variants import select as select_cells

GILSCOPE = [sys.executable, "-m", "gilscope"]
QUICK = ("--impl", "capi", "--size", "20000", "--seconds", "0.3", "--quiet")


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, arguments)


def run(*arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, without a terminal."""
    variables = os.environ | environment
    done = subprocess.run([*GILSCOPE, *arguments], capture_output=True, text=True, timeout=120, env=variables)
    assert done.returncode == status, done.stderr
    return done


def in_bash(command: str) -> subprocess.CompletedProcess[str]:
    """In bash, with $GILSCOPE for the program, whose output is buffered as it usually is."""
    variables = os.environ | {"GILSCOPE": shlex.join(GILSCOPE)}
    variables.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=variables)


def on_terminal(
    command: Sequence[str], until: bytes = b"", width: int = 100, limit: float = 120, **environment: str
) -> tuple[int, str, float]:
    """On a terminal of this width. Sends Ctrl-C when `until` appears; returns the exit status, all output, and the
    seconds from Ctrl-C to the end."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update({"TERM": "xterm", "COLUMNS": str(width)} | environment)
        os.execv(command[0], command)
    output, sent, deadline = b"", 0.0, time.monotonic() + limit
    while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says so that the other end is closed
            break
        if not chunk:
            break
        output += chunk
        if until and not sent and until in output:
            os.write(terminal, b"\x03")
            sent = time.monotonic()
    else:
        os.kill(process, signal.SIGKILL)
    ended = time.monotonic()
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    # Without the codes that take the bar away again.
    return status, re.sub(r"\x1b\[(1A|2K|\?25[hl])", "", output.decode()), ended - sent


needs_lab = pytest.mark.skipif(
    not all(find_spec(name) for name in ("jinja2", "plotly", "Cython")), reason="the extra [lab] is not installed"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a very short measurement."""
    path = tmp_path_factory.mktemp("results") / "spin.json"
    done = call("bench", "spin", *QUICK, "--json", str(path))
    assert done.exit_code in (0, 3), done.output
    return path


def steady(results: Path, path: Path, factor: float = 1, **row_changes: Any) -> dict[str, Any]:
    """Saves a copy with nine quiet rounds, `factor` times as slow as those of the copy with factor 1."""
    stored: dict[str, Any] = json.loads(results.read_text())
    for cell in stored["rows"]:
        quiet = [0.1 + 0.0001 * number for number in range(9)]
        cell |= {name: quiet for name in cell if name.endswith("seconds") and isinstance(cell[name], list)}
        cell |= {"seconds": [factor * value for value in quiet]} | row_changes
    path.write_text(json.dumps(stored))
    return stored


# Help


def test_every_command_has_help_with_examples_that_parse() -> None:
    overview = call("--help").output
    for module in COMMANDS:
        command = module.command
        assert f"\n  {command.name} " in overview
        shown = call(command.name, "--help").output
        assert "\nExamples:\n" in shown
        assert 1 <= len(command.examples) <= 5
        for line, meaning in command.examples:
            assert line in shown  # whole, on one line
            assert meaning
            if line.startswith("gilscope "):
                line = line.partition(" | ")[0]
                words = [word for word in shlex.split(line)[2:] if word != "blur" or "blur" in load()]
                known = [word for word in words if word not in {"nbody", "triad", "primes"} - load().keys()]
                command.make_context(command.name, known)


def test_no_command_shows_the_help() -> None:
    assert call().output == call("--help").output
    assert call().exit_code == 0


def test_version() -> None:
    assert call("--version").output == f"gilscope {__version__}\n"


def test_help_starts_without_the_heavy_parts() -> None:
    """Nothing but click is imported for it, so that it comes at once."""
    code = (
        "import sys, gilscope.cli\n"
        "try: gilscope.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(' '.join({'numpy', 'rich', 'jinja2', 'plotly', 'Cython'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bench mandlebrot", "unknown kernel 'mandlebrot'; did you mean 'mandelbrot'? (see 'gilscope list')"),
        ("bench SPIN", "unknown kernel 'SPIN'; did you mean 'spin'? (see 'gilscope list')"),
        ("verify nothing-like-it", "unknown kernel 'nothing-like-it' (see 'gilscope list')"),
        ("bench spin --impl capi,capy", "unknown implementation 'capy'; did you mean 'capi'?"),
        ("bench spin --policy realeased", "unknown policy 'realeased'; did you mean 'released'?"),
        ("bench spin --size mediun", "unknown size 'mediun'; did you mean 'medium'?"),
        ("bench spin --scaling week", "unknown scaling 'week'; did you mean 'weak'?"),
        ("bnech", "unknown command 'bnech'; did you mean 'bench'? (see 'gilscope --help')"),
        ("bench --thread 2", "unknown option '--thread'; did you mean '--threads'? (see 'gilscope bench --help')"),
        ("bench spin --seconds", "option '--seconds' requires an argument (see 'gilscope bench --help')"),
        ("--nonsense", "unknown option '--nonsense' (see 'gilscope --help')"),
        ("bench spin --threads 0", "--threads: '0' is not a list of whole numbers from 1 to 1024, such as 1,2,4"),
        ("bench spin --threads 1,x", "--threads: '1,x' is not a list of whole numbers"),
        ("bench spin --threads 1,,2", "--threads: '1,,2' is not a list of whole numbers"),
        ("bench spin --threads -1", "--threads: '-1' is not a list of whole numbers"),
        ("bench spin --threads 1e3", "--threads: '1e3' is not a list of whole numbers"),
        (f"bench spin --threads 1{'0' * 5000}", f"--threads: '1{'0' * 39}' is not a list of whole numbers"),
        ("bench spin --size -3", "--size: '-3' is neither tiny, small, medium, large nor a whole number from 1 to"),
        (f"bench spin --size {10**30}", f"--size: '{10**30}' is neither tiny, small, medium, large nor a whole number"),
        ("bench spin --seconds 0", "--seconds: '0' is not a number from 0.1 to 86400"),
        ("bench spin --seconds nan", "--seconds: 'nan' is not a number from 0.1 to 86400"),
        ("bench spin --impl openmp", "no cell has this kernel, implementation and policy (see 'gilscope list cells')"),
        ("bench spin --json - --pyperf -", "only one of --json and --pyperf can go to stdout"),
        ("bench spin --json /nowhere/x.json", "--json: cannot write /nowhere/x.json: No such file or directory"),
        ("bench spin --json /", "--json: cannot write /"),
        ("run --json /nowhere/x.json", "--json: cannot write /nowhere/x.json: No such file or directory"),
        ("list kernals", "unknown list 'kernals'; did you mean 'kernels'?"),
        (
            "run gil-relase",
            "unknown experiment 'gil-relase'; did you mean 'gil-release'?",
        ),
        ("explain nothing-like-it", "unknown experiment 'nothing-like-it' (see 'gilscope list experiments')"),
        ("list kernels cells", "got unexpected extra argument (cells)"),
        ("compare one.json", "missing argument 'NEW.json'"),
        ("compare one.json two.json", "one.json: No such file or directory"),
        ("compare a b --fail-if-slower -1", "--fail-if-slower: '-1' is not a number from 0 to"),
        ("report nowhere.json", "nowhere.json: No such file or directory"),
        ("completion tcsh", "unknown shell 'tcsh' (see 'gilscope completion --help')"),
    ],
)
def test_a_mistake_is_answered_in_one_line(arguments: str, message: str) -> None:
    done = call(*arguments.split())
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"gilscope: {message}")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 200


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", os.fsdecode(b"\xff")])
@pytest.mark.parametrize("before", [["bench"], ["list", "kernels"], ["report"]])
def test_odd_names_are_shown_harmless(before: list[str], name: str) -> None:
    done = run(*before, name, status=2)
    assert done.stderr.count("\n") == 1
    assert done.stderr.isascii()
    assert "\x1b" not in done.stderr


def test_a_name_cannot_write_on_the_terminal() -> None:
    status, output, _ = on_terminal([*GILSCOPE, "report", "\x1b[31mred"])
    assert status == 2
    assert "\\x1b[31mred: No such file" in output
    assert "\x1b" not in output


def test_an_unwritable_folder_is_found_out_before_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder in which not even root can make a file")
    monkeypatch.setattr(bench_module, "bench", lambda *_, **__: pytest.fail("measured all the same"))
    done = call("bench", "spin", "--json", "/proc/self/x.json")
    assert done.exit_code == 2
    assert "cannot write /proc/self/x.json" in done.stderr


@needs_lab
def test_a_report_folder_that_is_not_ours_is_found_out_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "bench", lambda *_, **__: pytest.fail("measured all the same"))
    (tmp_path / "mine.txt").write_text("precious")
    done = call("run", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "is not a gilscope report" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_too_large_a_size_is_one_line() -> None:
    done = call("bench", "mandelbrot", "--impl", "capi", "--size", "1000000000", "--quiet")
    assert done.exit_code == 1
    assert done.stderr.startswith("gilscope: not enough memory: Unable to allocate")


def test_a_wrong_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise bench_module.WrongAnswerError("spin/capi/held disagrees")

    monkeypatch.setattr(bench_module, "bench", wrong)
    done = call("bench", "spin", "--quiet")
    assert (done.exit_code, done.stderr) == (1, "gilscope: spin/capi/held disagrees\n")


def test_a_module_that_does_not_import_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.modules['gilscope.capi.spin'] = None; from gilscope.cli import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, "verify", "spin"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "see 'gilscope doctor'" in done.stderr


def test_a_closed_pipe_is_silent() -> None:
    for arguments in ("list", "list cells", "list --json", "doctor", "--help"):
        done = in_bash(f"$GILSCOPE {arguments} | true; echo ${{PIPESTATUS[0]}}")
        assert done.stderr == ""
        assert done.stdout in ("141\n", "0\n")  # 0: it was through before the pipe closed


def test_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    for arguments in ("list", "list cells"):
        done = in_bash(f"$GILSCOPE {arguments} > /dev/full")
        assert (done.returncode, done.stderr) == (1, "gilscope: [Errno 28] No space left on device\n")


def test_closed_output_is_no_traceback() -> None:
    done = in_bash("$GILSCOPE list >&- 2>&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_run_without_the_extra_says_so_before_measuring() -> None:
    without = "import sys; sys.modules['plotly'] = None; sys.modules['jinja2'] = None\n" + RUN
    done = subprocess.run([sys.executable, "-c", without, "run"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "pip install 'gilscope[lab]'" in done.stderr


# list, verify


def test_list_shows_every_kernel_with_its_lesson() -> None:
    shown = run("list", COLUMNS="2000").stdout
    for name, kernel in load().items():
        assert re.search(rf"^{name} +{re.escape(kernel.summary)}", shown, re.MULTILINE)
        assert kernel.lesson in shown


def test_list_cells_is_one_a_line() -> None:
    assert call("list", "cells").output.split() == [str(cell) for cell in select_cells()]


def test_list_json() -> None:
    kernels = json.loads(call("list", "--json").output)
    assert [kernel["kernel"] for kernel in kernels] == list(load())
    assert {"implementation": "capi", "policy": "held"} in kernels[0]["cells"]
    assert {cell["kernel"] for cell in json.loads(call("list", "cells", "--json").output)} == set(load())


@pytest.mark.parametrize("width", [40, 200])
def test_verify_passes(width: int) -> None:
    done = call("verify", "spin", "mandelbrot", COLUMNS=str(width))
    assert done.exit_code == 0
    assert done.stdout.split().count("ok") == len(select_cells(["spin", "mandelbrot"]))
    assert "agree with their reference (2 kernels" in " ".join(done.stdout.split())


def test_verify_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(cells: Sequence[Any]) -> Any:
        for cell in cells:
            bad = cell.policy == "released"
            yield verify_module.Check(cell, not bad, "seed 0: [other] answer" if bad else "", 0.1)

    monkeypatch.setattr(verify_module, "verify", check)
    done = call("verify", "spin", "--impl", "capi")
    assert done.exit_code == 1
    assert "spin/capi/released: seed 0: [other] answer" in done.stdout
    assert "2 of 3 cells agree with their reference (1 kernel," in done.stdout


# bench, compare, report


def test_bench_measures_and_shows(results: Path) -> None:
    document = json.loads(results.read_text())
    assert document["complete"] is True
    assert document["settings"]["threads"] == [1, max(2, int(document["environment"]["cpus"]["usable"]))]
    assert [row["policy"] for row in document["rows"]] == ["held", "held", "released", "released", "auto", "auto"]


@pytest.mark.parametrize("width", [30, 110, 250])
def test_bench_table(width: int) -> None:
    done = call("bench", "spin", *QUICK, "--policy", "held", "--threads", "2", COLUMNS=str(width))
    assert done.exit_code in (0, 3)
    assert max(map(len, done.stdout.splitlines())) <= width
    assert "held" in done.stdout
    assert ("speed-up" in done.stdout) == (width > 100)
    assert done.stderr == ""


def test_bench_json_on_stdout_is_nothing_else() -> None:
    done = run("bench", "spin", *QUICK[:-1], "--threads", "1", "--json", "-")
    assert json.loads(done.stdout)["rows"]
    assert "warning: " in done.stderr or done.stderr == ""


def test_results_follow_a_link_and_go_into_a_pipe(tmp_path: Path) -> None:
    """Neither is replaced by a file, which for a device would be worse than a lost result."""
    (link := tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    try:
        done = call("bench", "spin", *QUICK, "--threads", "1", "--json", str(link), "--pyperf", str(pipe))
        assert done.exit_code == 0, done.stderr
        assert pipe.is_fifo()
        assert json.loads(reader.communicate(timeout=10)[0])["benchmarks"]
    finally:
        reader.kill()
        reader.wait()
    assert link.is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["rows"]


ROWS = {
    "scales": row(speedup=1.97),
    "does not scale": row(speedup=1.0),
    "partly": row(speedup=1.5),
    "inconclusive": row(machine=1.2),
    "baseline": row(workers=1),
}


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("scales", "does not scale"), 0),
        (("inconclusive", "partly"), 0),
        (("inconclusive", "inconclusive", "baseline"), 3),
        (("baseline",), 0),
    ],
)
def test_bench_status(words: tuple[str, ...], status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ROWS[word] for word in words]
    assert [row.verdict for row in rows] == list(words)
    monkeypatch.setattr(bench_module, "bench", lambda *_, **__: document(rows))
    assert call("bench", "spin", "--quiet").exit_code == status


def test_compare(results: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    steady(results, old)
    slow = steady(results, new, factor=3)
    same = call("compare", str(old), str(old), "--fail-if-slower", "0")
    assert same.exit_code == 0
    assert "6 noise" in same.stdout
    slow["environment"]["python"]["version"] = "4.0.0"
    new.write_text(json.dumps(slow))
    for width in ("40", "200"):
        done = call("compare", str(old), str(new), COLUMNS=width)
        assert done.exit_code == 0
        assert "6 slower" in done.stdout
        assert "slower 3.00x [" in done.stdout
        assert done.stdout.startswith("differs: Python: ")
    faster = call("compare", str(new), str(old), "--fail-if-slower", "50")
    assert faster.exit_code == 0
    assert "faster 3.00x [" in faster.stdout
    gate = call("compare", str(old), str(new), "--fail-if-slower", "50", "--json")
    assert gate.exit_code == 1
    assert gate.stderr == "gilscope: 6 rows are slower by more than 50 %, first spin/capi/held on 1\n"
    assert {change["outcome"] for change in json.loads(gate.stdout)["changes"]} == {"slower"}


def test_compare_of_nothing_in_common(results: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    steady(results, old)
    steady(results, new, size_number=7)
    done = call("compare", str(old), str(new))
    assert done.exit_code == 0
    assert "6 only old, 6 only new" in done.stdout
    assert "--size NUMBER" in done.stdout
    assert call("compare", str(old), str(new), "--fail-if-slower", "5").exit_code == 3


@needs_lab
def test_report_from_saved_results(results: Path, tmp_path: Path) -> None:
    done = call("report", str(results), "--out", str(tmp_path / "report.html"))
    assert done.exit_code == 0, done.stderr
    page, headline = done.stdout.splitlines()
    assert page == str(tmp_path / "report.html")
    assert Path(page).read_text().startswith("<!")
    assert headline


@needs_lab
def test_annotate(tmp_path: Path) -> None:
    (source := tmp_path / "mine.pyx").write_text("def f(int n):\n    return n + 1\n")
    done = call("annotate", str(source), "--out", str(tmp_path / "pages"))
    assert done.exit_code == 0, done.stderr
    assert "mine.f" in done.stdout
    assert "Cython" in (tmp_path / "pages/cython/mine.html").read_text()
    done = call("annotate", str(tmp_path / "none.pyx"))
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


# doctor


def test_doctor() -> None:
    done = run("doctor")
    for name in ("interpreter", "GIL", "switch interval", "affinity", "quota", "vector level", "flags", "OpenMP"):
        assert re.search(rf"^ *{name} +\S", done.stdout, re.MULTILINE)


def test_doctor_json_and_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = json.loads(call("doctor", "--json").output)
    assert set(facts["modules"].values()) == {None}
    here = host.environment()
    odd = replace(here, load=replace(here.load, steal=0.3))
    monkeypatch.setattr(host, "environment", lambda: odd)
    done = call("doctor")
    assert done.exit_code == 0
    assert "warning: the host gives 30% of this machine's CPU time to others\n  remedy: " in done.stdout


def test_doctor_fails_when_a_module_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumstances, "native_modules", lambda: {"gilscope.capi.spin": "ImportError: broken"})
    for arguments in (["doctor"], ["doctor", "--json"]):
        done = call(*arguments)
        assert done.exit_code == 1
        assert "ImportError: broken" in done.stdout


# Terminals and Ctrl-C

BENCH = [*GILSCOPE, "bench", "spin", "--impl", "capi", "--size", "200000"]


def test_bar_on_a_terminal_only() -> None:
    short = [*BENCH, "--seconds", "0.5", "--threads", "1"]
    status, output, _ = on_terminal(short)
    assert status == 0
    assert " s left" in output
    assert "\x1b[1m" in output
    for command, environment in (([*short, "--quiet"], {}), (short, {"TERM": "dumb"})):
        assert " s left" not in on_terminal(command, **environment)[1]
    assert "left" not in run(*short[len(GILSCOPE) :], FORCE_COLOR="1").stderr


def test_no_color() -> None:
    _, output, _ = on_terminal([*BENCH, "--seconds", "0.5", "--threads", "2"], NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", output)


def test_ctrl_c_during_bench_keeps_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    status, output, _ = on_terminal([*BENCH, "--seconds", "600", "--json", str(path)], until=b"round 3: spin")
    assert status == 130
    assert output.splitlines()[-1] == "gilscope: interrupted after 2 rounds; 6 rows were measured"
    document = json.loads(path.read_text())
    assert document["complete"] is False
    assert [len(row["seconds"]) for row in document["rows"]] == [2] * 6


RUN = """
import sys
from gilscope import variants
every = variants.select
variants.select = lambda *_: every(["spin"], ["capi"])
from gilscope import experiments
experiments.load = dict
from gilscope.cli import main
main(sys.argv[1:])
"""


@needs_lab
def test_ctrl_c_during_run_still_writes_the_report(tmp_path: Path) -> None:
    page, path = str(tmp_path / "report.html"), str(tmp_path / "part.json")
    command = [sys.executable, "-c", RUN, "run", "--out", page, "--json", path]
    status, output, _ = on_terminal(command, until=b"round 2: spin")
    assert status == 130
    assert output.splitlines()[-1] == "gilscope: interrupted after 1 round; 6 rows were measured"
    assert json.loads(Path(path).read_text())["complete"] is False
    assert page in output
    assert Path(page).stat().st_size > 10_000


@needs_lab
def test_ctrl_c_before_anything_was_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, "run", "--out", str(tmp_path / "report")]
    status, output, _ = on_terminal(command, until=b"calibrating spin")
    assert status == 130
    assert output.splitlines()[-1] == "gilscope: interrupted after 0 rounds; no rows were measured"
    assert not (tmp_path / "report").exists()


def test_ctrl_c_elsewhere_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_module, "verify", stop)
    done = call("verify")
    assert (done.exit_code, done.stderr) == (130, "gilscope: interrupted\n")


# Completion

COMPLETE = """
eval "$(gilscope completion bash)"
COMP_WORDS=({words} "{last}")
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_gilscope_completion gilscope
echo "${{COMPREPLY[@]}}"
complete -p gilscope
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("words", "last", "expected"),
    [
        ("gilscope", "be", ["bench"]),
        ("gilscope bench", "mand", ["mandelbrot"]),
        ("gilscope bench spin --impl", "capi,cy", ["capi,cython"]),
        ("gilscope bench spin --policy", "re", ["released"]),
        ("gilscope bench spin --size", "m", ["medium"]),
        ("gilscope bench spin", "--thr", ["--threads"]),
        ("gilscope list", "c", ["cells"]),
        ("gilscope completion", "z", ["zsh"]),
    ],
)
def test_completion_in_bash(words: str, last: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "gilscope").write_text(f'#!/bin/sh\nexec {" ".join(GILSCOPE)} "$@"\n')
    (tmp_path / "gilscope").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = COMPLETE.format(words=words, last=last)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=os.environ | path)
    replies, installed = done.stdout.splitlines()[-2:]
    assert replies.split() == expected
    assert installed.endswith("gilscope")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    explicit = call("completion", shell).output
    assert "_GILSCOPE_COMPLETE" in explicit
    assert call("completion", SHELL=f"/usr/bin/{shell}").output == explicit


def test_the_quick_run_is_of_claims_and_kernels_that_there_are():
    from gilscope.experiments import load as experiments
    from gilscope.kernels import load as kernels
    from gilscope.lab import QUICK_CLAIMS, QUICK_KERNELS

    assert set(QUICK_CLAIMS) < set(experiments())
    assert set(QUICK_KERNELS) < set(kernels())
