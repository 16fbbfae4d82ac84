"""processes: a small and a large work, by what one thread, two threads and two processes take."""

from data import lucky, steady, verdict
from gilscope.experiments.processes import EXPERIMENT, Data, Way


def works(small: tuple[float, ...], large: tuple[float, ...], pickled: float = 2.0) -> Data:
    """Seconds of processes, where one thread takes 1 ms on the small work and 1 s on the large, and two half of it.

    pickled: what the large work takes where it is sent; the small work is sent at no cost.
    """
    return Data(
        seconds={
            size: {Way.ONE: steady(one), Way.THREADS: steady(one / 2), Way.PICKLE: sent, Way.SHARED: shared}
            for size, one, sent, shared in ((1000, 1e-3, small, small), (1_000_000, 1.0, steady(pickled), large))
        }
    )


YES = works(steady(3e-3), steady(0.6))
NO = works(steady(3e-3), steady(1.5))
NOISE = works(steady(3e-3), lucky(0.6, 1.5))


def test_processes_that_are_sent_their_data_at_no_cost_refute_that_they_pay() -> None:
    assert verdict(EXPERIMENT, works(steady(3e-3), steady(0.6), pickled=0.6)) == "refuted"
