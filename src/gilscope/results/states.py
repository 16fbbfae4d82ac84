"""The states of a thread, as the scope sees them: one enumeration, with names and colours."""

from enum import IntEnum


class State(IntEnum):
    """The state of a thread. The numbers are those of ext/scope/_sampler.c."""

    OFF = 0
    HOLDS = 1
    RELEASED = 2
    WAITS_GIL = 3
    WAITS_CORE = 4
    HOLDS_ABSENT = 5

    def label(self, gil: bool = True) -> str:
        """The state in words. Without a GIL there is none to hold."""
        return (_WITH_GIL if gil else _WITHOUT_GIL)[self]

    @property
    def short(self) -> str:
        """For the head of a narrow column."""
        return _SHORT[self]

    @property
    def color(self) -> str:
        """The name of its colour in gilscope.html.theme."""
        return _COLORS[self]


_WITH_GIL = (
    "off the CPU",
    "holding",
    "running released",
    "waiting for the GIL",
    "waiting for a core",
    "holding, off the CPU",
)
_WITHOUT_GIL = ("off the CPU", "attached", "detached", "waiting", "waiting for a core", "attached, off the CPU")
_SHORT = ("off", "holds", "released", "waits", "no core", "holds, off")
_COLORS = ("grid", "held", "released", "band", "ceiling", "held")

BY_LABEL = {label: State(number) for labels in (_WITH_GIL, _WITHOUT_GIL) for number, label in enumerate(labels)}
"""Back from the words of either kind of interpreter."""
