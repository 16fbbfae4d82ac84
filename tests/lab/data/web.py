"""web: three handlers that compute for 0.1 s, by the slowest answer to another request."""

import re
from dataclasses import replace

import pytest

from data import lucky, steady, verdict
from gilscope.experiments import Lab, NotHere
from gilscope.experiments.web import EXPERIMENT, Answer, Data, Round, Rounds
from gilscope.host import gil_enabled

CALL = 0.1


def rounds(slowest: tuple[float, ...]) -> Rounds:
    """The slowest answer of each round; a request that was sent later waits less."""
    return tuple(
        Round(
            call=CALL,
            answers=tuple(Answer(sent=CALL * part, seconds=most * (1 - part)) for part in (0.0, 0.5, 0.9)),
        )
        for most in slowest
    )


def service(held: tuple[float, ...], released: tuple[float, ...]) -> Data:
    return Data(held=rounds(held), released=rounds(released), in_loop=rounds(steady(CALL)))


YES = service(steady(CALL), steady(0.002))
NO = service(steady(0.002), steady(0.002))
NOISE = service(steady(CALL), lucky(0.002, CALL))


def test_requests_that_wait_for_a_handler_that_releases_refute() -> None:
    assert verdict(EXPERIMENT, service(steady(CALL), steady(CALL))) == "refuted"


def test_one_late_answer_among_many_is_no_stall() -> None:
    answers = (Answer(sent=0.0, seconds=CALL), *(Answer(sent=n / 1000, seconds=0.001) for n in range(9)))
    one_late = (Round(call=CALL, answers=answers),) * len(YES.held)
    assert verdict(EXPERIMENT, replace(YES, held=one_late)) == "refuted"


@pytest.mark.skipif(not gil_enabled(), reason="there is no GIL to wait for")
def test_the_service_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gilscope.experiments.web.find_spec", lambda name: name != "uvicorn")
    with pytest.raises(NotHere, match=re.escape("uvicorn not installed (pip install 'gilscope[web]')")):
        EXPERIMENT.run(Lab(0.1), {})
