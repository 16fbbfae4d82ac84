"""The places of this package's sources: its own modules, and those of the compiled parts."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def module_names(package: str) -> list[str]:
    """The names of the public modules of a subpackage, without importing them.

    >>> module_names("kernels")[:2]
    ['blur', 'histogram']
    """
    return sorted(path.stem for path in (PACKAGE / package).glob("[!_]*.py"))


def ext_folder() -> Path:
    """The folder with core/, support/, capi/ and cy/: ext/ of a checkout, or the copy in a wheel.

    Raises
    ------
    FileNotFoundError
        The installation has no sources.
    """
    for folder in (PACKAGE.parents[1] / "ext", PACKAGE / "_ext"):
        if (folder / "core" / "base.h").is_file():
            return folder
    raise FileNotFoundError(f"{PACKAGE}: installed without the sources of its extensions")


def cython_sources() -> list[Path]:
    """The .pyx file of every kernel, sorted by name."""
    return sorted(ext_folder().glob("cy/*.pyx"))


def specimen_sources() -> list[Path]:
    """The .pyx file of every specimen, sorted by name."""
    return sorted(ext_folder().glob("cy/specimens/*.pyx"))
