"""import: how an extension is found, loaded and initialised, and what it has to declare."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Place, Point, Series
from gilscope.experiments._intervals import times
from gilscope.results import Bracket
from gilscope.stats import Truth, fastest_interval

DECLARED, UNDECLARED = "_gil", "_undeclared"
TIMES = 20
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
    failure = interpreters.exec(number, sys.argv[1])
    sys.exit(f"{failure.type.__name__}: {failure.msg}" if failure else 0)
number = interpreters.create(isolated=True)
try:
    interpreters.run_string(number, sys.argv[1])
except Exception as error:
    sys.exit(str(error))
"""
TURNS_ON = "import sys; exec(sys.argv[1]); sys.exit(f'GIL {sys._is_gil_enabled()}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Seconds of each step, one value per import."""

    find: tuple[float, ...]
    load: tuple[float, ...]
    initialise: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The last line that a child writes after it has loaded each of two modules; empty if it writes nothing."""

    declared: str
    undeclared: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    steps: Steps
    in_subinterpreter: Answers
    """Why a sub-interpreter with its own GIL refuses the module; empty where it takes it."""
    gil: Answers | None
    """"GIL True" or "GIL False", as the import leaves it; None where the interpreter always has a GIL."""
    file: str


def measure(lab: Lab, *, undeclared: str) -> Data:
    """The steps of an import, timed; and what becomes of a module that declares nothing, where that matters.

    undeclared: the module that declares nothing; one that does declare itself is the negative control.
    """
    if sys.version_info < (3, 12):
        raise NotHere("sub-interpreters with a GIL of their own came with Python 3.12, builds without a GIL with 3.13")

    def answers(program: str) -> Answers:
        return Answers(declared=_answer(program, DECLARED), undeclared=_answer(program, undeclared))

    return Data(
        steps=_steps(),
        in_subinterpreter=answers(IN_SUBINTERPRETER),
        gil=answers(TURNS_ON) if "free-threading" in sys.version else None,
        file=_file(DECLARED).name,
    )


def _steps() -> Steps:
    name = f"{__package__}.{DECLARED}"
    rounds = []
    for _ in range(TIMES):
        start = perf_counter()
        spec = importlib.machinery.PathFinder.find_spec(name, [str(Path(__file__).parent)])
        assert spec is not None
        assert spec.origin is not None
        located = perf_counter()
        loader = importlib.machinery.ExtensionFileLoader(DECLARED, spec.origin)
        by_file = importlib.util.spec_from_loader(DECLARED, loader, origin=spec.origin)
        assert by_file is not None
        module = loader.create_module(by_file)
        loaded = perf_counter()
        assert module is not None
        loader.exec_module(module)
        rounds.append((located - start, loaded - located, perf_counter() - loaded))
    find, load, initialise = zip(*rounds[1:], strict=True)  # the first time the file is read, later it is there
    return Steps(find=find, load=load, initialise=initialise)


def _file(module: str) -> Path:
    spec = importlib.util.find_spec(f"{__package__}.{module}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def _answer(program: str, module: str) -> str:
    """The last line that the program writes when it loads the module in a child."""
    load = LOAD.format(name=module, path=str(_file(module)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, load], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def judge(data: Data, bracket: Bracket) -> Judgement:
    refusal, gil = data.in_subinterpreter, data.gil
    conditions: dict[str, Truth] = {
        "a sub-interpreter with its own GIL refuses a module that declares nothing": "does not support loading"
        in refusal.undeclared,
        "it takes one that declares itself": refusal.declared == "",
    }
    evidence = (
        f"A sub-interpreter with its own GIL {'refused' if refusal.undeclared else 'took'} the module that declares "
        f"nothing and {'refused' if refusal.declared else 'took'} the one that declares itself"
    )
    if gil:
        conditions["a module that declares nothing turns the GIL on"] = gil.undeclared == "GIL True"
        conditions["one that declares itself leaves it off"] = gil.declared == "GIL False"
        evidence += f"; imported, the first leaves {gil.undeclared}, the other {gil.declared}"
    steps = {"find": data.steps.find, "load": data.steps.load, "initialise": data.steps.initialise}
    spans = {name: times(fastest_interval(seconds), 1e6) for name, seconds in steps.items()}
    figures = ", ".join(f"{name} {span.median:.0f}" for name, span in spans.items())
    chart = Chart(
        "rows",
        Axis("time of a step of an import", "us", log=True),
        series=(Series("import", "own", tuple(Point(name, span) for name, span in spans.items())),),
        limits=(Limit(1.0, "1 us"),),
    )
    return Judgement(conditions, f"{evidence}. The steps of an import take, in us: {figures}.", (chart,))


EXPERIMENT = Experiment(
    name="import",
    order=180,
    claim="An extension is found, loaded and initialised; one that does not declare what it supports turns the GIL "
    "back on (free-threaded) or is refused (own-GIL sub-interpreter).",
    why="Modules that have state in C globals, or that count on the GIL, would break. So the interpreter takes silence "
    "to mean that they do: Py_mod_multiple_interpreters and Py_mod_gil have to tell it otherwise.",
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
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"undeclared": UNDECLARED},
    control={"undeclared": DECLARED},
    seconds=1.0,
)
