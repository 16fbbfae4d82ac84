"""Pools: who runs the calls. One protocol; the thread pool and the serial baseline are here.

A pool runs one round: every worker gets a job of its own (its arguments, its data), all start together
behind a barrier, each calls the function `calls` times, and the round takes from the first worker's start
to the last one's end.
"""

from gilscope.pools._pool import Function, Pool, Serial, Team
from gilscope.pools._threads import Threads

__all__ = ["Function", "Pool", "Serial", "Team", "Threads"]
