"""web: what one handler does to every other request of a service."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, socket
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from gilscope.experiments import Axis, Chart, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._intervals import exactly, times
from gilscope.experiments._spin import rounds_for, seconds_per_round
from gilscope.experiments._words import BREAKER, TAKE
from gilscope.host import gil_enabled
from gilscope.kernels import load
from gilscope.results import Bracket
from gilscope.stats import Interval, at_least, at_most, fastest_interval, median_interval
from gilscope.variants import native

if TYPE_CHECKING:
    from httpx import AsyncClient

NEEDED = ("fastapi", "uvicorn", "httpx")
BEAT = 0.005
"""Seconds from one request to the next, whether that one is answered or not: a client waits for nobody."""
STALLED_LEAST = 0.8
"""Beside a call that holds, the slowest answer takes at least this part of the call ..."""
MEDIAN_LEAST = 0.3
"""... and the median one this part: requests that all wait for its end wait for half of it, one with another."""
FLOWING_MOST = 0.2
"""Beside a call that releases, none takes more than this."""
START = 20.0
"""Seconds that the service has to answer for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What another request got while a handler computed."""

    sent: float
    """Seconds from the call's begin."""
    seconds: float
    """How long the answer took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One call of a handler that computes."""

    call: float
    """Seconds that it computed."""
    answers: tuple[Answer, ...]
    """One per request that was sent meanwhile."""

    def slowest(self) -> float:
        """Seconds."""
        return max(answer.seconds for answer in self.answers)

    def median(self) -> float:
        """Seconds."""
        return median(answer.seconds for answer in self.answers)


Rounds = tuple[Round, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """By the handler: one that is declared with `def` runs in a thread, one with `async def` in the loop."""

    held: Rounds
    """In a thread, with the GIL."""
    released: Rounds
    """In a thread, without it."""
    in_loop: Rounds
    """In the loop, without it."""


def serve(listening: socket) -> None:
    """The service, in a process of its own: a heartbeat, and a kernel in a thread or in the loop."""
    import uvicorn
    from fastapi import FastAPI

    spin = native(load()["spin"], "capi").spin
    service = FastAPI()

    def compute(rounds: int, policy: str) -> float:
        started = perf_counter()
        spin(rounds, policy=policy)
        return perf_counter() - started

    @service.get("/beat")
    async def beat() -> None:
        pass

    @service.get("/thread")
    def in_a_thread(rounds: int, policy: str) -> float:
        return compute(rounds, policy)

    @service.get("/loop")
    async def in_the_loop(rounds: int, policy: str) -> float:
        return compute(rounds, policy)

    uvicorn.Server(uvicorn.Config(service, log_level="error", access_log=False)).run([listening])


@contextmanager
def _service() -> Iterator[str]:
    """Its address, while it runs."""
    with closing(create_server(("127.0.0.1", 0))) as listening:
        listening.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # without it an answer may wait 40 ms for the last one's ACK
        address = "http://{}:{}".format(*listening.getsockname())
        process = get_context("spawn").Process(target=serve, args=(listening,), daemon=True)
        process.start()
    try:
        yield address
    finally:
        process.terminate()
        process.join()


async def _round(client: "AsyncClient", path: str, query: Mapping[str, str | int]) -> Round:
    """A call of the handler, with a request every BEAT beside it."""
    started = perf_counter()

    async def beat() -> Answer:
        sent = perf_counter()
        (await client.get("/beat")).raise_for_status()
        return Answer(sent=sent - started, seconds=perf_counter() - sent)

    call = asyncio.create_task(client.get(path, params=query))
    beats = []
    while not (await asyncio.wait([call], timeout=BEAT))[0]:
        beats.append(asyncio.create_task(beat()))
    seconds = float(call.result().raise_for_status().json())
    return Round(call=seconds, answers=tuple(await asyncio.gather(*beats)))


async def _measured(lab: Lab, address: str, rounds: int, held: str) -> Data:
    import httpx

    handlers = (("/thread", held), ("/thread", "released"), ("/loop", "released"))
    done: list[list[Round]] = [[], [], []]
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=START, limits=limits, trust_env=False) as client:
        await client.get("/beat")
        await asyncio.gather(*(client.get("/beat") for _ in range(32)))  # so that no beat has to connect first
        await client.get("/thread", params={"rounds": 1, "policy": "held"})
        for _ in lab.rounds():
            for (path, policy), each in zip(handlers, done, strict=True):
                each.append(await _round(client, path, {"rounds": rounds, "policy": policy}))
    in_thread, released, in_loop = map(tuple, done)
    return Data(held=in_thread, released=released, in_loop=in_loop)


def measure(lab: Lab, *, seconds: float, held: str) -> Data:
    """Requests at a steady rate to a service whose handler computes: held, released, or in the loop.

    held: the policy of the handler that should hold; "released" is the negative control.
    """
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise NotHere(f"{', '.join(missing)} not installed (pip install 'gilscope[web]')")
    with _service() as address:
        return asyncio.run(_measured(lab, address, rounds_for(seconds, seconds_per_round()), held))


def judge(data: Data, bracket: Bracket) -> Judgement:
    slowest = {
        name: fastest_interval([each.slowest() / each.call for each in rounds])
        for name, rounds in (("held", data.held), ("released", data.released))
    }
    usual = median_interval([each.median() / each.call for each in data.held])
    conditions = {
        f"beside a handler that holds, the slowest answer takes at least {STALLED_LEAST:g} of the call": at_least(
            slowest["held"], STALLED_LEAST
        ),
        f"and the median one at least {MEDIAN_LEAST:g}": at_least(usual, MEDIAN_LEAST),
        f"beside one that releases, the slowest takes at most {FLOWING_MOST:g}": at_most(
            slowest["released"], FLOWING_MOST
        ),
    }
    handlers = (
        _Handler("def, held", "held", data.held),
        _Handler("def, released", "released", data.released),
        _Handler("async def, released", "auto", data.in_loop),
    )
    length = 1e3 * min(each.call for each in data.held)
    latencies = "; ".join(handler.latencies() for handler in handlers)
    evidence = f"While one request computed for {length:.0f} ms, the others were answered after: {latencies}."
    return Judgement(conditions, evidence, (_how_long(handlers, length), _when(handlers, length)))


@dataclass(frozen=True, slots=True)
class _Handler:
    """A handler as it is shown; times in ms."""

    name: str
    color: str
    rounds: Rounds

    def slowest(self) -> Interval:
        return times(fastest_interval([each.slowest() for each in self.rounds]), 1e3)

    def median(self) -> Interval:
        return times(median_interval([each.median() for each in self.rounds]), 1e3)

    def latencies(self) -> str:
        p50, p99 = np.percentile([1e3 * answer.seconds for each in self.rounds for answer in each.answers], [50, 99])
        slowest = self.slowest()
        return (
            f"{self.name} p50 {p50:.1f}, p99 {p99:.1f}, slowest {slowest.median:.1f} "
            f"[{slowest.low:.1f}, {slowest.high:.1f}] ms"
        )


def _how_long(handlers: Sequence[_Handler], length: float) -> Chart:
    series = (
        Series(
            handler.name,
            handler.color,
            (Point(f"{handler.name}, slowest", handler.slowest()), Point(f"{handler.name}, p50", handler.median())),
        )
        for handler in handlers
    )
    limits = (
        Limit(FLOWING_MOST * length, "← runs on"),
        Limit(MEDIAN_LEAST * length, "p50 stalled →"),
        Limit(STALLED_LEAST * length, "stalled →"),
    )
    return Chart("rows", Axis("time to the answer", "ms", log=True), series=tuple(series), limits=limits)


def _when(handlers: Sequence[_Handler], length: float) -> Chart:
    """The last round's answers, by when each request was sent."""
    series = (
        Series(
            handler.name,
            handler.color,
            tuple(
                Point(1e3 * answer.sent, exactly(1e3 * answer.seconds))
                for answer in sorted(handler.rounds[-1].answers, key=lambda answer: answer.sent)
            ),
        )
        for handler in handlers
    )
    return Chart(
        "lines",
        Axis("time to the answer", "ms"),
        Axis("when the request was sent, from the call's begin", "ms"),
        series=tuple(series),
        limits=(Limit(length, "the call"),),
    )


EXPERIMENT = Experiment(
    name="web",
    order=210,
    claim="In a web service, one handler that holds the GIL stalls every other request.",
    why="A service reads and answers its requests in one loop, which is Python code. A handler in a thread of its own "
    "stays out of the loop's way while it releases the GIL; a C call that holds it lets the loop do nothing, "
    "however many threads and connections there are. A handler that computes in the loop itself stops it in any case.",
    refuted_by="Requests that are answered while the handler holds the GIL, or that wait while it releases it.",
    reading="How long other requests waited that were sent while one computed, on a logarithmic axis: the slowest and "
    "the median one. Left of the first line the service runs on, right of the others it is stalled. Below, each "
    "request of one round by when it was sent: a line that falls from the call's length to nothing shows requests "
    "that all waited for its end.",
    places=(TAKE, BREAKER),
    data=Data,
    measure=measure,
    judge=judge,
    parameters={"seconds": 0.1, "held": "held"},
    control={"held": "released"},
    seconds=2.5,
)
