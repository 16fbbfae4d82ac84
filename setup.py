"""What is compiled, and how. Metadata is in pyproject.toml.

Sources are found by scanning: ext/capi/NAME.c becomes gilscope.capi.NAME, ext/cy/NAME.pyx becomes
gilscope.cy.NAME. Switches, as environment variables:

    GILSCOPE_BUILD=debug     -O0 -g, assertions on, bounds checks on in Cython
    GILSCOPE_BUILD=address   address and undefined-behaviour sanitizers (run with LD_PRELOAD, see CONTRIBUTING.md)
    GILSCOPE_BUILD=thread    thread sanitizer
    GILSCOPE_WERROR=1        warnings are errors (CI)
    GILSCOPE_OPENMP=0        build without OpenMP even where the compiler has it
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
MODE = os.environ.get("GILSCOPE_BUILD", "release")
FLAGS = {
    "release": ["-O3", "-g0"],
    "debug": ["-O0", "-g", "-UNDEBUG"],
    "address": ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"],
    "thread": ["-O1", "-g", "-UNDEBUG", "-fsanitize=thread"],
}
if MODE not in FLAGS:
    sys.exit(f"setup.py: GILSCOPE_BUILD must be one of {', '.join(FLAGS)}, not {MODE!r}")

# No -march=native: the core picks its vector code at run time. No fused multiply-add that the source did
# not ask for: the two bindings and the Python reference must agree bit for bit. The last two only drop
# errno and floating-point traps, which nobody reads; they change no value.
COMMON = ["-std=c11", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter"]
OURS = ["-Wshadow", "-Wstrict-prototypes", "-Wvla"]  # not for the C that Cython writes
WERROR = ["-Werror"] if os.environ.get("GILSCOPE_WERROR") == "1" else []
LINK = [flag for flag in FLAGS[MODE] if flag.startswith("-fsanitize")]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": MODE == "debug",
    "wraparound": False,
    "initializedcheck": MODE == "debug",
    "cdivision": True,
    "embedsignature": True,
    "embedsignature.format": "python",
    "freethreading_compatible": True,
    "subinterpreters_compatible": "own_gil",
}


def compiler() -> list[str]:
    return (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()


def openmp_flags() -> list[str]:
    """The flags for OpenMP, or none where the compiler or its runtime is missing."""
    if os.environ.get("GILSCOPE_OPENMP") == "0" or MODE in ("thread", "address"):
        return []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.c")
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [*compiler(), "-fopenmp", str(source), "-o", str(source.with_suffix(""))]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return []
    return ["-fopenmp"]


def check_tools() -> None:
    """Says in one line what is missing, before the compiler says it in fifty."""
    try:
        subprocess.run([*compiler(), "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(
            f"setup.py: no C compiler ({' '.join(compiler())} does not run); install one (Debian: apt-get install gcc)"
        )
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        sys.exit(f"setup.py: no Python headers ({header}); install them (Debian: apt-get install python3-dev)")


def extensions() -> list[Extension]:
    headers = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("ext/*/*.h"))]
    common = {"include_dirs": ["ext"], "depends": headers}
    flags = FLAGS[MODE] + COMMON + WARNINGS + WERROR
    modules = [
        Extension(
            f"gilscope.capi.{path.stem}",
            [str(path.relative_to(ROOT))],
            extra_compile_args=flags + OURS,
            extra_link_args=LINK,
            **common,
        )
        for path in sorted(ROOT.glob("ext/capi/*.c"))
    ]
    openmp = openmp_flags()
    cython = [
        Extension(
            f"gilscope.cy.{path.stem}",
            [str(path.relative_to(ROOT))],
            extra_compile_args=flags + (openmp if "prange" in path.read_text() else []),
            extra_link_args=LINK + (openmp if "prange" in path.read_text() else []),
            **common,
        )
        for path in sorted(ROOT.glob("ext/cy/*.pyx"))
    ]
    return modules + cythonize(
        cython,
        include_path=["ext/cy"],
        compiler_directives=DIRECTIVES,
        nthreads=0 if sys.platform == "darwin" else os.cpu_count() or 1,
        quiet=True,
    )


def stub(kernel: Path, binding: str) -> str:
    """The typed stub of a kernel's native module, from its Python reference: same arguments, same result."""
    tree = ast.parse(kernel.read_text())
    reference = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "python")
    openmp = f"def {kernel.stem}_openmp" in Path("ext/cy", f"{kernel.stem}.pyx").read_text()
    arguments, result = ast.unparse(reference.args), ast.unparse(reference.returns)
    lines = [
        "# Made by setup.py from the reference in gilscope.kernels; do not edit.",
        "from collections.abc import Sequence",
        "from typing import Any, Literal",
        "",
        "from _typeshed import ReadableBuffer, WriteableBuffer",
        "",
        "THRESHOLD: int | None",
        "UNIT: str",
        f"def {kernel.stem}({arguments}, *, policy: Literal['held', 'released', 'auto'] = ...) -> {result}: ...",
    ]
    if binding == "capi":
        lines += ["VECTOR: str", "def ceiling(jobs: Sequence[tuple[Any, ...]], calls: int, /) -> float: ..."]
    elif openmp:
        lines += ["OPENMP: bool", f"def {kernel.stem}_openmp({arguments}, *, threads: int) -> {result}: ..."]
    return "\n".join(lines) + "\n"


class Build(build_ext):
    """Compiles in parallel, then puts the typed stubs and the sources beside the modules."""

    def build_extensions(self) -> None:
        check_tools()
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()
        package = ROOT / "src/gilscope" if self.inplace or self.editable_mode else Path(self.build_lib, "gilscope")
        for kernel in sorted(ROOT.glob("src/gilscope/kernels/[!_]*.py")):
            for binding in ("capi", "cy"):
                (package / binding).mkdir(parents=True, exist_ok=True)
                (package / binding / f"{kernel.stem}.pyi").write_text(stub(kernel, binding))
        if package.parent != ROOT / "src":  # a checkout reads ext/ itself
            for path in ROOT.glob("ext/**/*"):
                if (
                    (path.suffix in (".c", ".h", ".pyx", ".pxd", ".md")
                    and not path.with_suffix(".pyx").exists())
                    or path.suffix == ".pyx"
                ):
                    target = package / "_ext" / path.relative_to(ROOT / "ext")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)


setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
