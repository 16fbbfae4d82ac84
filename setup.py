"""What is compiled, and how. Metadata is in pyproject.toml.

Sources are found by scanning: ext/capi/NAME.c becomes gilscope.capi.NAME, ext/cy/NAME.pyx becomes
gilscope.cy.NAME, ext/cy/FOLDER/NAME.pyx gilscope.cy.FOLDER.NAME, ext/scope/_NAME.c gilscope.scope._NAME, and
ext/experiments/_NAME.c gilscope.experiments._NAME.
Switches, as environment variables:

    GILSCOPE_BUILD=debug     -O0 -g, assertions on, bounds checks on in Cython
    GILSCOPE_BUILD=address   address and undefined-behaviour sanitizers (run with LD_PRELOAD, see CONTRIBUTING.md)
    GILSCOPE_BUILD=thread    thread sanitizer
    GILSCOPE_WERROR=1        warnings are errors (CI)
    GILSCOPE_OPENMP=0        build without OpenMP even where the compiler has it
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import Cython
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
SOURCES = (".c", ".h", ".pyx", ".pxd", ".json", ".md")  # of ext/, which a wheel carries, too
LINK = [flag for flag in FLAGS[MODE] if flag.startswith("-fsanitize")]

# In a file of their own, for `gilscope annotate` to show the code that is built here.
DIRECTIVES = json.loads((ROOT / "ext/cy/directives.json").read_text())
if MODE == "debug":
    DIRECTIVES |= {"boundscheck": True, "initializedcheck": True}

# Module state instead of C globals: what lets a module be in several interpreters at once.
ISOLATED = [("CYTHON_USE_MODULE_STATE", "1"), ("CYTHON_USE_TYPE_SPECS", "1")]


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


def directives_changed() -> bool:
    """Whether the C that is there was made under other directives. Cython itself compares dates only."""
    stamp, now = ROOT / "build/directives.json", json.dumps([Cython.__version__, DIRECTIVES])
    if stamp.exists() and stamp.read_text() == now:
        return False
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(now)
    return True


def record() -> str:
    """How this build is made, as JSON. It stands beside the package, where `gilscope doctor` reads it."""
    version = subprocess.run([*compiler(), "--version"], check=False, capture_output=True, text=True).stdout
    made = {
        "mode": MODE,
        "compiler": version.partition("\n")[0],
        "flags": FLAGS[MODE] + COMMON,
        "openmp": bool(openmp_flags()),
        "cython": Cython.__version__,
    }
    return json.dumps(made, indent=1) + "\n"


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
            f"gilscope.{path.parent.name}.{path.stem}",
            [str(path.relative_to(ROOT))],
            extra_compile_args=flags + OURS,
            extra_link_args=LINK,
            **common,
        )
        for path in sorted(
            [*ROOT.glob("ext/capi/*.c"), *ROOT.glob("ext/scope/_*.c"), *ROOT.glob("ext/experiments/_*.c")]
        )
    ]
    openmp = openmp_flags()
    cython = [
        Extension(
            ".".join(["gilscope", *path.relative_to(ROOT / "ext").with_suffix("").parts]),
            [str(path.relative_to(ROOT))],
            extra_compile_args=flags + (openmp if "prange" in path.read_text() else []),
            extra_link_args=LINK + (openmp if "prange" in path.read_text() else []),
            define_macros=ISOLATED,
            **common,
        )
        for path in sorted(ROOT.glob("ext/cy/**/*.pyx"))
    ]
    made = cythonize(
        cython,
        include_path=["ext/cy"],
        compiler_directives=DIRECTIVES,
        force=directives_changed(),
        nthreads=0 if sys.platform == "darwin" else os.cpu_count() or 1,
        quiet=True,
    )
    for module in made:
        isolate(Path(module.sources[0]))
    return modules + made


def isolate(generated: Path) -> None:
    """Lets two interpreters import the module at the same time, each under a GIL of its own.

    Cython's typed memoryviews bring six static objects that are set while the module is initialised and not used
    after it (hence its warning that they do not support sub-interpreters). Two interpreters that initialise at once
    would release each other's; one set a thread keeps them apart.
    """
    text = generated.read_text()
    names = "__pyx_collections_abc_Sequence|generic|strided|indirect|contiguous|indirect_contiguous"
    apart = re.sub(rf"^static (PyObject \*(?:{names}) = 0;)", r"static _Thread_local \1", text, flags=re.MULTILINE)
    if apart != text:
        generated.write_text(apart)


def stub(kernel: Path, binding: str) -> str:
    """The typed stub of a kernel's native module, from its Python reference: same arguments, same result."""
    tree = ast.parse(kernel.read_text())
    reference = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "python")
    openmp = f"def {kernel.stem}_openmp" in Path("ext/cy", f"{kernel.stem}.pyx").read_text()
    arguments, result = ast.unparse(reference.args), ast.unparse(reference.returns)
    # NumPy's own stubs call its arrays buffers from Python 3.12 on only.
    arguments = arguments.replace("ableBuffer", "ableBuffer | NDArray[Any]")
    lines = [
        "# Made by setup.py from the reference in gilscope.kernels; do not edit.",
        "from collections.abc import Sequence",
        "from typing import Any, Literal",
        "",
        "from _typeshed import ReadableBuffer, WriteableBuffer",
        "from numpy.typing import NDArray",
        "",
        "THRESHOLD: int | None",
        "UNIT: str",
        f"def {kernel.stem}({arguments}, *, policy: Literal['held', 'released', 'auto'] = ...) -> {result}: ...",
    ]
    if binding == "capi":
        lines += ["VECTOR: str"]
        if ".objects = true" not in Path("ext/capi", f"{kernel.stem}.c").read_text():
            lines += ["def ceiling(jobs: Sequence[tuple[Any, ...]], calls: int, /) -> float: ..."]
    elif openmp:
        lines += ["OPENMP: bool", f"def {kernel.stem}_openmp({arguments}, *, threads: int) -> {result}: ..."]
    return "\n".join(lines) + "\n"


class Build(build_ext):
    """Compiles in parallel, then puts the typed stubs, the sources and the build's record beside the modules.

    What earlier builds made of sources that are gone is removed: it would still be imported, and packed.
    """

    def run(self) -> None:
        check_tools()
        package = ROOT / "src/gilscope" if self.inplace or self.editable_mode else Path(self.build_lib, "gilscope")
        known, made = package / "_build.json", record()
        self.force = self.force or not known.exists() or known.read_text() != made  # another mode, another compiler
        self.parallel = self.parallel or os.cpu_count()
        known.unlink(missing_ok=True)
        self.sweep(package)
        super().run()
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(made)
        for kernel in sorted(ROOT.glob("src/gilscope/kernels/[!_]*.py")):
            for binding in ("capi", "cy"):
                (package / binding).mkdir(parents=True, exist_ok=True)
                (package / binding / f"{kernel.stem}.pyi").write_text(stub(kernel, binding))
        if package.parent != ROOT / "src":  # a checkout reads ext/ itself
            shutil.rmtree(package / "_ext", ignore_errors=True)
            for path in ROOT.glob("ext/**/*"):
                if path.suffix in SOURCES and (path.suffix == ".pyx" or not path.with_suffix(".pyx").exists()):
                    target = package / "_ext" / path.relative_to(ROOT / "ext")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)

    def sweep(self, package: Path) -> None:
        names = {module.name for module in self.extensions}
        for path in package.rglob("*.*"):
            if path.suffix in (".so", ".pyi"):
                module = (*path.relative_to(package.parent).parent.parts, path.name.partition(".")[0])
                if ".".join(module) not in names:
                    path.unlink()
        for path in ROOT.glob("ext/cy/**/*.c"):
            if not path.with_suffix(".pyx").exists():
                path.unlink()


if __name__ == "__main__":  # cythonize() starts processes that may import this file
    setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
