"""`%%gilscope` for IPython and Jupyter: a cell of Cython, its annotated page, and a probe of what it defines.

%load_ext gilscope

%%gilscope --probe "total(values)"
def total(const double[::1] values):
    ...
"""

import ast
import functools
import html
import importlib.util
import json
import shlex
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from sysconfig import get_config_var
from types import ModuleType
from typing import Any

import click

from gilscope import __version__

_SETUP = (
    sys.executable,
    "-c",
    "import json, sys; from setuptools import Extension, setup; "
    "setup(name='cell', ext_modules=[Extension(**json.loads(sys.argv.pop()))])",
    *("-q", "build_ext", "--inplace"),
)
"""What compiles a cell's C; the last argument is the Extension, as JSON."""


class CellError(Exception):
    """Why a cell did not run, in the words of the one who refused it. IPython shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@click.command("%%gilscope", context_settings={"help_option_names": []})
@click.option("-I", "include", multiple=True, type=click.Path(path_type=Path))
@click.option("-X", "directives", multiple=True)
@click.option("--probe")
def _options(**values: Any) -> None:
    """The line of the magic; it is parsed and never called."""


def load_ipython_extension(shell: Any) -> None:
    """Makes `%%gilscope` known. IPython calls it on `%load_ext gilscope`."""
    from IPython.display import display

    def gilscope(line: str, cell: str) -> None:
        """Compile the cell with Cython, take its public names over, and show what its lines do with the GIL.

        %%gilscope [-I DIR] [-X DIRECTIVE=VALUE] [--probe CALL]

        -I: search here for .pxd files and headers. -X: a directive for Cython. --probe: put this call under the
        scope, as in --probe "total(values)". A cell is compiled once for each text and options of it.
        """
        try:
            given = _options.make_context("%%gilscope", shlex.split(line)).params
        except (click.ClickException, ValueError) as error:
            raise CellError(f"%%gilscope: {error}") from None
        module, shown = compiled(cell, given["include"], given["directives"])
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        shell.push({name: getattr(module, name) for name in names})
        display(shown, raw=True)
        if given["probe"]:
            _probe(given["probe"], shell.user_ns)

    shell.register_magic_function(gilscope, "cell")


def compiled(cell: str, include: tuple[Path, ...] = (), directives: tuple[str, ...] = ()) -> tuple[ModuleType, Any]:
    """The module made of a cell, and its page as a MIME bundle.

    Both lie in IPython's cache, in a folder whose name is a digest of all that they are made of; -I folders count with
    their .pxd and .pxi files, and not with what those include in turn. CellError says what Cython or the compiler did.
    """
    from IPython.paths import get_ipython_cache_dir

    name = f"_gilscope_{_digest(cell, include, directives)}"
    folder = Path(get_ipython_cache_dir(), "gilscope", name)
    library, shown = folder / f"{name}{get_config_var('EXT_SUFFIX')}", folder / "shown.json"
    if not (library.exists() and shown.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _build(cell, folder / f"{name}.pyx", include, directives)
    if name not in sys.modules:  # a library can be loaded once only
        spec = importlib.util.spec_from_file_location(name, library)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name], json.loads(shown.read_text(encoding="utf-8"))


def _digest(cell: str, include: tuple[Path, ...], directives: tuple[str, ...]) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        made_by = version("Cython")
    except PackageNotFoundError:
        made_by = ""  # the build says so in better words
    beside = [path.read_text() for folder in include for path in sorted(folder.resolve().glob("*.px[di]"))]
    parts = (made_by, __version__, sys.version, cell, *map(str, include), *directives, *beside)
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _build(cell: str, source: Path, include: tuple[Path, ...], directives: tuple[str, ...]) -> None:
    """Cython's C, the page, and the library, into the folder of the source."""
    import numpy as np

    from gilscope.annotate import AnnotateError, Options, annotate_each
    from gilscope.annotate.build import distutils_comments
    from gilscope.annotate.pages import alone

    source.write_text(cell, encoding="utf-8")
    try:
        [page] = annotate_each([source], source.parent, Options(include, directives))
        if isinstance(page, AnnotateError):
            raise page
        text = alone(page, "The cell")
    except AnnotateError as error:
        raise CellError(str(error).replace(str(source), "cell")) from None
    extension = distutils_comments(source) | {"name": source.stem, "sources": [str(page.c)]}
    paths = [*extension.get("include_dirs", ()), *(str(path.resolve()) for path in include), np.get_include()]
    done = subprocess.run(
        [*_SETUP, json.dumps(extension | {"include_dirs": paths})],
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CellError((done.stderr or done.stdout).strip())
    plain = [
        f"{function.name}: releases at {', '.join(f'line {n}' for n in function.releases) or 'no line'}; Python "
        f"{function.boundary} at its boundary, {function.inside_nogil} inside nogil, {function.in_loop} in loops; "
        f"{function.takes_in_loop} takes of the GIL in loops"
        for function in page.functions
    ]
    lines = len(cell.splitlines()) + sum(len(function.hints) for function in page.functions)
    height = f"min({lines * 20 + len(page.functions) * 31 + 270}px, 85vh)"
    frame = (  # of an origin of its own: neither styles nor scripts get out, or in
        f'<iframe sandbox="allow-scripts" title="What the cell does with the GIL" srcdoc="{html.escape(text)}" '
        f'style="width: 100%; height: {height}; border: 0"></iframe>'
    )
    shown = {"text/plain": "\n".join(plain), "text/html": frame}
    (source.parent / "shown.json").write_text(json.dumps(shown), encoding="utf-8")


def _probe(call: str, names: dict[str, Any]) -> None:
    """Probes a call, written as in Python, of what these names stand for, and prints what was found."""
    from gilscope.cli.probe import show
    from gilscope.scope.probe import ProbeError, probe
    from gilscope.scope.recording import RecordingError

    try:
        tree = ast.parse(call.strip(), "<probe>", "eval")
        if not isinstance(tree.body, ast.Call):
            raise CellError(f"--probe {call}: not a call; write it as in --probe 'total(values)'")
        # Taken apart, so that only the call is measured, and not what gives its arguments.
        tree.body.args.insert(0, tree.body.func)
        tree.body.func = ast.Name("_gilscope_parts", ast.Load())
        code = compile(ast.fix_missing_locations(tree), "<probe>", "eval")
        function, arguments, keywords = eval(code, names | {"_gilscope_parts": lambda f, *a, **k: (f, a, k)})
    except CellError:
        raise
    except Exception as error:
        raise CellError(f"--probe {call}: {type(error).__name__}: {error}") from None
    try:
        found = probe(functools.partial(function, *arguments, **keywords), name=call)
    except (ProbeError, RecordingError) as error:
        raise CellError(str(error)) from None
    show(found.to_json())
