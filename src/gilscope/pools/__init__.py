"""Pools: executors behind one protocol. The thread pool and the serial baseline are here.

A pool runs one round: every worker gets its own job (arguments and data), all start together behind a barrier, and each
calls the function `calls` times. The round lasts from the first worker's start to the last one's end.
"""

from gilscope.pools._pool import Function, Pool, Serial, Team
from gilscope.pools._threads import Threads

__all__ = ["Function", "Pool", "Serial", "Team", "Threads"]
