"""The interpreter: its version, its build, and whether it has a GIL."""

import platform
import re
import sys
import sysconfig
from dataclasses import dataclass


def gil_enabled() -> bool:
    """Whether this interpreter has a GIL, turned on at this moment."""
    enabled = getattr(sys, "_is_gil_enabled", None)
    return True if enabled is None else bool(enabled())


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The interpreter of a measurement. Facts that a file lacks are None."""

    version: str | None = None
    implementation: str | None = None
    build: str | None = None
    compiler: str | None = None
    free_threaded: bool = False
    """Whether the build can run without a GIL."""
    gil_enabled: bool = True
    """Whether the GIL was on when the measurement began."""
    debug: bool = False
    sanitizers: tuple[str, ...] = ()
    switch_interval: float | None = None
    """Seconds."""


def python() -> Python:
    """This interpreter."""
    number, date = platform.python_build()
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    sanitizers = re.findall(r"--with-(address|memory|thread|undefined-behavior)-sanitizer\b(?!=no)", configured)
    return Python(
        version=platform.python_version(),
        implementation=platform.python_implementation(),
        build=f"{number}, {date}",
        compiler=platform.python_compiler(),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        gil_enabled=gil_enabled(),
        debug=bool(sysconfig.get_config_var("Py_DEBUG")),
        sanitizers=tuple(sanitizers),
        switch_interval=sys.getswitchinterval(),
    )
