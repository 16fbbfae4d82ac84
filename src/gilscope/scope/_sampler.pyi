from typing import TypedDict

class Seen(TypedDict):
    ticks: bytes
    dropped: int
    lanes: list[tuple[int, int, int, bytes, bool]]

INTERNALS: bool
RECORDS: dict[str, dict[str, object]]
NUMBERS: dict[str, int]

def start(rate: float, limit: int, budget: float = 0.0, /) -> None: ...
def stop() -> Seen: ...
def active() -> bool: ...
