"""The build: the sdist builds, the wheel is whole and works away from the checkout, the stubs type-check."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from gilscope.kernels import load
from gilscope.variants import native

ROOT = Path(__file__).parents[2]
BUILD = "from setuptools import build_meta; print(build_meta.build_{}({!r}))"


def run(command, cwd, **environment):
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The unpacked sdist of a clean copy of the sources: nothing that a build left behind can help it."""
    clean = tmp_path_factory.mktemp("clean") / "gilscope"
    built = ("*.so", "*.pyi", "*.egg-info", "__pycache__", "_build.json", "_ext", ".*", "build", "dist")
    clean.mkdir()
    for name in ("ext", "src", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, clean / name, ignore=shutil.ignore_patterns(*built))
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, clean)
    for generated in clean.glob("ext/cy/**/*.c"):
        generated.unlink()
    out = tmp_path_factory.mktemp("sdist")
    run([sys.executable, "-c", BUILD.format("sdist", str(out))], clean)
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.3 and before have none
        tar.extractall(out)
    return next(path for path in out.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory):
    """The wheel that the sdist builds, over what is left of an older build, unpacked into a folder of its own."""
    old = sdist / "build" / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}" / "gilscope"
    for path in (sdist / "src/gilscope/capi/gone.pyi", old / "cy/gone.abi3.so", old / "_ext/cy/gone.pyx"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-c", BUILD.format("wheel", str(out))], sdist)
    (wheel,) = out.glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def kernels():
    return sorted(path.stem for path in (ROOT / "src/gilscope/kernels").glob("[!_]*.py"))


def test_the_sdist_has_every_source(sdist):
    for kernel in kernels():
        for path in (f"ext/capi/{kernel}.c", f"ext/cy/{kernel}.pyx", f"src/gilscope/kernels/{kernel}.py"):
            assert (sdist / path).exists(), path
    assert (sdist / "ext/core/base.h").exists()
    assert not list(sdist.glob("ext/cy/*.c")), "what Cython writes is made again by each build"


def test_the_wheel_has_modules_stubs_and_sources(installed):
    package = installed / "gilscope"
    assert (package / "py.typed").exists()
    for kernel in kernels():
        for binding in ("capi", "cy"):
            assert list(package.glob(f"{binding}/{kernel}.*.so")), f"{binding}.{kernel}"
            assert (package / binding / f"{kernel}.pyi").exists()
        assert (package / f"_ext/capi/{kernel}.c").exists()
        assert (package / f"_ext/cy/{kernel}.pyx").exists()
    assert not list(package.glob("_ext/cy/*.c"))
    assert not list(package.rglob("gone.*")), "what was made of sources that are gone"


def test_the_wheel_works_away_from_the_checkout(installed, tmp_path):
    code = "import gilscope; print(gilscope.__file__)"
    environment = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = run([sys.executable, "-c", code], tmp_path, **environment).strip()
    assert Path(where).is_relative_to(installed)
    run([sys.executable, "-m", "gilscope", "verify"], tmp_path, **environment)


def test_the_stubs_type_check_for_a_user(installed, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "from array import array\n"
        "from gilscope.capi.spin import THRESHOLD, ceiling, spin\n"
        "from gilscope.cy.mandelbrot import mandelbrot\n"
        "state: int = spin(1000, 7, policy='released')\n"
        "seconds: float = ceiling([(1000,)], 3)\n"
        "mandelbrot(memoryview(bytearray(16)).cast('i', (2, 2)), -2.0, -1.0, 0.5, 10, policy='held')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "user.py"]
    run(command, tmp_path, MYPYPATH=str(installed))
    (tmp_path / "user.py").write_text("from gilscope.capi.spin import spin\nspin(1000, policy='freed')\n")
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "policy" in done.stdout, "a wrong policy is a type error"


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"GILSCOPE_BUILD": "fast"}, "GILSCOPE_BUILD must be one of"),
        ({"CC": "no-such-compiler"}, "no C compiler"),
    ],
)
def test_a_build_that_can_not_be_says_why_in_one_line(sdist, tmp_path, switches, message):
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(tmp_path), "--build-temp", str(tmp_path)],
        cwd=sdist,
        env=os.environ | switches,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def setup():
    """What setup.py defines."""
    pytest.importorskip("Cython")
    path = list(sys.path)
    yield runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    sys.path[:] = path


@pytest.mark.parametrize("name", kernels())
def test_the_build_reads_of_a_kernel_what_its_spec_says(setup, name):
    (spec,) = [spec for spec in setup["kernel_specs"](ROOT) if spec.name == name]
    kernel = load()[name]
    assert (spec.releases, spec.openmp) == (kernel.releases, kernel.openmp)
    assert hasattr(native(kernel, "capi"), "ceiling") == kernel.releases
    assert hasattr(native(kernel, "cython"), f"{name}_openmp") == kernel.openmp
    for argument in kernel.arguments:
        assert f"{argument.name}: " in spec.arguments


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("releases=False", "releases=not True"), "write releases as a literal"),
        (('name="objectsum"', 'name="sum"'), "the kernel is named 'sum', its file 'objectsum'"),
        (("KERNEL = Kernel(", "KERNEL = make("), "must have one KERNEL = Kernel"),
        (("-> Any:", ":"), "python() must say what it returns"),
        ((), "has no ext/capi/objectsum.c"),
    ],
)
def test_a_spec_that_the_build_cannot_read_stops_it(setup, tmp_path, change, message):
    text = (ROOT / "src/gilscope/kernels/objectsum.py").read_text()
    path = tmp_path / "src/gilscope/kernels/objectsum.py"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(*change) if change else text)
    for source in ("ext/capi/objectsum.c", "ext/cy/objectsum.pyx") if change else ():
        (tmp_path / source).parent.mkdir(parents=True)
        (tmp_path / source).touch()
    with pytest.raises(SystemExit, match=r"setup\.py: .*objectsum") as stopped:
        setup["kernel_specs"](tmp_path)
    assert message in str(stopped.value)


def test_a_cython_that_renames_its_statics_stops_the_build(setup, tmp_path):
    import Cython

    statics = "".join(f"static PyObject *{name} = 0;\n" for name in setup["STATICS"])
    generated = tmp_path / "module.c"
    generated.write_text(f"  {setup['MEMORYVIEWS']},\n{statics}")
    for _ in range(2):  # what is apart already stays so
        setup["isolate"](generated)
        assert generated.read_text().count("static _Thread_local PyObject *") == len(setup["STATICS"])
    generated.write_text(f"  {setup['MEMORYVIEWS']},\n{statics}".replace("*strided", "*__pyx_strided"))
    with pytest.raises(SystemExit, match=f"Cython {Cython.__version__} .*strided"):
        setup["isolate"](generated)
    generated.write_text("int main(void) { return 0; }\n")
    setup["isolate"](generated)


SMALL = (
    *("setup.py", "pyproject.toml", "README.md", "LICENSE", "ext/*.py", "ext/core/*.h", "ext/support/*", "ext/scope/*"),
    *("ext/capi/spin.c", "ext/cy/spin.pyx", "ext/cy/support.pxd", "ext/cy/directives.json", "src/gilscope/__init__.py"),
    *("src/gilscope/kernels/spin.py", "src/gilscope/cy/specimens/__init__.py"),
)


@pytest.fixture
def small(tmp_path):
    """A tree with one kernel and the instrument, which builds in seconds."""
    tree = tmp_path / "small"
    for path in [path for pattern in SMALL for path in ROOT.glob(pattern)]:
        copy = tree / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tree


def build_small(tree, **switches):
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "out", "--build-temp", "objects"]
    return subprocess.run(
        command, cwd=tree, env=os.environ | switches, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_build_goes_on_without_an_instrument_that_does_not_compile(small):
    ledger = small / "ext/scope/_ledger.c"
    sources = ledger.read_text()
    ledger.write_text("#error no such platform\n" + sources)
    done = build_small(small, GILSCOPE_WERROR="1")
    assert done.returncode != 0
    done = build_small(small, GILSCOPE_WERROR="0")
    assert done.returncode == 0, done.stderr[-3000:]
    warning = "setup.py: warning: gilscope.scope._ledger does not compile; going on without the instrument"
    assert warning in done.stderr.splitlines()
    out = small / "out/gilscope"
    assert list(out.glob("capi/spin.*.so"))
    assert not list(out.glob("scope/_ledger.*.so"))
    assert json.loads((out / "_build.json").read_text())["scope"].startswith("gilscope.scope._ledger did not compile: ")
    ledger.write_text(sources)
    assert build_small(small).returncode == 0
    assert len(list(out.glob("scope/_*.so"))) == len(list(ROOT.glob("ext/scope/_*.c")))
    assert json.loads((out / "_build.json").read_text())["scope"] is None
    assert build_small(small, GILSCOPE_SCOPE="0").returncode == 0
    assert not list(out.glob("scope/_*.so")), "what an earlier build left"
    assert json.loads((out / "_build.json").read_text())["scope"] == "switched off by GILSCOPE_SCOPE=0"
