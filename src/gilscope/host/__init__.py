"""The interpreter and the machine of a measurement: facts that are read, never guessed."""

from gilscope.host.checks import HostWarning, warnings
from gilscope.host.circumstances import Environment, environment
from gilscope.host.cpus import usable_cpus
from gilscope.host.interpreter import gil_enabled

__all__ = ["Environment", "HostWarning", "environment", "gil_enabled", "usable_cpus", "warnings"]
