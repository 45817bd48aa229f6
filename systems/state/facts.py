"""What a source reads: facts, in areas that can be read or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One settled value as it stands. The value itself never leaves this process: see masking.py.

    `secret`: it is shown as a mask only. `parent`: another key of the area, with which it comes and goes (a column and
    its table); `*`: it is told only when nothing else of the area is different. `coming`: what is written and not in
    effect yet. `loaded`: it takes effect when its component starts anew. `written_at`, `effective_at`, `ends`: epoch
    seconds, where the source tells them. `act`: it is no value but the mark of something that is done, in these words
    ("was started anew"). `actor`: who did it, where the source knows: see types.Change. `original`: a text by which it
    could be made again, where the value does not say enough; see originals.py."""

    value: str
    kind: str
    secret: bool = False
    parent: str = ""
    coming: str | None = None
    loaded: bool = False
    written_at: float | None = None
    effective_at: float | None = None
    ends: float | None = None
    owner: str = ""
    act: str = ""
    actor: str = ""
    original: str | None = None


Area = tuple[str, str]  # (component, what kind of thing)
Facts = dict[str, Fact]  # what -> how it stands
Read = dict[Area, Facts]  # an area that could not be read is left out: unknown, never gone


class Source(ABC):
    """One kind of place where settled values stand. `read` may raise: nothing is known then.

    One read of a source is in flight at a time, `every_s` seconds apart; `timeout_s` for one, and one that takes
    `slow_s` makes it be asked less often. A source that finds
    nothing new gives the same Facts object again, so that nobody compares it."""

    name: str
    every_s: float = 4.0
    timeout_s: float = 2.5
    slow_s: float = 0.5
    last: Read = {}  # of each area what was read last; replaced whole, by its reader

    @abstractmethod
    async def read(self) -> Read: ...

    async def read_area(self, area: Area) -> Facts | None:
        """One area as it stands, None: it cannot be read. May raise."""
        return (await self.read()).get(area)

    def pinned(self) -> Read:
        """The values somebody wrote down as right, where there are such: what a first look is held against. May
        block, and may raise."""
        return {}

    async def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give back connections."""
