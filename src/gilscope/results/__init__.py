"""All that gilscope measures, as frozen dataclasses of raw values. Verdicts are computed from them on request."""

from gilscope.results.atlas import Atlas, AtlasRow
from gilscope.results.codec import FormatError
from gilscope.results.document import Results, Settings, load
from gilscope.results.files import write
from gilscope.results.findings import Bracket, Failed, Finding, Measured, NotMeasurable, Ruling
from gilscope.results.looks import Look, Place, Site, Together
from gilscope.results.probes import Probe
from gilscope.results.rows import Row
from gilscope.results.specimens import SpecimenRow
from gilscope.results.states import State
from gilscope.results.timelines import Stretch, Timeline, Track

__all__ = [
    "Atlas",
    "AtlasRow",
    "Bracket",
    "Failed",
    "Finding",
    "FormatError",
    "Look",
    "Measured",
    "NotMeasurable",
    "Place",
    "Probe",
    "Results",
    "Row",
    "Ruling",
    "Settings",
    "Site",
    "SpecimenRow",
    "State",
    "Stretch",
    "Timeline",
    "Together",
    "Track",
    "load",
    "write",
]
