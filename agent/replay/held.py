"""The symptoms of a replay, kept as `incidents.detection` keeps them in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.statements import outright
from incidents.detection import FLAP, REFRESH_EVERY
from incidents.signals.judging.engine import Change, Engine
from incidents.signals.judging.state import Key
from systems.readings import clean

Name = tuple[str, str, str]


@dataclass
class Symptom:
    """The fields of `incidents.models.Symptom` that a diagnosis reads."""

    signal: str
    service: str
    label: str
    title: str
    text: str
    opens: bool
    first_seen: datetime
    last_seen: datetime
    cleared_at: datetime | None = None


class Held:
    """All of them, by (signal, service, label); one that comes back within a minute is the same one."""

    def __init__(self) -> None:
        self._rows: dict[Name, Symptom] = {}
        self._refreshed: datetime | None = None

    @property
    def all(self) -> list[Symptom]:
        return list(self._rows.values())

    def drop_cleared(self) -> None:
        """An incident opens: what was over before belongs to another one."""
        self._rows = {name: row for name, row in self._rows.items() if row.cleared_at is None}

    def take(self, changes: Sequence[Change], at: datetime, engine: Engine, *, full: bool) -> list[Symptom]:
        """Take in what a tick changed; returns what opened."""
        opened = []
        for change in changes:
            key = change.key
            name = (key.signal.id, key.service, key.label)
            if change.opened:
                opened.append(self._open(name, key, at))
            elif name in self._rows:
                self._rows[name].cleared_at = at
        opened += self._grown(engine)
        if full and (self._refreshed is None or at - self._refreshed >= REFRESH_EVERY):
            self._refreshed = at
            self._refresh(engine, at)
        return opened

    def _open(self, name: Name, key: Key, at: datetime) -> Symptom:
        before = self._rows.get(name)
        if before is not None and before.cleared_at is not None and before.cleared_at > at - FLAP:
            before.cleared_at, before.last_seen, before.text = None, at, clean(key.text)
            return before
        state = key.state()
        title = key.signal.describe(state)
        first = state.onset or at
        row = Symptom(*name, title, clean(key.text), key.signal.opens_by(key.text), first, at)
        self._rows[name] = row
        return row

    def _grown(self, engine: Engine) -> list[Symptom]:
        """What was said as a warning, and is said as an error now."""
        found = []
        for name, row in self._rows.items():
            key = None if row.opens or row.cleared_at is not None else engine.keys.get(*name)
            if key is not None and key.value is True and key.signal.opens_by(key.text):
                row.opens, row.text = True, clean(key.text)
                found.append(row)
        return found

    def _refresh(self, engine: Engine, at: datetime) -> None:
        for name, row in self._rows.items():
            key = engine.keys.get(*name)
            if row.cleared_at is None and key is not None and key.value is True:
                row.last_seen, row.text = at, clean(key.text)

    def statements(self, mine: Iterable[Symptom]) -> list[Symptom]:
        """What parts say outright and still holds: of one that is ill, what it said last."""
        rows = list(mine)
        ill = {r.service for r in rows if r.opens and r.cleared_at is None}
        known = outright()
        return [r for r in rows if r.signal in known and (r.cleared_at is None or r.service in ill)]
