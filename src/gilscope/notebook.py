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
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from sysconfig import get_config_var
from types import ModuleType
from typing import Any

import click
import numpy as np

from gilscope.annotate import AnnotateError, Options, Page, annotate_each
from gilscope.annotate.compile import distutils_comments
from gilscope.annotate.pages import alone
from gilscope.cli.probe import show
from gilscope.probes.probe import probe
from gilscope.probes.target import ProbeError
from gilscope.scope.recording import RecordingError

MimeBundle = Mapping[str, str]
"""What IPython can display, by MIME type."""

_SETUP = (
    sys.executable,
    "-c",
    "import json, sys; from setuptools import Extension, setup; "
    "setup(name='cell', ext_modules=[Extension(**json.loads(sys.argv.pop()))])",
    *("-q", "build_ext", "--inplace"),
)
"""What compiles a cell's C; the last argument is the Extension, as JSON."""


class CellError(Exception):
    """A cell did not run; the message comes from Cython, the compiler or the scope. IPython shows no traceback."""

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
        """Compile the cell with Cython, import its public names, and show what its lines do with the GIL.

        %%gilscope [-I DIR] [-X DIRECTIVE=VALUE] [--probe CALL]

        -I: search here for .pxd files and headers. -X: a directive for Cython. --probe: put this call under the
        scope, as in --probe "total(values)". A cell is compiled once for each text and options of it.
        """
        try:
            given = _options.make_context("%%gilscope", shlex.split(line)).params
        except (click.ClickException, ValueError) as error:
            raise CellError(f"%%gilscope: {error}") from None
        module, bundle = compiled(cell, given["include"], given["directives"])
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        shell.push({name: getattr(module, name) for name in names})
        display(bundle, raw=True)
        if given["probe"]:
            _probe(given["probe"], shell.user_ns)

    shell.register_magic_function(gilscope, "cell")


def compiled(
    cell: str, include: tuple[Path, ...] = (), directives: tuple[str, ...] = ()
) -> tuple[ModuleType, MimeBundle]:
    """The module made of a cell, and its page.

    Both lie in IPython's cache, in a folder whose name is a digest of all that they are made of; -I folders count with
    their .pxd and .pxi files, and not with what those include in turn.

    Parameters
    ----------
    cell
        Cython's source.
    include
        Folders to search for .pxd files and headers.
    directives
        Cython's, such as "boundscheck=False".

    Raises
    ------
    CellError
        Cython or the compiler refused the cell; the message says what they wrote.
    """
    from IPython.paths import get_ipython_cache_dir

    name = f"_gilscope_{_digest(cell, include, directives)}"
    folder = Path(get_ipython_cache_dir(), "gilscope", name)
    library, bundle = folder / f"{name}{get_config_var('EXT_SUFFIX')}", folder / "shown.json"
    if not (library.exists() and bundle.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _build(cell, folder / f"{name}.pyx", include, directives)
    if name not in sys.modules:  # a library can be loaded once only
        spec = importlib.util.spec_from_file_location(name, library)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name], json.loads(bundle.read_text(encoding="utf-8"))


def _digest(cell: str, include: tuple[Path, ...], directives: tuple[str, ...]) -> str:
    beside = [path.read_text() for folder in include for path in sorted(folder.resolve().glob("*.px[di]"))]
    tools = (_version("Cython"), _version("gilscope"), sys.version)
    parts = (*tools, cell, *map(str, include), *directives, *beside)
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""  # the build says so in better words


def _build(cell: str, source: Path, include: tuple[Path, ...], directives: tuple[str, ...]) -> None:
    """Cython's C, the page, and the library, into the folder of the source."""
    source.write_text(cell, encoding="utf-8")
    try:
        page, *_ = annotate_each([source], source.parent, Options(include, directives))
        if isinstance(page, AnnotateError):
            raise page
        text = alone(page, "The cell")
    except AnnotateError as error:
        raise CellError(str(error).replace(str(source), "cell")) from None
    _compile(source, page, include)
    bundle = _bundle(page, text, len(cell.splitlines()))
    (source.parent / "shown.json").write_text(json.dumps(bundle), encoding="utf-8")


def _compile(source: Path, page: Page, include: Sequence[Path]) -> None:
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


def _bundle(page: Page, text: str, lines: int) -> MimeBundle:
    """The page in a frame, and for a terminal a line for each function."""
    plain = [
        f"{function.name}: releases at {', '.join(f'line {n}' for n in function.release_lines) or 'no line'}; Python "
        f"{function.boundary} at its boundary, {function.inside_nogil} inside nogil, {function.in_loop} in loops; "
        f"{function.takes_in_loop} takes of the GIL in loops"
        for function in page.functions
    ]
    lines += sum(len(function.hints) for function in page.functions)
    height = f"min({lines * 20 + len(page.functions) * 31 + 270}px, 85vh)"
    frame = (  # of an origin of its own: neither styles nor scripts get out, or in
        f'<iframe sandbox="allow-scripts" title="What the cell does with the GIL" srcdoc="{html.escape(text)}" '
        f'style="width: 100%; height: {height}; border: 0"></iframe>'
    )
    return {"text/plain": "\n".join(plain), "text/html": frame}


def _probe(call: str, names: Mapping[str, object]) -> None:
    """Probes a call, written as in Python, of what these names stand for, and prints the result."""
    try:
        tree = ast.parse(call.strip(), "<probe>", "eval")
        if not isinstance(tree.body, ast.Call):
            raise CellError(f"--probe {call}: not a call; write it as in --probe 'total(values)'")
        # Taken apart, so that only the call is measured, and not what gives its arguments.
        tree.body.args.insert(0, tree.body.func)
        tree.body.func = ast.Name("_gilscope_parts", ast.Load())
        code = compile(ast.fix_missing_locations(tree), "<probe>", "eval")
        function = eval(code, {**names, "_gilscope_parts": functools.partial})
    except CellError:
        raise
    except Exception as error:
        raise CellError(f"--probe {call}: {type(error).__name__}: {error}") from None
    try:
        result = probe(function, name=call)
    except (ProbeError, RecordingError) as error:
        raise CellError(str(error)) from None
    show(result, list(result.advice))
