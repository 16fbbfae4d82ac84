"""The atlas as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gilscope.report import theme
from gilscope.report.page import policy_of, templates


def page(atlas: Mapping[str, Any], home: str | None = None) -> str:
    """HTML that needs no other file. home: where its link back leads."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in atlas["rows"]:
        groups.setdefault(row["group"], []).append(row)
    counts: dict[str, int] = {}
    for row in atlas["rows"]:
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
    return (
        templates()
        .get_template("atlas.html.j2")
        .render(atlas=atlas, groups=groups, counts=counts, home=home, policy=policy_of([]), theme=theme)
    )
