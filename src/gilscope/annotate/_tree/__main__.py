"""The child: Cython's own command line, with two looks at its tree and one at its writer.

The task is {"arguments": [...], "facts": FILE}; the answer is Cython's exit status, and FILE holds a ModuleFact.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from gilscope.annotate._tree.c_code import Piece, Position, pieces, python_uses, takes_at_ends, texts
from gilscope.annotate._tree.facts import FunctionFact, ModuleFact
from gilscope.annotate._tree.names import Names, Node
from gilscope.annotate._tree.walk import Walk
from gilscope.host import child

Stage = Callable[[Node], Node]
_CYTHON = Path(str(import_module("Cython").__file__)).resolve().parent


class Looks:
    """What is gathered while Cython compiles one source."""

    def __init__(self) -> None:
        self.names = Names()
        self.walk = Walk(self.names.written)
        self.module = ""
        self.included: dict[str, str | None] = {}
        """The files that `include` brings in, and Cython's page of each."""
        self.files: set[str] = set()
        self.positions: list[Position] = []
        self.c = ""
        self.source = self.target = ""

    def hook(self) -> None:
        """Put the looks into Cython. Nothing of what it writes changes."""
        pipeline: Any = import_module("Cython.Compiler.Pipeline")
        annotate: Any = import_module("Cython.Compiler.Annotate")
        of_source, of_pxd = pipeline.create_pyx_pipeline, pipeline.create_pxd_pipeline
        save = annotate.AnnotationCCodeWriter.save_annotation

        def source_stages(context: Any, options: Any, result: Any, **rest: Any) -> list[Stage]:
            stages = list(of_source(context, options, result, **rest))
            stages.insert(1, self.parsed)
            at = next(i for i, stage in enumerate(stages) if _name(stage) == "generate_pyx_code_stage")
            stages.insert(at, self.analysed)
            return stages

        def pxd_stages(context: Any, scope: Any, module_name: str) -> list[Stage]:
            stages = list(of_pxd(context, scope, module_name))
            stages.insert(1, lambda tree: self._read(tree, module_name))
            return stages

        def save_annotation(writer: Any, source: str, target: str, *rest: Any, **named: Any) -> None:
            if not self.positions:
                self.written(writer, source, target)
            elif source != self.source:  # in a folder of its own: an included file may have the name of another
                folder = Path(self.target).parent
                target = str(folder / f"included-{len(list(folder.iterdir()))}" / Path(self.target).name)
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self.included[source] = str(Path(target).with_suffix(".html").relative_to(folder))
            save(writer, source, target, *rest, **named)

        pipeline.create_pyx_pipeline, pipeline.create_pxd_pipeline = source_stages, pxd_stages
        annotate.AnnotationCCodeWriter.save_annotation = save_annotation

    def parsed(self, tree: Node) -> Node:
        """The first look: what the source says."""
        return self._read(tree, str(tree.full_module_name))

    def _read(self, tree: Node, module: str) -> Node:
        if tree is not None:  # a .pxd with an error has none
            self.names.read(tree, module)
            self.files.add(str(tree.pos[0].filename))
        return tree

    def analysed(self, tree: Node) -> Node:
        """The second look: what Cython is about to write."""
        self.module = str(tree.full_module_name)
        self.walk.visit(tree)
        search = tree.scope.context.search_include_directories
        paths = [search(name, source_pos=tree.pos, include=True) for name in tree.scope.included_files]
        paths += [file for file, _, _ in self.names.written if not file.endswith(".pxd")]
        self.included = dict.fromkeys(str(path) for path in paths if path) | self.included
        return tree

    def written(self, writer: Any, source: str, target: str) -> None:
        """The third look: which line of C was written for which line of a source."""
        self.source, self.target = source, target
        self.c = Path(target).read_text(encoding="utf-8", errors="replace")
        self.positions = [
            (str(place.filename), line) if place is not None and place.filename else ("", 0)
            for place, line in writer.buffer.allmarkers()
        ]

    def facts(self) -> ModuleFact:
        """All of it. RuntimeError if Cython's writer did not keep the positions."""
        lines = self.c.count("\n")
        if not self.positions or len(self.positions) < lines:
            raise RuntimeError(f"Cython kept {len(self.positions)} positions for {lines} lines of C")
        code = pieces(self.c, self.positions)
        functions = [f for f in self.walk.functions.values() if f.file == self.source or not _foreign(f.file)]
        for function in functions:
            self._count(function, code)
        included = {file: page or "" for file, page in self.included.items() if file != self.source}
        files = {self.source, *included, *(function.file for function in functions)}
        return ModuleFact(
            self.module,
            self.source,
            tuple(included.items()),
            tuple(sorted(functions, key=lambda function: (function.file, function.line))),
            {file: texts(code, file) for file in sorted(files)},
            tuple(
                (key[0], key[1], function.name)
                for key, function in self.names.written.items()
                if key not in self.walk.functions and key[0] in files
            ),
            tuple(sorted({*self.files, *included})),
        )

    def _count(self, function: FunctionFact, code: Mapping[Position, Sequence[Piece]]) -> None:
        """Add to a function what only its C tells."""
        for line in function.lines:
            place = (function.file, line.number)
            names = self.walk.declared_nogil.get(place, set())
            nogil = line.nogil and not line.boundary
            if not line.raising:
                fused = function.specialisations > 1
                line.python = python_uses(code.get(place, ()), names, nogil=nogil, fused=fused)
        if function.nogil and not function.with_gil:
            function.entry_takes = takes_at_ends(code.get((function.file, function.line), ()))


def _foreign(file: str) -> bool:
    """Whether a file belongs to Cython or to another installed package."""
    return Path(file).resolve().is_relative_to(_CYTHON) or "site-packages" in Path(file).parts


def _name(stage: Stage) -> str:
    return getattr(stage, "__name__", type(stage).__name__)


def work(task: object, answer: Callable[[object], None]) -> None:
    """Compile the source of the task, and answer with Cython's exit status."""
    arguments, facts = (cast(Any, task)[name] for name in ("arguments", "facts"))
    sys.setrecursionlimit(20_000)  # a long chain of `elif` is as deep as it is long
    sys.argv = ["cython", *arguments]
    looks = Looks()
    looks.hook()
    try:
        import_module("Cython.Compiler.Main").setuptools_main()
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
    if not status:
        Path(facts).write_text(json.dumps(asdict(looks.facts())), encoding="utf-8")
    sys.stderr.flush()
    answer(status)


if __name__ == "__main__":
    child.serve(work)
