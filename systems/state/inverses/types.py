"""What puts a settled value back: steps as data, which `actions/` runs through its gate and shows word for word."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from systems.redact import MASK


class NoInverse(Exception):
    """It cannot be put back by this. The message says why, and names what does bring it back, for people."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value as it stands and as it shall be; None: not there. Both may hold a secret. `since`: when the value of now
    was not there yet."""

    component: str
    source: str
    area: str
    what: str
    kind: str
    now: str | None
    then: str | None
    since: datetime
    secret: bool = False

    def shown(self, value: str | None) -> str:
        """A value for people."""
        if value is None:
            return "(not there)"
        return MASK if self.secret else value or "(nothing)"


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement in the service's database; `shared`: it concerns the whole server, and may be said in any. `slow`:
    it may take minutes (an index); `else_`: what clears away what it leaves when it fails. `rows`: it must change so
    many, or what it is about is not what was seen."""

    service: str
    text: sql.Composed
    slow: bool = False
    shared: bool = False
    else_: sql.Composed | None = None
    rows: int | None = None
    parameter: str = ""  # which has to be granted to whoever is no superuser
    owned: str = (
        ""  # the table, view or sequence, quoted, that only its owner, and who is a member of it, may change
    )

    @property
    def shown(self) -> str:
        return self.text.as_string(None)


@dataclass(frozen=True, slots=True)
class Counted:
    """A question before what follows: it counts what would be lost, and only where that is none it goes on. `words`:
    what so many are."""

    service: str
    text: sql.Composed
    words: str

    @property
    def shown(self) -> str:
        return self.text.as_string(None)


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End what is idle of the sessions that began since a value was set for new ones: they carry it until they end."""

    service: str
    role: str | None
    database: str | None
    since: datetime

    @property
    def shown(self) -> str:
        whose = " and ".join(
            word
            for word in (
                f"usename = {self.role}" if self.role else "",
                f"datname = {self.database}" if self.database else "",
            )
            if word
        )
        return (
            f"pg_terminate_backend of idle sessions with {whose} that began since {self.since:%H:%M:%S} UTC"
        )


@dataclass(frozen=True, slots=True)
class Command:
    """One command to the service's Redis."""

    service: str
    words: tuple[str, ...]

    @property
    def shown(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Write:
    """A file with one key as it was: `content` of it, nothing else of it changed. May hold secrets. `mode`: of a file
    that is put back as a whole."""

    path: Path
    name: str
    content: str
    change: str  # in words, without the secret
    mode: int | None = None

    @property
    def shown(self) -> str:
        return f"{self.name}: {self.change}"


@dataclass(frozen=True, slots=True)
class Lies:
    """How a file lies there: exactly one of mode, owner and link is set."""

    path: Path
    name: str
    mode: int | None = None
    owner: str = ""
    link: str = ""

    @property
    def shown(self) -> str:
        if self.mode is not None:
            return f"chmod {self.mode:o} {self.name}"
        return f"chown {self.owner} {self.name}" if self.owner else f"ln -sfn {self.link} {self.name}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A call of the runtime: `limits` with MB or none, `release` with a version, `scale` with a number; and of its
    process `open files` with how many it may have."""

    service: str
    call: str
    value: Any

    @property
    def shown(self) -> str:
        value = (
            "no limit"
            if self.value is None
            else f"{self.value:g}"
            if isinstance(self.value, float)
            else self.value
        )
        return f"{self.call} {self.service}: {value}"


@dataclass(frozen=True, slots=True)
class Call:
    """A POST to an administration interface."""

    service: str
    url: str

    @property
    def shown(self) -> str:
        return f"POST {self.url}"


Step = Sql | Counted | EndSessions | Command | Write | Lies | Unit | Call


@dataclass(frozen=True, slots=True)
class Inverse:
    """`loads`: services that are told to read it again, by their declared way, or started anew ("restart"). `notes`:
    what else people should know of it. `rewrites`: while it runs nobody else can use what it is done to."""

    steps: tuple[Step, ...]
    loads: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rewrites: bool = False

    @property
    def shown(self) -> str:
        return "; ".join(step.shown for step in self.steps)
