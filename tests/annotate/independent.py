"""Functions, releases and takes of one source, counted by Cython's own visitor and by nothing of gilscope.

python independent.py ARGUMENTS-OF-CYTHON: prints {"functions": [...], "releases": [...], "takes": [...]}, each a list
of [file, line]. Functions come from the tree as it was parsed, regions from the tree that is compiled.
"""

import json
import sys
from pathlib import Path

import Cython
from Cython.Compiler import Main, Pipeline
from Cython.Compiler.Visitor import TreeVisitor

OWN = Path(Cython.__file__).parent
places = {"functions": set(), "releases": set(), "takes": set()}


def note(kind, node):
    """Write a place down if it is in a file of the project."""
    file = getattr(node.pos[0], "filename", None)
    if file and not Path(file).is_relative_to(OWN) and "site-packages" not in Path(file).parts:
        places[kind].add((str(file), node.pos[1]))


class Written(TreeVisitor):
    """The functions that the parser saw."""

    def visit_Node(self, node):
        self.visitchildren(node)

    def visit_FuncDefNode(self, node):
        note("functions", node)
        self.visitchildren(node)


class Compiled(TreeVisitor):
    """The regions inside of functions."""

    depth = 0

    def visit_Node(self, node):
        self.visitchildren(node)

    def visit_FuncDefNode(self, node):
        self.depth += 1
        self.visitchildren(node)
        self.depth -= 1

    def visit_GILStatNode(self, node):
        body = node.body
        while hasattr(body, "stats") and body.stats:
            body = body.stats[-1]
        if self.depth and node.state == "nogil" and not getattr(body, "acquire_gil", False):
            note("releases", node)
        if self.depth and node.state == "gil" and type(body).__name__ not in ("RaiseStatNode", "ReraiseStatNode"):
            note("takes", node)
        self.visitchildren(node)


def hooked(create):
    """The stages with a look after the first and one before the last."""

    def stages(*arguments, **named):
        stages = list(create(*arguments, **named))

        def parsed(tree):
            if tree is not None:
                Written().visit(tree)
            return tree

        def compiled(tree):
            Compiled().visit(tree)
            return tree

        names = [getattr(stage, "__name__", "") for stage in stages]
        if "generate_pyx_code_stage" in names:
            stages.insert(names.index("generate_pyx_code_stage"), compiled)
        stages.insert(1, parsed)
        return stages

    return stages


if __name__ == "__main__":
    sys.setrecursionlimit(20_000)
    Pipeline.create_pyx_pipeline = hooked(Pipeline.create_pyx_pipeline)
    Pipeline.create_pxd_pipeline = hooked(Pipeline.create_pxd_pipeline)
    try:
        Main.setuptools_main()
    except SystemExit as leaving:
        if leaving.code:
            raise
    print(json.dumps({kind: sorted(found) for kind, found in places.items()}))
