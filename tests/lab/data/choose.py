"""choose: tasks of three kinds, by what they take in each way."""

from data import lucky, steady, verdict
from gilscope.experiments.choose import EXPERIMENT, Data, Kind, Way


def tasks(threads: tuple[float, ...]) -> Data:
    """What threads take for tasks that release; the other kinds are as people say."""
    usual = {Way.ASYNCIO: steady(1.0), Way.THREADS: steady(2.0), Way.PROCESSES: steady(1.0)}
    return Data(
        seconds={
            Kind.WAITS: usual,
            Kind.PYTHON: usual | {Way.PROCESSES: steady(0.6)},
            Kind.RELEASED: usual | {Way.THREADS: threads},
        }
    )


YES = tasks(steady(0.6))
NO = tasks(steady(2.0))
NOISE = tasks(lucky(0.9, 1.6))


def test_where_no_way_gains_there_is_nothing_to_choose() -> None:
    assert verdict(EXPERIMENT, tasks(steady(1.0))) == "inconclusive"
