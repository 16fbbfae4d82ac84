"""The names of the threads that live while something runs."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def names() -> Iterator[dict[int, str]]:
    """Native id to name, of all Python threads that live at some time in the block.

    A new thread passes through the profile hook that threading has for it, once. A profiler that is there already
    keeps the hook; threads that start and end under it stay without a name.
    """
    by_id: dict[int, str] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        sys.setprofile(None)
        here = threading.current_thread()
        by_id[threading.get_native_id()] = here.name

    hook: Callable[..., object] | None = threading.getprofile()
    if hook is None:
        threading.setprofile(note)
    try:
        yield by_id
    finally:
        if hook is None:
            threading.setprofile(None)
        by_id.update({t.native_id: t.name for t in threading.enumerate() if t.native_id is not None})
