"""Checks for circumstances that would disturb a measurement, and what to do about them."""

from collections.abc import Iterator
from dataclasses import dataclass

from gilscope.host.circumstances import LAB, Environment
from gilscope.host.cpus import Cpus
from gilscope.host.interpreter import Python
from gilscope.host.load import Load
from gilscope.host.machine import Machine

# Above these shares of all CPU time a measurement is disturbed.
BUSY_MOST = 0.1
STEAL_MOST = 0.02
SWITCH_INTERVAL = 0.005  # CPython's own


@dataclass(frozen=True, slots=True)
class HostWarning:
    """A circumstance that would disturb a measurement.

    Attributes
    ----------
    name
        A short name for programs.
    message
        What is wrong, in one line.
    remedy
        What to do about it, in one line.
    """

    name: str
    message: str
    remedy: str


def warnings(environment: Environment) -> list[HostWarning]:
    """Check the circumstances of a measurement.

    Parameters
    ----------
    environment
        The circumstances; see gilscope.host.environment.

    Returns
    -------
    list of HostWarning
        The most important first; empty if nothing would disturb a measurement.
    """
    return [
        *_of_cpus(environment.cpus),
        *_of_load(environment.load, environment.cpus),
        *_of_python(environment.python),
        *_of_machine(environment.machine),
        *_of_build(environment),
    ]


def _of_cpus(cpus: Cpus) -> Iterator[HostWarning]:
    known = cpus.affinity or cpus.os
    if known is None and cpus.quota is None:  # an old file without these facts
        return
    if cpus.usable < 2:
        yield HostWarning(
            "one CPU",
            f"{cpus.usable:g} CPU{'' if cpus.usable == 1 else 's'} can be used: threads cannot run side by side here",
            "give the process two CPUs or more (taskset, the container's CPU limit)",
        )
    if cpus.quota is not None and known is not None and cpus.quota < known:
        yield HostWarning(
            "quota",
            f"a control group grants {cpus.quota:g} of {known} CPUs: more threads than that are stopped for part "
            "of each period",
            "raise the quota (docker run --cpus), or use fewer threads",
        )


def _of_load(load: Load, cpus: Cpus) -> Iterator[HostWarning]:
    if load.busy is not None and load.busy > BUSY_MOST:
        yield HostWarning(
            "busy",
            f"other processes use {load.busy:.0%} of the CPUs now",
            "close them or wait; the ceiling shows what they leave to you",
        )
    elif load.average and load.average[0] > (cpus.os or 1):
        yield HostWarning(
            "load",
            f"load average {load.average[0]:.1f} on {cpus.os} CPUs: the machine was busy until a moment ago",
            "wait a minute and check again",
        )
    if load.steal is not None and load.steal > STEAL_MOST:
        yield HostWarning(
            "steal",
            f"the host gives {load.steal:.0%} of this machine's CPU time to others",
            "use a host of your own, or measure when this one is quieter",
        )


def _of_python(python: Python) -> Iterator[HostWarning]:
    if python.debug or python.sanitizers:
        kind = " and ".join([*(["debug"] if python.debug else []), *python.sanitizers])
        yield HostWarning(
            "debug Python",
            f"this is a {kind} build of Python: its times say little about a release build",
            "measure with a release build of Python",
        )
    if python.free_threaded and python.gil_enabled:
        yield HostWarning(
            "GIL on",
            "this free-threaded Python has its GIL turned on",
            "unset PYTHON_GIL, leave out -X gil=1, and import no module that turns it on (a RuntimeWarning names it)",
        )
    if python.switch_interval is not None and abs(python.switch_interval - SWITCH_INTERVAL) > 1e-6:
        yield HostWarning(
            "switch interval",
            f"the switch interval is {python.switch_interval * 1e3:g} ms, not {SWITCH_INTERVAL * 1e3:g} ms",
            "find the call of sys.setswitchinterval() (sitecustomize?), and remove it",
        )


def _of_machine(machine: Machine) -> Iterator[HostWarning]:
    # Under these two drivers powersave is the ordinary governor, which goes to full speed under load.
    if machine.governor == "powersave" and machine.driver not in ("intel_pstate", "amd-pstate-epp"):
        yield HostWarning(
            "governor",
            "the governor powersave keeps the CPU at its lowest frequency",
            "sudo cpupower frequency-set -g performance",
        )


def _of_build(environment: Environment) -> Iterator[HostWarning]:
    build, libraries = environment.build, environment.libraries
    if build is not None and build.mode != "release":
        yield HostWarning(
            "debug build",
            f"the extensions were built with GILSCOPE_BUILD={build.mode}",
            "build them again without it before you measure",
        )
    if missing := [name for name in LAB if libraries and libraries.get(name) is None]:
        yield HostWarning(
            "lab",
            f"{', '.join(missing)} not installed: no report, no annotated pages",
            "pip install 'gilscope[lab]'",
        )
