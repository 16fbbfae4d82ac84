"""One experiment in a process of its own, and the ruling on what it measured."""

import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from gilscope.experiments._spec import Experiment, load
from gilscope.experiments._task import Task
from gilscope.host import child
from gilscope.results import Bracket, Failed, Finding, FormatError, Measured, NotMeasurable, Ruling
from gilscope.results.codec import decode, encode
from gilscope.results.findings import Outcome
from gilscope.stats import busy, verdict_on

CHILD = "gilscope.experiments._child"
GRACE = 5.0
"""Seconds between faulthandler's end of the child, which shows every stack, and ours, which shows nothing."""
OTHERS_MOST = 0.2
"""The share of all CPU time that others may use during a timing."""


def run(experiment: Experiment[Any], *, scale: float = 1.0, changes: Mapping[str, object] | None = None) -> Finding:
    """Does the experiment in a child process, and rules on what it measured.

    Parameters
    ----------
    scale
        How much of its usual time it gets.
    changes
        Other values of its parameters.

    Whatever goes wrong in the child is the finding: inconclusive, with the reason.
    """
    started = perf_counter()
    limit = experiment.limit * max(1.0, scale)
    task = Task(experiment.name, experiment.seconds * scale, limit, dict(changes or {}))
    options = [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    outcome = _outcome(child.run(CHILD, encode(task), limit + GRACE, options), limit)
    seconds = perf_counter() - started
    return Finding(experiment.name, experiment.claim, seconds, outcome, rule_on(experiment, outcome))


def rule(finding: Finding) -> Ruling:
    """The ruling on a finding, made from its raw values wherever this installation can.

    Where it has no such experiment, or one that measures other values now, or where the values are incomplete, the
    ruling of the gilscope that measured.
    """
    experiment = load().get(finding.name)
    if experiment is None:
        return finding.ruling
    try:
        return rule_on(experiment, finding.outcome)
    except (FormatError, LookupError, ValueError, ArithmeticError):  # of another shape, or incomplete
        return finding.ruling


def rule_on(experiment: Experiment[Any], outcome: Outcome) -> Ruling:
    """A pure function: the same raw values, the same ruling. FormatError if they are another experiment's."""
    match outcome:
        case NotMeasurable(reason):
            return Ruling("not measurable here", reason)
        case Failed(reason):
            return Ruling("inconclusive", reason)
        case Measured(data, bracket):
            values = decode(experiment.data, encode(data), f"{experiment.name}: data")
            judgement = experiment.judge(values, bracket)
            verdict, reason = verdict_on(judgement.conditions)
            if disturbed := _disturbed(bracket):
                return Ruling("inconclusive", disturbed, judgement.evidence, judgement.charts)
            return Ruling(verdict, reason, judgement.evidence, judgement.charts)


def _disturbed(bracket: Bracket) -> str:
    """What was in the way of the timings, if anything; where nothing was timed, nothing can be."""
    if not bracket.one:
        return ""
    if bracket.others is not None and bracket.others > OTHERS_MOST:
        return f"the machine is busy: other processes used {bracket.others:.0%} of its CPU time"
    return busy(bracket.scaling().speedup(), bracket.workers, bracket.cpus)


def _outcome(ending: child.Ending, limit: float) -> Outcome:
    answer = ending.answer
    if isinstance(answer, dict) and "not_here" in answer:
        return NotMeasurable(str(answer["not_here"]))
    if isinstance(answer, dict) and ending.status == 0:
        return Measured(answer["data"], decode(Bracket, answer["machine"], "machine"))
    if ending.late or "Timeout (" in ending.errors:
        return Failed(f"ran past its limit of {limit:g} s", ending.errors)
    if ending.status < 0:
        return Failed(f"ended by {ending.reason().removeprefix('signal ')}", ending.errors)
    text = ending.errors.strip()
    return Failed(f"failed: {text.splitlines()[-1]}" if text else f"ended with status {ending.status}", ending.errors)
