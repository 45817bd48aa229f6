"""A change, as everybody passes it on. No Django here: bundles and replay read changes without a portal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from systems.state.renamed import is_number

KINDS = {
    # what has a settled value
    "config": "a key of a configuration file",
    "env": "a variable of an environment file",
    "file": "another file: its text, permissions, owner, or where a link points",
    "release": "which release runs: a link, an image or a tag",
    "setting": "a setting of a server as it runs",
    "schema": "a table, column, default, constraint, index, trigger, function or extension",
    "data": "a row of a table that holds settings",
    "role": "a role or user of a server and its attributes",
    "grant": "who may do what",
    "access": "who may log in from where: host rules, access lists",
    "limit": "how much something may take",
    "spec": "how a unit is run: command, environment, restart policy, networks, count",
    "module": "what a server has loaded",
    "route": "pools, routes and limits of a proxy",
    "name": "what a name resolves to",
    "certificate": "what a server shows of itself, and until when",
    "clock": "how far a clock is off",
    # what somebody told us
    "flag": "a feature switched on or off",
    "deploy": "a release rolled out",
    "commit": "a commit merged",
    "maintenance": "work on it, announced",
    # what leaves no settled value
    "act": "something was done: a request of ours, a restart, a flush, a failover",
    "deadline": "something ran out, by the calendar",
    "crossing": "a use reached its limit, or fell below it again",
    "invariant": "what a group promises does not hold, or holds again",
}
OBSERVED = tuple(kind for kind in KINDS if kind not in ("flag", "deploy", "commit", "maintenance"))
REPORTED = ("deploy", "flag", "commit", "maintenance")
RUNTIME = (
    "runtime"  # what keeps units running did it, in answer to an end: it follows from trouble and makes none
)
NOT_THERE = " (not there)"  # after where a link points, when there is nothing
ALIKE = "alike"  # what a group promises of its members, and holds
NEAR, BELOW = "near its limit", "below its limit"  # where a use of something is that has one
REQUESTS = "requests"  # the source of what we did ourselves
TIMES = ("last_old", "first_new", "written_at", "effective_at")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the value stands, and the keyed marks (masking.py) of what it was and became; "": it was not there. They
    tell later whether the value is still this one, and stay in the portal's own table."""

    area: str
    mark_before: str = ""
    mark_after: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One settled value that became another, or one thing that was done.

    It happened between `last_old`, when the old value was seen last, and `first_new`, when the new one was first seen.
    `before` and `after` are masked; None: it was not there. `written_at`: when it was written, where a source tells.
    `effective_at`: from when it counts; None: at once, or `pending`: not yet (a setting that waits for a restart).
    `owner`: who manages the value, "" when no source says. `actor`: "ours", "person", RUNTIME or "" (not
    known). `ref`: the
    caller's or the request's own id."""

    id: str
    component: str
    kind: str
    what: str
    before: str | None
    after: str | None
    last_old: datetime
    first_new: datetime
    written_at: datetime | None = None
    effective_at: datetime | None = None
    source: str = ""
    owner: str = ""
    actor: str = ""
    words: str = ""
    pending: bool = False
    ref: str = ""
    place: Place | None = None

    @property
    def thing(self) -> str:
        """What it is about, as others speak of it: of what got another name, the earlier one."""
        return self.before if self.before and is_number(self.what) else self.what


def as_json(change: Change) -> dict[str, Any]:
    """The change as plain data; times in ISO 8601 with their offset. Marks of values are left out."""
    found = asdict(change)
    del found["place"]
    return found | {name: found[name].isoformat() if found[name] else None for name in TIMES}


def from_json(data: Mapping[str, Any]) -> Change:
    """The change that `as_json` gave; what it does not know is left out. KeyError, TypeError or ValueError for
    anything else."""
    known = {name: data[name] for name in Change.__dataclass_fields__ if name in data and name != "place"}
    times = {name: datetime.fromisoformat(known[name]) for name in TIMES if known.get(name)}
    return Change(**{**known, **times})
