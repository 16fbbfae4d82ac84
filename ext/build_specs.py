"""What setup.py has to know of each kernel, read from the KERNEL of src/gilscope/kernels/NAME.py.

The specs are read, not imported: where a package is built, NumPy may be missing.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# NumPy's own stubs call its arrays buffers from Python 3.12 on only.
BUFFERS = {name: f"{name} | NDArray[Any]" for name in ("ReadableBuffer", "WriteableBuffer")}


@dataclass(frozen=True)
class Spec:
    """What the build has to know of a kernel."""

    name: str
    releases: bool
    openmp: bool
    arguments: str
    result: str


def calls(path: Path, function: str) -> Iterator[tuple[ast.Call, dict[str, object]]]:
    """Every call of the function in a source, and those of its keyword arguments that are literals."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            literals = {}
            for keyword in node.keywords:
                try:
                    literals[str(keyword.arg)] = ast.literal_eval(keyword.value)
                except ValueError:
                    continue
            yield node, literals


class Widen(ast.NodeTransformer):
    """Puts what a stub says in the place of what an annotation says."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(BUFFERS.get(node.id, node.id), mode="eval").body


def kernel_spec(root: Path, path: Path) -> Spec:
    """Reads the spec of src/gilscope/kernels/NAME.py without importing it: NumPy may be missing here."""
    found = list(calls(path, "Kernel"))
    references = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef) and n.name == "python"]
    if len(found) != 1 or len(references) != 1:
        sys.exit(f"setup.py: {path} must have one KERNEL = Kernel(...) and one function python()")
    node, literals = found[0]
    for keyword in node.keywords:
        if keyword.arg in ("name", "releases", "openmp") and keyword.arg not in literals:
            sys.exit(f"setup.py: {path}:{keyword.value.lineno}: write {keyword.arg} as a literal: the build reads it")
    if literals.get("name") != path.stem:
        sys.exit(f"setup.py: {path}: the kernel is named {literals.get('name')!r}, its file {path.stem!r}")
    for source in (root / f"ext/capi/{path.stem}.c", root / f"ext/cy/{path.stem}.pyx"):
        if not source.exists():
            sys.exit(f"setup.py: {path} has no {source.relative_to(root)}")
    reference = Widen().visit(references[0])
    if reference.returns is None:
        sys.exit(f"setup.py: {path}: python() must say what it returns: the typed stubs are made from it")
    return Spec(
        name=path.stem,
        releases=bool(literals.get("releases", True)),
        openmp=bool(literals.get("openmp", False)),
        arguments=ast.unparse(reference.args),
        result=ast.unparse(reference.returns),
    )


def kernel_specs(root: Path) -> list[Spec]:
    return [kernel_spec(root, path) for path in sorted(root.glob("src/gilscope/kernels/[!_]*.py"))]


def with_openmp(root: Path) -> set[str]:
    """The Cython modules, by their paths below ext/cy, that ask for OpenMP: kernels and specimens."""
    specimens = calls(root / "src/gilscope/cy/specimens/__init__.py", "Specimen")
    parallel = {ast.literal_eval(node.args[0]) for node, literals in specimens if literals.get("openmp")}
    return {spec.name for spec in kernel_specs(root) if spec.openmp} | {f"specimens/{name}" for name in parallel}


def stub(spec: Spec, binding: str) -> str:
    """The typed stub of a kernel's native module: the arguments and the result of its Python reference."""
    name, arguments = spec.name, spec.arguments
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
        f"def {name}({arguments}, *, policy: Literal['held', 'released', 'auto'] = ...) -> {spec.result}: ...",
    ]
    if binding == "capi":
        lines += ["VECTOR: str"]
        if spec.releases:
            lines += ["def ceiling(jobs: Sequence[tuple[Any, ...]], calls: int, /) -> float: ..."]
    elif spec.openmp:
        lines += ["OPENMP: bool", f"def {name}_openmp({arguments}, *, threads: int) -> {spec.result}: ..."]
    return "\n".join(lines) + "\n"
