"""gilscope doctor: this interpreter and this machine, and what is in the way of a measurement."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from gilscope.cli._output import console, table
from gilscope.cli._program import FAILED, FINE, Command


@click.command(
    "doctor",
    cls=Command,
    short_help="Look at the interpreter and the machine, and say what is in the way.",
    examples=[("gilscope doctor", "what to mend before a measurement"), ("gilscope doctor --json", "for a bug report")],
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(as_json: bool) -> int:
    """Show what decides a measurement: the interpreter and its GIL, the CPUs that can be used, the machine, the
    build. Each thing in the way comes with a remedy.

    Exits with 0, warnings or not; with 1 if something is broken, such as a compiled module that does not import.
    """
    from gilscope.measure.environment import environment, native_modules, warnings

    modules = native_modules()
    found = environment()
    broken = {name: error for name, error in modules.items() if error}
    if as_json:
        warned = [warning.to_json() for warning in warnings(found)]
        click.echo(json.dumps(found | {"modules": modules, "warnings": warned}, indent=1))
        return FAILED if broken else FINE
    out = console()
    facts = table("", "")
    facts.show_header = False
    facts.columns[0].style = "bold"
    for name, text in (*_facts(found), ("modules", f"{len(modules) - len(broken)} of {len(modules)} import")):
        facts.add_row(name, text)
    out.print(facts)
    for warning in warnings(found):
        out.print(f"\nwarning: {warning.message}", style="yellow")
        out.print(f"  remedy: {warning.remedy}")
    for name, error in broken.items():
        out.print(f"\nbroken: {name}: {error}", style="bold red")
    if broken:
        out.print("  remedy: build the extensions again (pip install -e ., or make lab)")
    return FAILED if broken else FINE


def _facts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    python, cpus, machine, load, build = (found[name] for name in ("python", "cpus", "machine", "load", "build"))
    kinds = ["free-threaded"] if python["free_threaded"] else []
    kinds += ["debug"] if python["debug"] else []
    kinds += python["sanitizers"]
    yield "gilscope", found["gilscope"]
    yield "interpreter", f"{python['implementation']} {python['version']} ({python['build']}; {python['compiler']})"
    yield "build of Python", " ".join(kinds or ["release, with the GIL"])
    yield "GIL", "on" if python["gil_enabled"] else "off"
    yield "switch interval", f"{python['switch_interval'] * 1e3:g} ms"
    yield "usable CPUs", f"{cpus['usable']:g}, the least of:"
    yield "  affinity", _or_unknown(cpus["affinity"])
    yield "  quota", "none" if cpus["quota"] is None else f"{cpus['quota']:g}"
    yield "  process", "not told before Python 3.13" if cpus["process"] is None else str(cpus["process"])
    yield "  system", _or_unknown(cpus["os"])
    yield "cores", _or_unknown(cpus["cores"])
    yield "CPU", f"{machine['cpu'] or 'unknown'} ({machine['architecture']})"
    yield "vector level", _or_unknown(machine["vector"])
    yield "caches", ", ".join(_cache(cache) for cache in machine["caches"]) or "unknown"
    yield "governor", " ".join(filter(None, (machine["governor"], machine["driver"]))) or "unknown"
    yield "system", machine["system"]
    yield "runs in", " on ".join(filter(None, (machine["container"], machine["virtual"]))) or "neither container nor VM"
    yield "load", " ".join(f"{value:.2f}" for value in load["average"] or ()) or "unknown"
    yield "busy now", _or_unknown(load["busy"], "{:.0%}")
    yield "steal", _or_unknown(load["steal"], "{:.1%}")
    if build is None:
        yield "build", "not recorded"
    else:
        yield "build", f"{build['mode']}, {build['compiler']}, Cython {build['cython']}"
        yield "flags", " ".join(build["flags"])
        yield "OpenMP", "yes" if build["openmp"] else "no"
    for name, version in found["libraries"].items():
        yield name, version or "not installed"


def _cache(cache: Mapping[str, Any]) -> str:
    kind = {"Data": "d", "Instruction": "i"}.get(cache["kind"], "")
    return f"L{cache['level']}{kind} {cache['size']}"


def _or_unknown(value: object, form: str = "{}") -> str:
    return "unknown" if value is None else form.format(value)
