"""A record: what one writer said at once, be it one line or a trace of a hundred."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from systems.logs import stamps
from systems.logs.levels import Level
from systems.logs.lines import Access
from systems.logs.traces import shapes
from systems.logs.traces.telling import Told, told
from systems.readings import TEXT_LIMIT, clean

NOTHING = Told()
SHOWN = 5  # lines of a record without an exception
LONGEST = 1000


@dataclass
class Record:
    """`text`: all of it; `body`: its first line without time, level and place; `trace`: lines that tell of an
    exception; `part`: whose it is, where whoever carried it said so."""

    text: str
    level: Level | None
    body: str
    stamp: object = None
    dialect: str = ""
    trace: list[str] = field(default_factory=list)
    rest: str = ""
    access: Access | None = None
    part: str = ""
    plain: bool = True  # its first line, as it was written, says all that is known of it
    _fault: Told | None = None

    @property
    def rank(self) -> int:
        """0 information, 1 warning, 2 error."""
        return self.level.rank if self.level is not None else 0

    def time(self, zone: tzinfo | None = None) -> datetime | None:
        """When, if the record tells its zone (or `zone` does)."""
        return stamps.aware(self.stamp, zone)

    @property
    def fault(self) -> Told:
        """The exception that it tells of."""
        if not self.trace:
            return NOTHING
        if self._fault is None:
            self._fault = told(self.trace)
        return self._fault

    @property
    def said(self) -> str:
        """What is said, in a line: for templates and patterns."""
        fault = self.fault
        if not fault.said:
            more = self._more()
            return " | ".join([self.body, *more])[:LONGEST] if more else self.body
        parts = [fault.said]
        if self.body and self.body not in fault.said and not shapes.heads(self.body):
            parts.insert(0, self.body.replace(fault.said, "").rstrip(" :|-")[:200])
        if fault.cause and fault.cause not in fault.said:
            parts.append(f"because of {fault.cause}")
        return " | ".join(filter(None, parts))

    def _more(self) -> list[str]:
        """What follows the first line, where no exception is told."""
        lines = (line.strip() for line in self.trace[: 2 * SHOWN])
        return [line for line in lines if line not in self.body and shapes.WORD.search(line)]

    @property
    def told(self) -> str:
        """The record in one line that says its level and what matters: what is kept and shown of it."""
        if self.plain and not self.fault.said:
            return clean(" | ".join([self.text.split("\n", 1)[0], *self._more()]), TEXT_LIMIT)
        said = self.said.replace("\n", " | ")
        if self.fault.place:
            said = f"{said} | {self.fault.place}"
        speaks = self.level is None or self.rank == 0 or (self.rank == 2 and shapes.begins(said))
        return clean(said if speaks or self.level is None else f"{self.level.name.upper()} {said}")
