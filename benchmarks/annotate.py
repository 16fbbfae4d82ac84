"""`gilscope annotate` against an independent walk over Cython's tree, for whole projects: the table in annotate.md.

    python benchmarks/annotate.py FOLDER            # unpacked source distributions lie in FOLDER

Each source is compiled twice: by `gilscope annotate --json`, and by tests/annotate/independent.py, which shares no code
with gilscope. Functions, releases and `with gil` blocks are compared place by place; each difference is listed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gilscope.annotate import Options, Page, annotate_each
from gilscope.annotate.compile import distutils_comments
from gilscope.annotate.gate import breaches
from gilscope.annotate.targets import sources_of

WALK = Path(__file__).parents[1] / "tests" / "annotate" / "independent.py"
PROJECTS: dict[str, tuple[list[str], dict[str, object]]] = {
    "mpi4py": (["src/mpi4py/MPI.pyx"], {"include": ["src"]}),
    "petsc4py": (["src/petsc4py/PETSc.pyx"], {"include": ["src"]}),
    "uvloop": (["uvloop/loop.pyx"], {"environment": ("DEFAULT_FREELIST_SIZE=250", "SSL_READ_MAX_SIZE=262144")}),
    "asyncpg": (["asyncpg"], {}),
    "lupa": (["lupa"], {}),
    "pysam": (["pysam"], {}),
    "scikit_image": (["src/skimage", "skimage"], {"cplus": False}),
    "gensim": (["gensim"], {}),
    "gevent": (["src/gevent"], {}),
    "spacy": (["spacy"], {"cplus": True}),
}
Place = tuple[str, int]


def walked(source: Path, options: Options) -> dict[str, set[Place]] | str:
    """The places by the independent walk, or why it has none."""
    plus = options.cplus or distutils_comments(source).get("language") == "c++"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(WALK), "-I", str(source.parent), *(["--cplus"] if plus else [])]
        command += [part for path in options.include for part in ("-I", str(path))]
        command += [f"-E{pair}" for pair in options.environment]
        command += ["-o", f"{folder}/{source.stem}.{'cpp' if plus else 'c'}", str(source.resolve())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed"
    return {kind: {(file, line) for file, line in found} for kind, found in json.loads(done.stdout).items()}


def compared(name: str, folder: Path) -> str:
    """One row of the table; differences go to stderr."""
    targets, extra = PROJECTS[name]
    include = tuple(folder / path for path in extra.get("include", ()))  # type: ignore[attr-defined]
    options = Options(
        include=(*include, folder), cplus=bool(extra.get("cplus")), environment=tuple(extra.get("environment", ()))
    )  # type: ignore[call-overload]
    sources = [path for target in targets if (folder / target).exists() for path in sources_of(str(folder / target))]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        outcomes = annotate_each(sources, Path(out), options)
    seconds = time.perf_counter() - start
    pages = [page for page in outcomes if isinstance(page, Page)]
    rejected = [str(error) for error in outcomes if not isinstance(error, Page)]
    ours: dict[str, set[Place]] = {"functions": set(), "releases": set(), "takes": set()}
    for page in pages:
        file = str(page.source.resolve())
        for function in page.functions:
            ours["functions"].add((file, function.line))
            ours["releases"] |= {(file, line.number) for line in function.lines if line.releases}
            ours["takes"] |= {
                (file, line.number) for line in function.lines if line.takes and line.boundary and not line.releases
            }
    compiled = [page.source for page in pages if not page.included]
    theirs: dict[str, set[Place]] = {"functions": set(), "releases": set(), "takes": set()}
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda source: walked(source, options), compiled):
            for kind, of_kind in found.items() if isinstance(found, dict) else ():
                theirs[kind] |= of_kind
    cells = []
    for kind, mine in ours.items():
        cells.append(f"{len(mine):,} / {len(theirs[kind]):,}")
        for file, line in sorted(mine ^ theirs[kind]):
            side = "only annotate" if (file, line) in mine else "only the walk"
            print(f"{name}: {kind}: {side}: {file}:{line}", file=sys.stderr)
    for reason in rejected:
        print(f"{name}: rejected: {reason}", file=sys.stderr)
    in_loops = sum(function.releases_in_loop for page in pages for function in page.functions)
    files = f"{len(pages)}" + (f", {len(rejected)} rejected" if rejected else "")
    return f"| {folder.name} | {files} | {' | '.join(cells)} | {in_loops} | {len(breaches(pages))} | {seconds:.0f} |"


def main() -> None:
    """Print the table of the projects that are there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", help="Where the unpacked source distributions lie.")
    home = parser.parse_args().folder
    if home is None or not home.is_dir():
        parser.error("name the folder with the unpacked source distributions")
    print("| project | files | functions | releases | `with gil` | releases in loops | rules broken | s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in PROJECTS:
        for folder in sorted(path for path in home.glob(f"{name}-*") if path.is_dir()):
            print(compared(name, folder), flush=True)


if __name__ == "__main__":
    main()
