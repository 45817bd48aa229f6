"""What one line of a log says, whatever its dialect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from systems.logs import stamps
from systems.logs.levels import Level


@dataclass(frozen=True, slots=True)
class Access:
    """One request that a line tells of."""

    route: str
    status: int
    method: str = ""


@dataclass(slots=True)
class Line:
    """`body`: what is said, without time, level and who says it. `who`: whose line it is where several share a file.
    `level` None: none stands there. `inner`: the body may itself be a line of some dialect. `more`: it belongs to the
    record before it (a database's DETAIL). `trace`: an exception that came along. `rest`: further fields, in words.
    `closed`: nothing that follows belongs to it."""

    dialect: str
    body: str
    stamp: object = None
    level: Level | None = None
    who: str = ""
    inner: bool = False
    more: bool = False
    trace: str = ""
    rest: str = ""
    closed: bool = False
    access: Access | None = None

    def time(self, zone: tzinfo | None = None) -> datetime | None:
        return stamps.aware(self.stamp, zone)


@dataclass(slots=True)
class Stream:
    """What is remembered of a stream of lines: the columns that its head names, and an entry, or the
    fields of one, that is not whole yet."""

    columns: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


Reader = Callable[[str], Line | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """`read` answers None for a line of another dialect. `starts`: the first characters its lines can have; digits
    and letters are named by `0` and `a`, everything else by itself; "" any."""

    name: str
    starts: str
    read: Reader
