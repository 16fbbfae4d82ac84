"""The probe: its verdicts on made-up facts, on functions whose answer is known, and from the command line."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from instruments import instrument

import gilscope
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.probes import beside
from gilscope.probes.child import TargetError, Task, run
from gilscope.probes.look import look_at
from gilscope.probes.target import ProbeError, Target
from gilscope.results import Look, Place, Probe, Site, Together, verdicts
from gilscope.results.codec import FormatError, decode, encode
from gilscope.results.looks import Quantiles
from gilscope.stats import Interval
from gilscope.variants import native

_ledger = instrument("_ledger")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the ledger needs ELF")
needs_gil = pytest.mark.skipif(not gil_enabled(), reason="no GIL to release")
RANDOM = os.urandom(1 << 21)


def share(median, low=None, high=None):
    return Interval(median, median if low is None else low, median if high is None else high)


@pytest.mark.parametrize(
    ("oracle", "released", "per_call", "call_ns", "verdict"),
    [
        (True, share(0.98), 1.0, 1e6, "releases"),
        (False, share(0.0), 0.0, 1e6, "holds"),
        (True, share(0.4), 1.0, 1e6, "partly"),
        (True, share(0.005), 1.0, 1e6, "holds"),
        (True, share(0.75, 0.5, 0.95), 1.0, 1e6, "inconclusive"),
        (False, share(0.0), 0.0, 500, "too short to tell"),
        (False, share(0.9), 1.0, 500, "releases"),
        (False, share(0.0), None, 500, "too short to tell"),
        (None, share(0.99), 1.0, 1e6, "releases"),
        (None, share(0.0), 0.0, 1e6, "holds"),
    ],
)
def test_verdicts(oracle, released, per_call, call_ns, verdict):
    assert verdicts.of_call(oracle, released, per_call, call_ns)[0] == verdict


HOLDS = {"oracle": False, "released_share": share(0.0), "releases_per_call": 0.0}


def made_up(changes=(), cpus=2.0):
    """A probe of a function that releases and scales, but for these changes."""
    changes = dict(changes)
    look = Look(
        target="f",
        oracle=True,
        call_ns=10e6,
        batch=1,
        released_share=share(0.98),
        share_from="ledger",
        longest_hold_ms=0.1,
        usual_hold_ms=0.1,
        releases_per_call=1.0,
        sites=(),
    )
    together = Together(
        speedup=share(1.95),
        ceiling=share(1.98),
        cpus_alone=1.0,
        cpus_together=2.0,
        bystander_share=share(1.0),
        loop_freeze_ms=0.1,
    )
    looked = {name: changes.pop(name) for name in list(changes) if name in Look.__slots__}
    return Probe(replace(look, **looked), 2, replace(together, **changes), cpus)


TAKE = Site("take", Place("x.so", "callback", 0), 1000, 0.1, Quantiles())


@pytest.mark.parametrize(
    ("changes", "cpus", "words"),
    [
        ({}, 2, "it scales here"),
        (HOLDS, 2, "release around the part"),
        (HOLDS | {"call_ns": 21e3}, 2, "worth it for calls over 5 us"),
        (HOLDS | {"call_ns": 1e3}, 2, "larger input"),
        ({"released_share": share(0.005), "call_ns": 1e3}, 2, "leave it"),
        ({"released_share": share(0.5)}, 2, "no number of threads exceeds 2.0x"),
        ({"speedup": share(1.1)}, 2, "wait for memory"),
        ({"speedup": share(1.1), "cpus_together": 1.1}, 2, "wait for each other"),
        ({"speedup": share(1.1), "cpus_alone": 1.9}, 2, "oversubscribe"),
        ({"speedup": share(1.1), "cpus_alone": 0.2, "cpus_together": 0.4}, 2, "off the CPU for 80%"),
        ({"speedup": share(1.1), "ceiling": share(0.95)}, 2, "too busy to tell whether it scales"),
        ({"releases_per_call": 100_000.0}, 2, "release once, around the loop"),
        ({"sites": (TAKE,)}, 2, "takes the GIL back at x.so: callback"),
        ({}, 1, "only 1 CPU can be used"),
    ],
)
def test_advice_names_the_cause(changes, cpus, words):
    advice = made_up(changes, cpus).advice
    assert any(words in line for line in advice), advice


def test_a_probe_comes_back_from_its_json():
    for probe in (made_up({"sites": (TAKE,)}), replace(made_up(HOLDS), together=None)):
        document = json.loads(json.dumps(encode(probe)))
        assert decode(Probe, document, "a probe") == probe
        assert (document["format"], document["version"]) == ("gilscope.probe", 1)
        assert document["verdict"] == probe.verdict
        assert ("unfinished" in document) is (probe.together is None)
    with pytest.raises(FormatError, match=r"a probe\.released_share\.low: 'x' is not a number"):
        decode(Probe, encode(probe) | {"released_share": {"median": 0, "low": "x", "high": 0}}, "a probe")


def test_callers_of_one_lock_keep_no_more_than_one_cpu_busy():
    """Load can take CPU time from them, and cannot add any. That callers without a lock keep more busy takes a free
    machine, so it is not asked here: kernels that release have tests of their own."""
    spin = native(load()["spin"], "capi").spin
    lock = threading.Lock()

    def locked():
        with lock:
            spin(4_000_000, 1, policy="released")

    shared = gilscope.probe(locked, seconds=1)
    assert 0 < shared.together.cpus_together < 1.3
    assert shared.together.speedup.median < 1.3


@needs_gil
def test_functions_whose_answer_is_known():
    for function, arguments, verdict in (
        (zlib.compress, (RANDOM,), "releases"),
        (np.sort, (np.random.default_rng(0).random(1_000_000),), "releases"),
        (time.sleep, (0.005,), "releases"),
        (json.dumps, (list(range(100_000)),), "holds"),
        (sum, (range(300_000),), "holds"),
        (len, ("x",), "too short to tell"),
    ):
        look = gilscope.look(function, *arguments, seconds=0.3)
        assert look.verdict == verdict, (function, look)


@needs_gil
@pytest.mark.parametrize("name", [kernel.name for kernel in load().values() if kernel.releases])
@pytest.mark.parametrize("binding", ["capi", "cython"])
def test_the_oracle_and_the_ledger_agree_with_every_policy(name, binding):
    """The oracle proves a release, and the ledger counts it: once per call, or never. No clock has a say."""
    kernel = load()[name]
    function = getattr(native(kernel, binding), name)
    arguments = kernel.inputs(kernel.sizes["small"], 0)
    for policy, released in (("held", False), ("released", True)):
        look = gilscope.look(function, *arguments, policy=policy, seconds=0.1)
        assert look.oracle is released, look
        assert look.releases_per_call == released, look
        assert (look.verdict == "holds") is not released, look


def test_a_whole_probe():
    probe = gilscope.probe(np.sort, np.random.default_rng(0).random(300_000), seconds=1.0)
    document = probe.to_json()
    wanted = (
        "target verdict oracle released_share longest_hold_ms releases_per_call speedup ceiling bystander_share sites"
    )
    assert set(wanted.split()) <= set(document)
    assert set(document["released_share"]) == {"median", "low", "high"}
    json.dumps(document)
    assert decode(Probe, document, "a probe") == probe
    assert probe.oracle is not False
    assert probe.releases_per_call >= 1
    assert probe.sites
    assert _ledger.patched() == 0


def test_a_probe_works_under_a_running_event_loop():
    """As in every Jupyter kernel, and in an asynchronous test."""

    async def main():
        return gilscope.probe(time.sleep, 0.001, seconds=0.3)

    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have its loop on this thread
        probe = own.submit(lambda: asyncio.run(main())).result()
    assert probe.together is not None
    assert probe.together.loop_freeze_ms >= 0


def test_more_time_means_more_calls():
    calls = []
    counts = []
    for seconds in (0.1, 1.5):
        calls.clear()
        gilscope.look(lambda: (calls.append(1), time.sleep(0.002)), seconds=seconds)
        counts.append(len(calls))
    assert counts[1] > 1.5 * counts[0]


def test_a_look_gives_its_recording_back():
    look, recording = look_at(Target(time.sleep, (0.005,), name="sleep"), 0.2)
    assert look.target == "sleep"
    assert set(look.sites) <= set(recording.sites())
    assert recording.lane("gilscope-probe").name == "gilscope-probe"


def test_what_raises_beside_another_thread_is_raised():
    with pytest.raises(ProbeError, match="work raised OSError: enough"):
        beside.bystander_share(Target(failing_after(3), name="work"), 1, 0.2, 1)


def failing_after(calls):
    left = iter(range(calls))

    def work():
        time.sleep(0.001)
        if next(left, None) is None:
            raise OSError("enough")

    return work


def test_what_raises_is_named():
    with pytest.raises(ProbeError, match=r"int raised ValueError: invalid literal"):
        gilscope.probe(int, "no")
    assert not _ledger.active()


def test_what_raises_later_is_named_too():
    with pytest.raises(ProbeError, match="OSError: enough"):
        gilscope.probe(failing_after(30))
    assert _ledger.patched() == 0


@pytest.mark.parametrize("lazy", ["coroutine", "generator", "asynchronous generator"])
def test_what_only_promises_its_work_is_refused(lazy):
    async def coroutine():
        pass

    def generator():
        yield

    async def asynchronous_generator():
        yield

    with pytest.raises(ProbeError, match=f"returned an? {lazy} without running it"):
        gilscope.probe(locals()[lazy.replace(" ", "_")])
    with pytest.raises(ProbeError, match="without running it"):
        gilscope.look(generator)


def test_a_long_call_is_made_no_oftener_than_it_must():
    calls = []

    def long():
        calls.append(1)
        time.sleep(0.55)

    gilscope.probe(long)
    assert len(calls) <= 16


def test_one_thread_is_no_speed_up():
    with pytest.raises(ValueError, match="2 threads"):
        gilscope.probe(len, "x", threads=1)


def test_a_child_of_a_first_half():
    probe = run(Task(name="nap", setup="import time", statement="time.sleep(0.001)", threads=None, seconds=0.1), 30)
    assert (probe.look.target, probe.together) == ("nap", None)
    with pytest.raises(TargetError, match=r"^bad: ZeroDivisionError: division by zero$"):
        run(Task(name="bad", setup="1 / 0", statement="pass"), 30)


def cli(*arguments, timeout=90):
    return subprocess.run(
        [sys.executable, "-m", "gilscope", "probe", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@needs_gil
def test_a_statement_from_the_command_line():
    done = cli(
        "-s", "import zlib, os; d = os.urandom(1<<21)", "zlib.compress(d)", "--json", "-", "--min-released", "0.5"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "releases"


@needs_gil
def test_a_gate_that_fails():
    done = cli("json:dumps", "--args", "list(range(100000))", "--min-released", "0.5", "--max-hold-ms", "1")
    assert done.returncode == 1
    assert "json:dumps holds" in done.stdout
    assert "below the limit of 0.5" in done.stderr, done.stdout
    assert "above the limit of 1 ms" in done.stderr, done.stdout


@needs_gil
def test_what_is_known_when_the_time_is_up_is_shown():
    gates = ("--min-released", "0.9", "--min-speedup", "1.5")
    done = cli("-s", "import time", "time.sleep(1.2)", "--timeout", "9", "--json", "-", *gates)
    assert done.returncode == 3, (done.stdout, done.stderr)
    document = json.loads(done.stdout)
    assert (document["verdict"], document["unfinished"], document["speedup"]) == ("releases", True, None)
    assert "--timeout 2" in document["advice"][-1]
    assert done.stderr == "gilscope: no time was left to measure the speed-up; use a longer --timeout\n"


def test_a_target_that_ends_the_process_late_is_told():
    late = "calls.append(1); time.sleep(0.02); len(calls) < 60 or os._exit(7)"
    done = cli("-s", "import os, time; calls = []", late)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "ended the process (exit status 7)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["1/0"], 2, "1/0 raised ZeroDivisionError: division by zero"),
        (["x ="], 2, "SyntaxError"),
        (["(n for n in 'abc')"], 2, "returned a generator"),
        (["no_such_module:f"], 2, "No module named 'no_such_module'"),
        (["json:no_such"], 2, "no attribute 'no_such'"),
        (["import os; os._exit(7)"], 2, "ended the process (exit status 7)"),
        (["import os; os.abort()"], 2, "ended the process (signal SIGABRT)"),
        (["import sys; sys.exit()"], 2, "ended the process"),
        (["open('/no/such/file')"], 2, "FileNotFoundError"),
        (["import time; time.sleep(60)", "--timeout", "2"], 3, "no answer within 2 s; it was at <statement>:1"),
        (["len('x')", "--args", "1"], 2, "--args goes with MODULE:CALLABLE"),
        (["pass", "--threads", "1"], 2, "--threads"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_one_line(arguments, status, message):
    done = cli(*arguments)
    assert done.returncode == status, (done.stdout, done.stderr)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("gilscope: ")


def test_a_fork_inside_is_survived():
    done = cli("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)", "--seconds", "0.5")
    assert done.returncode in (0, 3), done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("  time per call ")]) == 1


def test_what_the_target_leaves_behind_goes_with_it(tmp_path):
    code = f"""
import pathlib, subprocess
file = pathlib.Path({str(tmp_path / "pid")!r})
if not file.exists():
    file.write_text(str(subprocess.Popen(["sleep", "300"]).pid))
"""
    done = cli("-s", code, "sum(range(10000))", "--seconds", "0.3")
    assert done.returncode in (0, 3), done.stderr
    time.sleep(0.1)
    left = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    assert not left.exists() or left.read_text().rpartition(")")[2].split()[0] == "Z"  # ended, and nobody asked
