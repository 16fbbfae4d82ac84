"""A probe of one function: a look by one caller, and a measurement by several at once.

The file is a JSON object of the format "gilscope.probe", version 1; all values lie in one object, as people read them.
"""

from dataclasses import dataclass, replace
from typing import Literal

from gilscope.results import advice, files
from gilscope.results.codec import Json, decode_fields, encode_fields
from gilscope.results.looks import Look, Site, Together
from gilscope.results.verdicts import ProbeVerdict
from gilscope.stats import Interval

FORMAT, VERSION = "gilscope.probe", 1


@dataclass(frozen=True, slots=True)
class Probe:
    """A function, probed.

    The results of the look are attributes here as well: `probe.verdict` is `probe.look.verdict`.

    Attributes
    ----------
    look
        What one caller tells.
    threads
        How many callers there are at once in the second half.
    together
        What several callers tell; None where the time limit ended the probe before.
    cpus
        Usable CPUs.
    """

    look: Look
    threads: int
    together: Together | None
    cpus: float = 2.0

    @property
    def target(self) -> str:
        return self.look.target

    @property
    def verdict(self) -> ProbeVerdict:
        return self.look.verdict

    @property
    def reason(self) -> str:
        return self.look.reason

    @property
    def oracle(self) -> bool | None:
        return self.look.oracle

    @property
    def call_ms(self) -> float:
        return self.look.call_ms

    @property
    def released_share(self) -> Interval:
        return self.look.released_share

    @property
    def share_from(self) -> Literal["ledger", "sampler"]:
        return self.look.share_from

    @property
    def longest_hold_ms(self) -> float:
        return self.look.longest_hold_ms

    @property
    def usual_hold_ms(self) -> float:
        return self.look.usual_hold_ms

    @property
    def releases_per_call(self) -> float | None:
        return self.look.releases_per_call

    @property
    def sites(self) -> tuple[Site, ...]:
        return self.look.sites

    @property
    def advice(self) -> tuple[str, ...]:
        """What to change, the most telling cause first."""
        return tuple(advice.of_probe(self.look, self.together, self.threads, self.cpus))

    def to_json(self) -> Json:
        """All in one object, as people read it: the look's values and those of several callers, None if missing."""
        head = {"format": FORMAT, "version": VERSION, "target": self.target}
        verdict = {"verdict": self.verdict, "reason": self.reason, "threads": self.threads}
        look = encode_fields(self.look) | {"call_ms": self.call_ms}
        absent = dict.fromkeys(Together.__slots__) | {"unfinished": True}
        together = absent if self.together is None else encode_fields(self.together)
        return head | verdict | look | together | {"cpus": self.cpus, "advice": list(self.advice)}

    @classmethod
    def from_json(cls, value: Json, where: str) -> "Probe":
        files.check_format(value, where, FORMAT, (VERSION,), "gilscope probe --json")
        look = decode_fields(Look, value, where)
        head = decode_fields(_Head, value, where)
        together = None if value.get("speedup") is None else decode_fields(Together, value, where)
        return cls(replace(look, target=head.target), head.threads, together, head.cpus)


@dataclass(frozen=True, slots=True)
class _Head:
    target: str
    threads: int
    cpus: float = 2.0
