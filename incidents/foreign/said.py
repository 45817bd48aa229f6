"""One thing that is said of a part."""

from __future__ import annotations

from dataclasses import dataclass

OF_OTHERS = frozenset({"said_refuses", "said_times_out", "said_dns", "said_upstream", "said_down"})


@dataclass(frozen=True)
class Said:
    """One outright statement: `stands` False when it is history, `why` says why."""

    sign: str
    component: str
    text: str
    first: float | None
    last: float | None
    source: str
    stands: bool
    why: str = ""
    sure: bool = True
    count: int = 1
    about: str = ""  # whom the words name as not answering
