from typing import TypedDict

class Kept(TypedDict):
    started: int
    ended: int
    slots: int
    threads: list[tuple[int, int, bytes]]

RECORDS: dict[str, dict[str, object]]
NUMBERS: dict[str, int]
HERE: int

def start(limit: int, /) -> None: ...
def stop() -> Kept: ...
def active() -> bool: ...
def patched() -> int: ...
def locate(address: int, /) -> tuple[str, int, str | None, int]: ...
