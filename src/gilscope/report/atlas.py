"""The atlas as a page."""

from collections import Counter
from pathlib import Path

from gilscope.html.pages import policy_of, templates
from gilscope.results.atlas import Atlas, AtlasRow

TEMPLATES = Path(__file__).parent / "templates"


def page(atlas: Atlas, home: str | None = None) -> str:
    """HTML that needs no other file.

    Parameters
    ----------
    home
        The target of the link back; None for no link.
    """
    groups: dict[str, list[AtlasRow]] = {}
    for row in atlas.rows:
        groups.setdefault(row.group, []).append(row)
    counts = Counter(row.verdict for row in atlas.rows)
    template = templates(TEMPLATES).get_template("atlas.html.j2")
    return template.render(atlas=atlas, groups=groups, counts=counts, home=home, policy=policy_of([]))
