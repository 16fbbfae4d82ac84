"""The build: the sdist builds, the wheel is whole and works away from the checkout, the stubs type-check."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
