"""The circumstances of a measurement: interpreter, CPUs, machine, load, build, libraries.

Everything here is read, not guessed. Facts that a system does not tell are None; Linux tells all of them.
"""

import importlib
import importlib.metadata
import json
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gilscope._version import __version__
from gilscope.host.cpus import Cpus, cpus
from gilscope.host.files import ROOT
from gilscope.host.interpreter import Python, gil_enabled, python
from gilscope.host.load import Load, load
from gilscope.host.machine import Machine, machine
from gilscope.sources import PACKAGE, module_names

LAB = ("cython", "jinja2", "plotly")
"""Distributions that the extra [lab] installs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How setup.py built the extensions."""

    mode: str
    compiler: str | None = None
    flags: tuple[str, ...] | str = ()
    openmp: bool = False
    cython: str | None = None
    scope: str | bool | None = None
    """Why the build left out the instrument; None if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The circumstances of a measurement. Groups that a file lacks have their defaults."""

    gilscope: str = ""
    python: Python = field(default_factory=Python)
    cpus: Cpus = field(default_factory=Cpus)
    machine: Machine = field(default_factory=Machine)
    load: Load = field(default_factory=Load)
    build: Build | None = None
    """None if setup.py left no record."""
    libraries: Mapping[str, str | None] = field(default_factory=dict)
    """Versions by distribution; None for one that is not installed."""


def environment(root: Path = ROOT, watch: float = 0.2) -> Environment:
    """Read the circumstances of a measurement.

    Parameters
    ----------
    root
        The root of the file system; another folder in tests.
    watch
        Seconds for which to watch the load. Nothing else happens meanwhile.
    """
    return Environment(
        gilscope=__version__,
        python=python(),
        cpus=cpus(root),
        machine=machine(_vector(), root),
        load=load(root, watch),
        build=build(),
        libraries={name: _version(name) for name in ("numpy", *LAB)},
    )


def native_modules() -> dict[str, str | None]:
    """Imports every compiled module of the kernels. By full name: None if all is well, else what is wrong."""
    return {
        f"gilscope.{package}.{name}": _import_error(package, name)
        for package in ("capi", "cy")
        for name in module_names("kernels")
    }


def _vector() -> str | None:
    for name in module_names("kernels"):
        try:
            return str(importlib.import_module(f"gilscope.capi.{name}").VECTOR)
        except ImportError:
            continue
    return None


def build() -> Build | None:
    """What setup.py wrote beside the package."""
    try:
        record = json.loads((PACKAGE / "_build.json").read_text())
        return Build(
            mode=record["mode"],
            compiler=record["compiler"],
            flags=tuple(record["flags"]),
            openmp=record["openmp"],
            cython=record["cython"],
            scope=record.get("scope"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import_error(package: str, name: str) -> str | None:
    before = gil_enabled()
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        try:
            importlib.import_module(f"gilscope.{package}.{name}")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "turned the GIL on" if gil_enabled() and not before else None
