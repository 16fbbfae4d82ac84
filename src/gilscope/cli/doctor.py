"""gilscope doctor: this interpreter and machine, and what would disturb a measurement."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gilscope.cli._output import console, table
from gilscope.cli._program import FAILED, FINE, Command
from gilscope.scope.missing import missing

if TYPE_CHECKING:
    from gilscope.host import Environment
    from gilscope.host.circumstances import Build
    from gilscope.host.cpus import Cpus
    from gilscope.host.interpreter import Python
    from gilscope.host.machine import Cache, Machine


@click.command(
    "doctor",
    cls=Command,
    short_help="Check the interpreter and the machine for what would disturb a measurement.",
    examples=[("gilscope doctor", "what to fix before a measurement"), ("gilscope doctor --json", "for a bug report")],
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Show what a measurement depends on: the interpreter and its GIL, the usable CPUs, the machine, the build. Each
    warning comes with a remedy.

    Exit status: 0 usable, even with warnings; 1 broken, such as a compiled module that cannot be imported.
    """
    from gilscope.host import environment, warnings
    from gilscope.host.circumstances import native_modules
    from gilscope.results.codec import encode

    modules = native_modules()
    circumstances = environment()
    broken = {name: error for name, error in modules.items() if error}
    in_the_way = warnings(circumstances)
    if as_json:
        parts = encode(circumstances) | {"modules": modules, "warnings": encode(in_the_way)}
        click.echo(json.dumps(parts, indent=1))
        return FAILED if broken else FINE
    out = console()
    facts = table("", "")
    facts.show_header = False
    facts.columns[0].style = "bold"
    for name, text in (*_facts(circumstances), ("modules", f"{len(modules) - len(broken)} of {len(modules)} import")):
        facts.add_row(name, text)
    out.print(facts)
    for warning in in_the_way:
        out.print(f"\nwarning: {warning.message}", style="yellow")
        out.print(f"  remedy: {warning.remedy}")
    for name, error in broken.items():
        out.print(f"\nbroken: {name}: {error}", style="bold red")
    if broken:
        out.print("  remedy: build the extensions again (pip install -e ., or make lab)")
    return FAILED if broken else FINE


def _facts(environment: "Environment") -> Iterator[tuple[str, str]]:
    yield "gilscope", environment.gilscope
    yield from _python_facts(environment.python)
    yield from _cpu_facts(environment.cpus)
    yield from _machine_facts(environment.machine)
    load = environment.load
    yield "load", " ".join(f"{value:.2f}" for value in load.average or ()) or "unknown"
    yield "busy now", _or_unknown(load.busy, "{:.0%}")
    yield "steal", _or_unknown(load.steal, "{:.1%}")
    yield from _build_facts(environment.build)
    yield "scope", f"missing: {reason}" if (reason := missing()) else "built"
    for name, version in environment.libraries.items():
        yield name, version or "not installed"


def _python_facts(python: "Python") -> Iterator[tuple[str, str]]:
    kinds = ["free-threaded"] if python.free_threaded else []
    kinds += ["debug"] if python.debug else []
    kinds += python.sanitizers
    yield "interpreter", f"{python.implementation} {python.version} ({python.build}; {python.compiler})"
    yield "build of Python", " ".join(kinds or ["release, with the GIL"])
    yield "GIL", "on" if python.gil_enabled else "off"
    yield "switch interval", f"{(python.switch_interval or 0) * 1e3:g} ms"


def _cpu_facts(cpus: "Cpus") -> Iterator[tuple[str, str]]:
    yield "usable CPUs", f"{cpus.usable:g}, the smallest of:"
    yield "  affinity", _or_unknown(cpus.affinity)
    yield "  quota", "none" if cpus.quota is None else f"{cpus.quota:g}"
    yield "  process", "unknown before Python 3.13" if cpus.process is None else str(cpus.process)
    yield "  system", _or_unknown(cpus.os)
    yield "cores", _or_unknown(cpus.cores)


def _machine_facts(machine: "Machine") -> Iterator[tuple[str, str]]:
    yield "CPU", f"{machine.cpu or 'unknown'} ({machine.architecture})"
    yield "vector level", _or_unknown(machine.vector)
    yield "caches", ", ".join(_cache(cache) for cache in machine.caches) or "unknown"
    yield "governor", " ".join(filter(None, (machine.governor, machine.driver))) or "unknown"
    yield "system", _or_unknown(machine.system)
    yield "runs in", " on ".join(filter(None, (machine.container, machine.virtual))) or "neither container nor VM"


def _build_facts(build: "Build | None") -> Iterator[tuple[str, str]]:
    if build is None:
        yield "build", "not recorded"
        return
    yield "build", f"{build.mode}, {build.compiler}, Cython {build.cython}"
    yield "flags", " ".join(build.flags)
    yield "OpenMP", "yes" if build.openmp else "no"


def _cache(cache: "Cache") -> str:
    kind = {"Data": "d", "Instruction": "i"}.get(cache.kind, "")
    return f"L{cache.level}{kind} {cache.size}"


def _or_unknown(value: object, form: str = "{}") -> str:
    return "unknown" if value is None else form.format(value)
