"""Test data of the experiments: one file each, with the name of the experiment's own module.

A file `tests/lab/data/<module>.py` has three values of the experiment's `Data`, which need no quiet machine:

    YES     as it would be where the claim is true: confirmed
    NO      as it would be where the claim is false: refuted
    NOISE   as it would be where noise hides the answer: inconclusive. None where no noise can, with a comment that
            says why not

and, where it needs them, functions that build such data, and tests of this experiment alone, which pytest collects.
The files are found by scanning, so a new experiment is its module and its file here, and no other file is edited.

This module has what the files share: a bracket of a quiet machine, columns of seconds, timings that gain so much.
"""

import importlib
from collections.abc import Sequence
from types import ModuleType

from gilscope.experiments import Experiment, Timing, rule_on
from gilscope.results import Bracket, Measured, Ruling, Stretch, Track
from gilscope.results.codec import encode
from gilscope.results.states import State
from gilscope.results.timelines import Tracks

ROUNDS = 12


def quiet(gain: float = 1.99, others: float | None = 0.01) -> Bracket:
    """The bracket of a machine with two CPUs, on which two plain C threads gain this much."""
    return Bracket(one=steady(0.01), many=steady(0.02 / gain), workers=2, cpus=2.0, others=others)


def untimed(others: float | None = 0.01) -> Bracket:
    """The bracket of an experiment that times nothing."""
    return Bracket(workers=2, cpus=2.0, others=others)


def timing(gain: float, later: float | None = None, busy: Sequence[float] = ()) -> Timing:
    """A cell that gains this much on two threads: in the first round, and in the `later` ones, too, or less."""
    return Timing(one=steady(1.0), many=lucky(2.0 / gain, 2.0 / (later or gain)), busy=tuple(busy))


def steady(value: float) -> tuple[float, ...]:
    """The same in every round."""
    return (value,) * ROUNDS


def lucky(value: float, others: float) -> tuple[float, ...]:
    """One quiet round, and others that are not."""
    return (value, *steady(others)[1:])


def torn(low: float, high: float) -> tuple[float, ...]:
    """Now this, now that."""
    return (low, high) * (ROUNDS // 2)


UNCLEAR = timing(1.9, 1.1)
"""A cell that gains in one round only."""


def track(name: str, *states: State, length: float = 30.0) -> Track:
    """A thread that spends this many milliseconds in each of the states, one after the other."""
    return Track(name, tuple(Stretch(n * length, length, state) for n, state in enumerate(states)))


RECORDED = {
    "held": Tracks((track("loop", State.WAITS_GIL), track("thread", State.HOLDS))),
    "released": Tracks((track("loop"), track("thread", State.RELEASED))),
}
"""What an experiment may have recorded of two threads, beside a kernel that holds the GIL and one that releases it."""


def experiment_of(module: str) -> Experiment:
    """The experiment of this module of gilscope.experiments, by the module's name."""
    experiment: Experiment = importlib.import_module(f"gilscope.experiments.{module}").EXPERIMENT
    return experiment


def data_of(module: str) -> ModuleType:
    """The test data of the experiment of this module."""
    name = f"{__name__}.{module}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise LookupError(
            f"gilscope.experiments.{module} has no test data: write tests/lab/data/{module}.py with YES, NO and NOISE"
        ) from None


def ruling(experiment: Experiment, data: object, bracket: Bracket | None = None) -> Ruling:
    """The ruling on these values, after a way through JSON and back; on a quiet machine if no bracket is given."""
    return rule_on(experiment, Measured(encode(data), bracket or quiet()))


def verdict(experiment: Experiment, data: object, bracket: Bracket | None = None) -> str:
    return ruling(experiment, data, bracket).verdict
