"""Reads who imports whom in a package, without importing it: by ast, those in functions and for type checkers too."""

import ast
import graphlib
import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

NEEDED = {"click", "numpy", "rich"}  # the package's own requirements: what is neither here nor standard is optional

COMPILED = ("capi", "cy")


@dataclass(frozen=True, slots=True)
class Import:
    """One module that a statement, or a call of import_module, imports."""

    file: Path
    line: int
    importer: str
    imported: str
    inside: bool  # a function
    dynamic: bool  # by import_module

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class Package:
    """A package on the disk.

    Parameters
    ----------
    root
        The package's folder; its name is the package's.
    """

    def __init__(self, root: Path) -> None:
        self.name = root.name
        self.files = {_module(root, file): file for file in sorted(root.rglob("*.py"))}
        self.compiled = {_module(root, file) for file in root.rglob("*.pyi")} - set(self.files)
        self.imports = [found for name, file in self.files.items() for found in self._read(root, name, file)]

    def room(self, module: str) -> str:
        """The part of the package that a module lies in: `gilscope.scope.states` in `scope`."""
        return module.split(".")[1] if "." in module else module

    def is_ours(self, module: str) -> bool:
        return module.split(".")[0] == self.name

    def _read(self, root: Path, importer: str, file: Path) -> Iterator[Import]:
        shown = file.relative_to(root.parent)
        for node, inside in _nodes(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules, dynamic = [alias.name for alias in node.names], False
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node, importer)
                modules, dynamic = [self._target(base, alias.name) for alias in node.names], False
            elif name := _imported_by_call(node):
                modules, dynamic = [name], True
            else:
                continue
            yield from (Import(shown, node.lineno, importer, name, inside, dynamic) for name in dict.fromkeys(modules))

    def _base(self, node: ast.ImportFrom, importer: str) -> str:
        """The module that a `from` names, with the dots of a relative one resolved."""
        if not node.level:
            return node.module or ""
        is_package = self.files[importer].name == "__init__.py"
        parts = importer.split(".")
        parts = parts[: len(parts) - node.level + is_package]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def _target(self, base: str, name: str) -> str:
        """`from base import name` imports base.name if that is a module, else base."""
        whole = f"{base}.{name}"
        return whole if whole in self.files or whole in self.compiled else base

    def edges(self) -> dict[str, dict[str, Import]]:
        """Importer -> imported -> one import, between the package's own modules.

        To import a.b.c runs a/__init__ and a.b/__init__ first, so these are imported as well, but for the packages that
        the importer itself lies in: those have begun before it. A call of import_module within one room is how a room
        finds what lies in it, and no edge.
        """
        edges: dict[str, dict[str, Import]] = {name: {} for name in self.files}
        for found in self.imports:
            if not self.is_ours(found.imported) or (found.dynamic and "." not in found.imported):
                continue  # a call whose argument names no more than the package
            if found.dynamic and self.room(found.importer) == self.room(found.imported):
                continue
            own = _packages(found.importer)
            for target in [*(name for name in _packages(found.imported) if name not in own), found.imported]:
                if target in self.files and target != found.importer:
                    edges[found.importer].setdefault(target, found)
        return edges

    def optional(self) -> set[str]:
        """The modules that cannot be imported without something optional: a library, or a compiled module."""
        reaches = set(self.compiled)
        direct = [found for found in self.imports if not found.inside and not found.dynamic]
        while True:
            more = {
                found.importer
                for found in direct
                if found.imported in reaches or (not self.is_ours(found.imported) and is_optional(found.imported))
            } - reaches
            if not more:
                return reaches
            reaches |= more


def is_optional(module: str) -> bool:
    """Whether a module from elsewhere is neither of the standard library nor always installed."""
    return module.split(".")[0] not in NEEDED | sys.stdlib_module_names


def upward(package: Package, layers: Iterable[Iterable[str]]) -> list[str]:
    """A line for each import of a room in a higher layer, and for each room that has no layer."""
    height = {room: number for number, rooms in enumerate(layers) for room in rooms}
    rooms = {package.room(name) for name in package.files}
    lines = [f"{room}: has no place in LAYERS" for room in sorted(rooms - set(height))]
    for found in package.imports:
        if not package.is_ours(found.imported) or ("." not in found.imported and found.dynamic):
            continue
        lower, upper = package.room(found.importer), package.room(found.imported)
        if height.get(lower, 0) < height.get(upper, 0):
            lines.append(f"{found.where}: {lower} (layer {height[lower]}) imports {upper} (layer {height[upper]})")
    return lines


def circles(package: Package) -> list[str]:
    """A line for each circle of modules, with the imports that close it; at most one through any module."""
    edges = package.edges()
    lines = []
    while True:
        try:
            graphlib.TopologicalSorter(edges).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1][::-1]
            steps = [edges[importer][imported] for importer, imported in itertools.pairwise(circle)]
            lines.append(f"{' -> '.join(circle)}: {', '.join(step.where for step in steps)}")
            edges = {
                name: {target: found for target, found in targets.items() if target not in circle}
                for name, targets in edges.items()
                if name not in circle
            }
        else:
            return lines


def hidden(package: Package, start_up: Iterable[str]) -> list[str]:
    """A line for each import in a function that keeps no start-up quick and brings nothing optional."""
    allowed, optional = set(start_up), package.optional()
    lines = []
    for found in package.imports:
        if not found.inside or package.room(found.importer) in allowed:
            continue
        if found.dynamic and package.room(found.importer) == package.room(found.imported):
            continue
        if package.is_ours(found.imported) and package.room(found.imported) in COMPILED:
            continue  # a build may lack it
        if found.imported in optional or (not package.is_ours(found.imported) and is_optional(found.imported)):
            continue
        lines.append(f"{found.where}: {found.importer} imports {found.imported} inside a function")
    return lines


def _module(root: Path, file: Path) -> str:
    parts = file.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _packages(module: str) -> list[str]:
    """The packages above a module, the topmost left out: every module lies in that one."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(2, len(parts))]


def _nodes(tree: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    for node in ast.iter_child_nodes(tree):
        yield node, inside
        yield from _nodes(node, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def _imported_by_call(node: ast.AST) -> str | None:
    """The module that a call of import_module names, as far as the source says: up to the first value put in."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in ("import_module", "__import__"):
        return None
    argument = node.args[0]
    if isinstance(argument, ast.JoinedStr) and argument.values:
        whole, argument = False, argument.values[0]
    else:
        whole = True
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return None
    return argument.value if whole else argument.value.rpartition(".")[0] or None
