"""Where the sources of the compiled parts are: a checkout's ext/, or the copy that a wheel carries."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def ext_folder() -> Path:
    """The folder with core/, support/, capi/ and cy/. FileNotFoundError where the installation has none."""
    for folder in (_PACKAGE.parents[1] / "ext", _PACKAGE / "_ext"):
        if (folder / "core" / "base.h").is_file():
            return folder
    raise FileNotFoundError(f"{_PACKAGE}: installed without the sources of its extensions")


def cython_sources() -> list[Path]:
    """Every .pyx of this project, in the order of their names."""
    return sorted(ext_folder().glob("cy/*.pyx"))


def specimen_sources() -> list[Path]:
    """The .pyx of every specimen, in the order of their names."""
    return sorted(ext_folder().glob("cy/specimens/*.pyx"))
