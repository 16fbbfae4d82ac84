"""Figures and facts as people write them."""

from collections.abc import Callable, Mapping
from math import floor, log10

TIMES = "\N{MULTIPLICATION SIGN}"


def duration(seconds: float) -> str:
    """A time with three significant digits: 3.42 ms."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"


def factor(value: float, places: int = 2) -> str:
    """1.97 as 1.97 with a multiplication sign."""
    return f"{value:.{places}f}{TIMES}"


def plural(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def singular(unit: str) -> str:
    return unit.removesuffix("ies") + "y" if unit.endswith("ies") else unit.removesuffix("s")


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    places = 2 - floor(log10(value)) if value > 0 else 0
    return f"{value:.{max(places, 0)}f}"


def readable(key: str) -> str:
    key = key.replace("_", " ")
    return {"gil enabled": "GIL enabled", "cpu": "CPU", "cpus": "CPUs", "os": "system"}.get(key, key)


def fact(value: object, name: str = "") -> str:
    match value:
        case None:
            return "\N{EN DASH}"
        case bool():
            return "yes" if value else "no"
        case float():
            return _FORMATS.get(name, "{:.4g}".format)(value)
        case list() | tuple():
            separator = "; " if any(isinstance(item, Mapping) for item in value) else ", "
            return separator.join(fact(item) for item in value) or "none"
        case Mapping():
            return ", ".join(f"{readable(str(key))} {fact(item)}" for key, item in value.items()) or "none"
        case _:
            return str(value)


_FORMATS: dict[str, Callable[[float], str]] = {
    "switch_interval": duration,
    "sample_seconds": duration,
    "busy": "{:.1%}".format,
    "steal": "{:.1%}".format,
}
