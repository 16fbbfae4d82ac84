"""What levenshtein is measured against: RapidFuzz, in each of its ways to compare one str with many."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

RIVALS: dict[str, Callable[[str, list[str], Any], None]] = {}

if find_spec("rapidfuzz"):
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    OPTIONS: dict[str, Any] = {"scorer": Levenshtein.distance, "dtype": np.int32, "workers": 1}

    def cdist(query: str, choices: list[str], out: Any) -> None:
        out[:] = process.cdist([query], choices, **OPTIONS)[0]

    def cdist_turned(query: str, choices: list[str], out: Any) -> None:
        """The choices as the queries: short ones then go through its vector code, several at a time."""
        out[:] = process.cdist(choices, [query], **OPTIONS)[:, 0]

    def cpdist(query: str, choices: list[str], out: Any) -> None:
        out[:] = process.cpdist([query] * len(choices), choices, **OPTIONS)

    def extract_iter(query: str, choices: list[str], out: Any) -> None:
        for _, distance, place in process.extract_iter(query, choices, scorer=Levenshtein.distance):
            out[place] = distance

    RIVALS |= {
        "rapidfuzz cdist": cdist,
        "rapidfuzz cdist, turned": cdist_turned,
        "rapidfuzz cpdist": cpdist,
        "rapidfuzz extract_iter": extract_iter,
    }
