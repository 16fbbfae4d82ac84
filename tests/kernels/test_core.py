"""Each core header alone, in C: no Python include path, and the sanitizers where the compiler has them."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADERS = sorted(path.stem for path in ROOT.glob("ext/core/*.h") if path.stem != "base")
COMPILER = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
FLAGS = ["-std=c11", "-O1", "-g", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'ext'}"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
NO_SUCH_LEVEL = 77

pytestmark = pytest.mark.slow


def compile_and_run(source: Path, program: Path, flags: list[str]) -> None:
    subprocess.run([*COMPILER, *flags, str(source), "-o", str(program), "-lm"], check=True)
    subprocess.run([str(program)], check=True)


@pytest.fixture(scope="session")
def sanitizers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The sanitizers' flags, or none where the compiler or the machine cannot do it."""
    folder = tmp_path_factory.mktemp("sanitizers")
    source = folder / "nothing.c"
    source.write_text("int main(void) { return 0; }\n")
    try:
        compile_and_run(source, folder / "nothing", SANITIZERS)
    except (OSError, subprocess.CalledProcessError):
        return []
    return SANITIZERS


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest, sanitizers: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test program of one header."""
    source = ROOT / "tests/core" / f"{request.param}.c"
    assert source.exists(), f"ext/core/{request.param}.h has no test: write tests/core/{request.param}.c"
    binary: Path = tmp_path_factory.mktemp("core") / request.param
    command = [*COMPILER, *FLAGS, *sanitizers, str(source), "-o", str(binary), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return binary


@pytest.mark.parametrize("level", ["baseline", "avx2"])
@pytest.mark.parametrize("program", HEADERS, indirect=True)
def test_core(program: Path, level: str) -> None:
    done = subprocess.run([str(program), level], capture_output=True, text=True, timeout=300)
    if done.returncode == NO_SUCH_LEVEL:
        pytest.skip(f"this CPU has no {level}")
    assert done.returncode == 0, done.stderr
