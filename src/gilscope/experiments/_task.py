"""What the child process of an experiment is told."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    seconds: float
    """What the experiment is given."""
    limit: float
    """Seconds after which it is ended."""
    changes: Mapping[str, object]
    """Other values of its parameters."""
