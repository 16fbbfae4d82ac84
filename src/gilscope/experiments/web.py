"""web: what one handler does to every other request of a service."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, socket
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from gilscope.experiments import Axis, Chart, Data, Experiment, Judgement, Lab, Limit, NotHere, Point, Series
from gilscope.experiments._words import BREAKER, TAKE
from gilscope.kernels import load
from gilscope.measure.calibrate import seconds_of
from gilscope.measure.stats import Interval, at_least, at_most, fastest_interval, median_interval
from gilscope.scope import gil_enabled
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
HANDLERS = {"def, held": "/thread", "def, released": "/thread", "async def, released": "/loop"}
"""Where each handler is: one that is declared with `def` runs in a thread, one with `async def` in the loop."""
COLORS = {"def, held": "held", "def, released": "released", "async def, released": "auto"}
START = 20.0
"""Seconds that the service has to answer for the first time."""


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


async def _beside(client: "AsyncClient", path: str, query: dict[str, str | int]) -> tuple[float, list[list[float]]]:
    """The seconds that the handler computed, and the heartbeats that were sent meanwhile: [sent, seconds]."""
    started = perf_counter()

    async def beat() -> list[float]:
        sent = perf_counter()
        (await client.get("/beat")).raise_for_status()
        return [sent - started, perf_counter() - sent]

    call = asyncio.create_task(client.get(path, params=query))
    beats = []
    while not (await asyncio.wait([call], timeout=BEAT))[0]:
        beats.append(asyncio.create_task(beat()))
    return float(call.result().raise_for_status().json()), await asyncio.gather(*beats)


async def _measured(lab: Lab, address: str, rounds: int, policies: dict[str, str]) -> dict[str, dict[str, Any]]:
    import httpx

    found: dict[str, dict[str, Any]] = {name: {"call": [], "beats": []} for name in HANDLERS}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=START, limits=limits, trust_env=False) as client:
        await client.get("/beat")
        await asyncio.gather(*(client.get("/beat") for _ in range(32)))  # so that no beat has to connect first
        await client.get("/thread", params={"rounds": 1, "policy": "held"})
        for _ in lab.rounds():
            for name, path in HANDLERS.items():
                took, beats = await _beside(client, path, {"rounds": rounds, "policy": policies[name]})
                found[name]["call"].append(took)
                found[name]["beats"].append(beats)
    return found


def measure(lab: Lab, seconds: float, held: str) -> Data:
    """Requests at a steady rate to a service whose handler computes: held, released, or in the loop.

    held: the policy of the handler that is said to hold; "released" is the negative control.
    """
    if not gil_enabled():
        raise NotHere("there is no GIL to wait for")
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise NotHere(f"{', '.join(missing)} not installed (pip install 'gilscope[web]')")
    spin = native(load()["spin"], "capi").spin
    rounds = max(1, round(seconds / (seconds_of(lambda: spin(1_000_000, policy="held"), ()) / 1_000_000)))
    policies = dict.fromkeys(HANDLERS, "released") | {"def, held": held}
    with _service() as address:
        return {"cells": asyncio.run(_measured(lab, address, rounds, policies))}


def judge(data: Data) -> Judgement:
    cells = data["cells"]
    parts = {name: _parts(cell, np.max, fastest_interval) for name, cell in cells.items()}
    conditions = {
        f"beside a handler that holds, the slowest answer takes {STALLED_LEAST:g} of the call": at_least(
            parts["def, held"], STALLED_LEAST
        ),
        f"and the median one {MEDIAN_LEAST:g}": at_least(
            _parts(cells["def, held"], np.median, median_interval), MEDIAN_LEAST
        ),
        f"beside one that releases, the slowest takes {FLOWING_MOST:g}": at_most(parts["def, released"], FLOWING_MOST),
    }
    said, points, lines = [], [], []
    for name, cell in cells.items():
        latencies = np.concatenate([[1e3 * took for _, took in beats] for beats in cell["beats"]])
        p50, p99 = np.percentile(latencies, [50, 99])
        slowest = fastest_interval([1e3 * max(took for _, took in beats) for beats in cell["beats"]])
        median = median_interval([1e3 * float(np.median([took for _, took in beats])) for beats in cell["beats"]])
        said.append(
            f"{name} p50 {p50:.1f}, p99 {p99:.1f}, slowest {slowest.median:.1f} "
            f"[{slowest.low:.1f}, {slowest.high:.1f}] ms"
        )
        points.append(Series(name, COLORS[name], (Point(f"{name}, slowest", slowest), Point(f"{name}, p50", median))))
        last = sorted((1e3 * sent, 1e3 * took) for sent, took in cell["beats"][-1])
        lines.append(Series(name, COLORS[name], tuple(Point(s, Interval(took, took, took)) for s, took in last)))
    length = 1e3 * min(cells["def, held"]["call"])
    evidence = f"While one request computed for {length:.0f} ms, the others were answered after: {'; '.join(said)}."
    limits = (
        Limit(FLOWING_MOST * length, "← runs on"),
        Limit(MEDIAN_LEAST * length, "p50 stalled →"),
        Limit(STALLED_LEAST * length, "stalled →"),
    )
    rows = Chart("rows", Axis("time to the answer", "ms", log=True), series=tuple(points), limits=limits)
    when = Chart(
        "lines",
        Axis("time to the answer", "ms"),
        Axis("when the request was sent, from the call's begin", "ms"),
        series=tuple(lines),
        limits=(Limit(length, "the call"),),
    )
    return Judgement(conditions, evidence, (rows, when))


def _parts(cell: Any, of: Callable[[list[float]], Any], interval: Callable[[list[float]], Interval]) -> Interval:
    """This figure of each round's answers, as a part of the call."""
    rounds = zip(cell["beats"], cell["call"], strict=True)
    return interval([float(of([took for _, took in beats])) / call for beats, call in rounds])


EXPERIMENT = Experiment(
    name="web",
    claim="In a web service, one handler that holds the GIL stalls every other request.",
    why="A service reads and answers its requests in one loop, which is Python code. A handler in a thread of its own "
    "keeps out of the loop's way as long as it lets go of the GIL; a C call that holds it lets the loop do nothing, "
    "however many threads and connections there are. A handler that computes in the loop itself stops it in any case.",
    refuted_by="Requests that are answered while the handler holds the GIL, or that wait while it releases it.",
    reading="How long other requests waited that were sent while one computed, on a logarithmic axis: the slowest and "
    "the median one. Left of the first line the service runs on, right of the others it is stalled. Below, each "
    "request of one round by when it was sent: a line that falls from the call's length to nothing shows requests "
    "that all waited for its end.",
    places=(TAKE, BREAKER),
    measure=measure,
    judge=judge,
    parameters={"seconds": 0.1, "held": "held"},
    control={"held": "released"},
    seconds=2.5,
)
