"""The claims whose verdict changed between two results documents."""

from dataclasses import dataclass

from gilscope.experiments import rule
from gilscope.results import Finding, Results, Ruling

Ruled = tuple[Finding, Ruling]


@dataclass(frozen=True, slots=True)
class Turn:
    """A claim whose verdict changed; None for a side that did not test it."""

    name: str
    claim: str
    old: str | None
    new: str | None
    old_evidence: str
    new_evidence: str


def turns(old: Results, new: Results) -> list[Turn]:
    """The claims whose verdict changed, in the old document's order."""
    before, after = ({finding.name: (finding, rule(finding)) for finding in side.findings} for side in (old, new))
    pairs = [(name, before.get(name), after.get(name)) for name in before | after]
    return [_turn(name, was, now) for name, was, now in pairs if _verdict(was) != _verdict(now)]


def _verdict(side: Ruled | None) -> str | None:
    return side[1].verdict if side else None


def _turn(name: str, old: Ruled | None, new: Ruled | None) -> Turn:
    either = new or old
    return Turn(
        name=name,
        claim=either[0].claim if either else "",
        old=_verdict(old),
        new=_verdict(new),
        old_evidence=old[1].evidence if old else "",
        new_evidence=new[1].evidence if new else "",
    )
