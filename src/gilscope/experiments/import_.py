"""import: how an extension is found, loaded and initialised, and what it has to declare."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.measure.stats import Interval, Truth, fastest_interval

DECLARED, UNDECLARED = "_gil", "_undeclared"
# By file, and not as parts of gilscope: that needs NumPy, which is refused itself.
LOAD = "import importlib.util as u; u.module_from_spec(u.spec_from_file_location({name!r}, {path!r}))"
IN_SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
if sys.version_info >= (3, 13):
    number = interpreters.create("isolated")
    said = interpreters.exec(number, sys.argv[1])
    sys.exit(f"{said.type.__name__}: {said.msg}" if said else 0)
number = interpreters.create(isolated=True)
try:
    interpreters.run_string(number, sys.argv[1])
except Exception as error:
    sys.exit(str(error))
"""
TURNS_ON = "import sys; exec(sys.argv[1]); sys.exit(f'GIL {sys._is_gil_enabled()}')"


def measure(lab: Lab, undeclared: str) -> Data:
    """The steps of an import, timed; and what becomes of a module that declares nothing, where that matters.

    undeclared: the module that declares nothing; one that does declare itself is the negative control.
    """
    if sys.version_info < (3, 12):
        raise NotHere("sub-interpreters with a GIL of their own came with Python 3.12, builds without a GIL with 3.13")
    steps: dict[str, list[float]] = {"find": [], "load": [], "initialise": []}
    for number in range(20):
        started = perf_counter()
        spec = importlib.machinery.PathFinder.find_spec(f"{__package__}.{DECLARED}", [str(Path(__file__).parent)])
        assert spec is not None
        assert spec.origin is not None
        found = perf_counter()
        loader = importlib.machinery.ExtensionFileLoader(DECLARED, spec.origin)
        module = loader.create_module(importlib.util.spec_from_loader(DECLARED, loader, origin=spec.origin))
        made = perf_counter()
        loader.exec_module(module)
        if number:  # the first time the file is read, later it is there
            for name, seconds in zip(steps, (found - started, made - found, perf_counter() - made), strict=True):
                steps[name].append(seconds)
    modules = {"declared": DECLARED, "undeclared": undeclared}
    return {
        "steps": steps,
        "in a sub-interpreter": {name: _said(IN_SUBINTERPRETER, module) for name, module in modules.items()},
        "turns the GIL on": {name: _said(TURNS_ON, module) for name, module in modules.items()}
        if "free-threading" in sys.version
        else None,
        "file": Path(spec.origin).name,
    }


def _said(program: str, module: str) -> str:
    """The last line of what the program says on loading the module in a child."""
    spec = importlib.util.find_spec(f"{__package__}.{module}")
    assert spec is not None
    load = LOAD.format(name=module, path=spec.origin)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, load], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def judge(data: Data) -> Judgement:
    refused = data["in a sub-interpreter"]
    conditions: dict[str, Truth] = {
        "one that declares nothing is refused by a sub-interpreter with its own GIL": "does not support loading"
        in refused["undeclared"],
        "one that declares itself is taken": refused["declared"] == "",
    }
    evidence = (
        f"A sub-interpreter with its own GIL {'refused' if refused['undeclared'] else 'took'} the module that declares "
        f"nothing and {'refused' if refused['declared'] else 'took'} the one that declares itself"
    )
    if turns := data["turns the GIL on"]:
        conditions["one that declares nothing turns the GIL on"] = turns["undeclared"] == "GIL True"
        conditions["one that declares itself leaves it off"] = turns["declared"] == "GIL False"
        evidence += f"; imported, the first leaves {turns['undeclared']}, the other {turns['declared']}"
    spans = {name: _us(fastest_interval(seconds)) for name, seconds in data["steps"].items()}
    said = ", ".join(f"{name} {span.median:.0f}" for name, span in spans.items())
    chart = Chart(
        "rows",
        Axis("time of a step of an import", "us", log=True),
        series=(Series("import", "own", tuple(Point(name, span) for name, span in spans.items())),),
        limits=(Limit(1.0, "1 us"),),
    )
    return Judgement(conditions, f"{evidence}. The steps of an import take, in us: {said}.", (chart,))


def _us(value: Interval) -> Interval:
    return Interval(value.median * 1e6, value.low * 1e6, value.high * 1e6)


EXPERIMENT = Experiment(
    name="import",
    claim="An extension is found, loaded and initialised; one that does not declare itself turns the GIL back on "
    "(free-threaded) or is refused (own-GIL sub-interpreter).",
    why="Modules with state in C globals, or that count on the GIL, would break. So silence means that they do: "
    "Py_mod_multiple_interpreters and Py_mod_gil have to say otherwise.",
    refuted_by="A module without these slots that is taken, or one with them that is refused.",
    reading="What the steps of an import take once the file is in memory: the search on the path, dlopen and PyInit_, "
    "and the slots of the second phase.",
    places=(
        Place("PyModule_FromDefAndSpec2", "reads the slots", {"3.11 to 3.15": "Objects/moduleobject.c"}),
        Place(
            "_PyImport_CheckSubinterpIncompatibleExtensionAllowed",
            "refuses a module of single phase",
            {"3.12 to 3.15": "Python/import.c"},
        ),
        Place("_PyEval_EnableGILPermanent", "turns the GIL on", {"3.13 to 3.15": "Python/ceval_gil.c"}),
    ),
    measure=measure,
    judge=judge,
    parameters={"undeclared": UNDECLARED},
    control={"undeclared": DECLARED},
    seconds=1.0,
)
