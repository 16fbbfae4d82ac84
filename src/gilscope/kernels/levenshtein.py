"""levenshtein: edit distances of one query to many choices."""

from __future__ import annotations

import pydoc_data.topics
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gilscope.kernels import Arguments, Array, Items, Kernel, Text, bands

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def python(query: str, choices: list[str], out: WriteableBuffer) -> None:
    """Row by row: the distance of each prefix of the query to each prefix of the choice."""
    distances = np.asarray(out)
    for place, choice in enumerate(choices):
        above = list(range(len(choice) + 1))
        for row, wanted in enumerate(query, 1):
            here = [row]
            for column, letter in enumerate(choice, 1):
                here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (wanted != letter)))
            above = here
        distances[place] = above[-1]


@cache
def words() -> list[str]:
    """The words of Python's own help texts, in order, with punctuation and tables."""
    return " ".join(pydoc_data.topics.topics.values()).split()


def inputs(size: int, seed: int) -> Arguments:
    """A word of ten letters from the text, and `size` consecutive words of it from a place that the seed picks."""
    text = words()
    queries = sorted({word for word in text if len(word) == 10 and word.isalpha()})
    start = seed * 7_919 % len(text)
    choices = [text[(start + place) % len(text)] for place in range(size)]
    return queries[seed * 31 % len(queries)], choices, np.zeros(size, np.int32)


def split(arguments: Arguments, parts: int) -> list[Arguments]:
    """Runs of choices."""
    query, choices, out = arguments
    return [(query, choices[a:b], out[a:b].copy()) for a, b in bands(len(choices), parts)]


def work(arguments: Arguments) -> int:
    """The characters of the choices, and one more per choice, times the query's blocks of 64 characters."""
    query, choices, _ = arguments
    return (sum(map(len, choices)) + len(choices)) * max(1, -(-len(query) // 64))


KERNEL = Kernel(
    name="levenshtein",
    summary="edit distances of one word to the words of a text, list of str -> int32",
    lesson="Python objects come in: before the release, each str is pinned with a reference and its characters "
    "located, and that part stays serial.",
    arguments=(Text("query"), Items("choices", "str"), Array("out", "int32", 1, writable=True)),
    sizes={"tiny": 600, "small": 65_536, "medium": 500_000, "large": 4_000_000},
    size_unit="choices",
    inputs=inputs,
    split=split,
    combine=np.concatenate,
    python=python,
    work=work,
    out="out",
    source="Myers 1999 in Hyyro's block form of 2003",
)
