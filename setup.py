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
    GILSCOPE_SCOPE=0         build without the instrument (ext/scope): kernels, annotated pages and the oracle remain

What differs from kernel to kernel is read from its spec, the KERNEL of src/gilscope/kernels/NAME.py. Where the
instrument does not compile, the build goes on without it, and _build.json says why; not so with GILSCOPE_WERROR=1.
"""

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
sys.path.insert(0, str(ROOT / "ext"))  # a build in isolation does not look here by itself

from build_specs import kernel_specs, stub, with_openmp  # noqa: E402

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
STRICT = os.environ.get("GILSCOPE_WERROR") == "1"
WERROR = ["-Werror"] if STRICT else []
SCOPE = os.environ.get("GILSCOPE_SCOPE") != "0"
SOURCES = (".c", ".h", ".pyx", ".pxd", ".json", ".md")  # of ext/, which a wheel carries, too
LINK = [flag for flag in FLAGS[MODE] if flag.startswith("-fsanitize")]

# In a file of their own, for `gilscope annotate` to show the code that is built here.
DIRECTIVES = json.loads((ROOT / "ext/cy/directives.json").read_text())
if MODE == "debug":
    DIRECTIVES |= {"boundscheck": True, "initializedcheck": True}

# Module state instead of C globals: what lets a module be in several interpreters at once.
ISOLATED = [("CYTHON_USE_MODULE_STATE", "1"), ("CYTHON_USE_TYPE_SPECS", "1")]
# What Cython's typed memoryviews leave static nevertheless: see isolate().
STATICS = ("__pyx_collections_abc_Sequence", "generic", "strided", "indirect", "contiguous", "indirect_contiguous")
MEMORYVIEWS = '"View.MemoryView"'  # in the C of a module that uses them


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


def circumstances() -> dict[str, object]:
    """How this build is made. It stands beside the package as _build.json, where `gilscope doctor` reads it."""
    version = subprocess.run([*compiler(), "--version"], check=False, capture_output=True, text=True).stdout
    return {
        "mode": MODE,
        "compiler": version.partition("\n")[0],
        "flags": FLAGS[MODE] + COMMON,
        "openmp": bool(openmp_flags()),
        "cython": Cython.__version__,
    }


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
    sources = [*ROOT.glob("ext/capi/*.c"), *ROOT.glob("ext/experiments/_*.c")]
    sources += ROOT.glob("ext/scope/_*.c") if SCOPE else []
    modules = [
        Extension(
            f"gilscope.{path.parent.name}.{path.stem}",
            [str(path.relative_to(ROOT))],
            extra_compile_args=flags + OURS,
            extra_link_args=LINK,
            optional=path.parent.name == "scope" and not STRICT,
            **common,
        )
        for path in sorted(sources)
    ]
    openmp = {name: openmp_flags() for name in with_openmp(ROOT)}
    cython = []
    for path in sorted(ROOT.glob("ext/cy/**/*.pyx")):
        module = path.relative_to(ROOT / "ext/cy").with_suffix("")
        own = openmp.get(module.as_posix(), [])
        cython.append(
            Extension(
                ".".join(["gilscope.cy", *module.parts]),
                [str(path.relative_to(ROOT))],
                extra_compile_args=flags + own,
                extra_link_args=LINK + own,
                define_macros=ISOLATED,
                **common,
            )
        )
    generated = cythonize(
        cython,
        include_path=["ext/cy"],
        compiler_directives=DIRECTIVES,
        force=directives_changed(),
        nthreads=0 if sys.platform == "darwin" else os.cpu_count() or 1,
        quiet=True,
    )
    for module in generated:
        isolate(Path(module.sources[0]))
    return modules + generated


def isolate(generated: Path) -> None:
    """Lets two interpreters import the module at the same time, each under a GIL of its own.

    Cython's typed memoryviews bring six static objects that are set while the module is initialised and not used
    after it (hence its warning that they do not support sub-interpreters). Two interpreters that initialise at once
    would release each other's; one set per thread keeps them apart. The build stops where the six are not found.
    """
    text = generated.read_text()
    declared = re.compile(rf"^static (?:_Thread_local )?(PyObject \*({'|'.join(STATICS)}) = 0;)", re.MULTILINE)
    there = {name for _, name in declared.findall(text)}
    if there != (set(STATICS) if MEMORYVIEWS in text else set()):
        missing = ", ".join(sorted(set(STATICS) - there)) or "none missing"
        sys.exit(
            f"setup.py: {generated}: Cython {Cython.__version__} declares the statics of its memoryviews in another way"
            f" ({missing}); adapt isolate(), or two interpreters may crash each other"
        )
    apart = declared.sub(r"static _Thread_local \1", text)
    if apart != text:
        generated.write_text(apart)


class Build(build_ext):
    """Compiles in parallel, then puts the typed stubs, the sources and the build's record beside the modules.

    What earlier builds made of sources that are gone is removed: it would still be imported, and packed.
    """

    def run(self) -> None:
        check_tools()
        self.failed: dict[str, str] = {}
        package = ROOT / "src/gilscope" if self.inplace or self.editable_mode else Path(self.build_lib, "gilscope")
        record, facts = package / "_build.json", circumstances()
        before = json.loads(record.read_text()) if record.exists() else {}
        self.force = self.force or {**before, "scope": None} != {**facts, "scope": None}  # another mode or compiler
        self.parallel = self.parallel or os.cpu_count()
        record.unlink(missing_ok=True)
        self.sweep(package, {module.name for module in self.extensions})
        super().run()
        self.sweep(package, {module.name for module in self.extensions} - self.failed.keys())
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(facts | {"scope": self.scope()}, indent=1) + "\n")
        for spec in kernel_specs(ROOT):
            for binding in ("capi", "cy"):
                (package / binding).mkdir(parents=True, exist_ok=True)
                (package / binding / f"{spec.name}.pyi").write_text(stub(spec, binding))
        if package.parent != ROOT / "src":  # a checkout reads ext/ itself
            self.copy_sources(package / "_ext")

    def build_extension(self, ext: Extension) -> None:
        """Notes what fails before setuptools passes over it: an optional module."""
        try:
            super().build_extension(ext)
        except Exception as error:
            self.failed[ext.name] = str(error).partition("\n")[0][:200]
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)  # an older build's
            raise

    def scope(self) -> str | None:
        """Why the instrument is missing; None where it is there."""
        if not SCOPE:
            return "switched off by GILSCOPE_SCOPE=0"
        for name, error in self.failed.items():
            print(f"setup.py: warning: {name} does not compile; going on without the instrument", file=sys.stderr)
            return f"{name} did not compile: {error}"
        return None

    @staticmethod
    def copy_sources(target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        for path in ROOT.glob("ext/**/*"):
            if path.suffix in SOURCES and (path.suffix == ".pyx" or not path.with_suffix(".pyx").exists()):
                copy = target / path.relative_to(ROOT / "ext")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)

    @staticmethod
    def sweep(package: Path, names: set[str]) -> None:
        for path in [*package.rglob("*.so"), *package.glob("capi/*.pyi"), *package.glob("cy/*.pyi")]:
            module = (*path.relative_to(package.parent).parent.parts, path.name.partition(".")[0])
            if ".".join(module) not in names:
                path.unlink()
        for path in ROOT.glob("ext/cy/**/*.c"):
            if not path.with_suffix(".pyx").exists():
                path.unlink()


if __name__ == "__main__":  # cythonize() starts processes that may import this file
    setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
