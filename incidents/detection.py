"""From ticks to symptoms and incidents: the watcher's handler.

The engine judges in memory; here its changes become rows, in one transaction per tick and only when something
changed. Nothing is lost by a restart: open symptoms are loaded again, and what is normal is kept in Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.db import connections, transaction

from incidents import evidence, live, normal, service
from incidents.models import OPEN_STATES, State, Symptom
from incidents.picture import Picture, taken
from incidents.signals import CATALOG
from incidents.signals.judging.engine import Change, Engine
from incidents.signals.judging.state import Key
from systems.readings import Reading, clean
from systems.state import urgent

REFRESH_EVERY = timedelta(seconds=10)  # how exact `last_seen` of a lasting symptom is
BASELINES_EVERY = timedelta(seconds=30)
FLAP = timedelta(seconds=60)  # a symptom back within this is the same symptom


class TickLike(Protocol):
    """What the watcher delivers. `mini`: the readings of one unit only, right after an event of it;
    `starved`: the watcher itself had too little of the machine."""

    @property
    def system(self) -> Any: ...
    @property
    def at(self) -> datetime: ...
    @property
    def readings(self) -> list[Reading]: ...
    @property
    def mini(self) -> bool: ...
    @property
    def starved(self) -> bool: ...


class Detector:
    """Watches one system. Use from one thread at a time."""

    def __init__(self, system: Any, system_id: int | None = None) -> None:
        found = system_id if system_id is not None else system.id
        if found is None:
            raise ValueError(f"{system.slug} is not registered, so its symptoms have nowhere to go")
        self.system_id: int = found
        self.system = system
        CATALOG.refresh()
        self.engine = Engine(system.graph, CATALOG.of(system.slug), CATALOG.words(system.slug))
        self.picture = Picture()
        self.rows: dict[tuple[str, str, str], Symptom] = {}
        self._refreshed = self._saved = datetime.min.replace(tzinfo=UTC)
        self._load()

    def use(self, system: Any) -> None:
        """Go on with a newly loaded manifest."""
        if system is not self.system:
            self.system = system
            self.engine.use(system.graph)

    def consume(
        self, at: datetime, readings: Sequence[Reading], *, full: bool = True, starved: bool = False
    ) -> list[Change]:
        """One tick: judge, store what changed, publish the evidence."""
        self._hear(at)
        changes = self.engine.feed(at, readings, full=full, starved=starved)
        if changes:
            try:
                self._store(changes, at)
            except Exception:
                for change in changes:  # not stored: it is a change again at the next tick
                    change.key.active = not change.opened
                raise
            self._tell_ledger(changes)
        self._grow()
        if full and at - self._refreshed >= REFRESH_EVERY:
            self._refreshed = at
            self._refresh(at)
        if full and at - self._saved >= BASELINES_EVERY:
            self._saved = at
            normal.keep(self.system.slug, self.engine.export_baselines())
        self.picture = taken(self.engine, at)
        evidence.write(self.system.slug, self.picture)
        live.publish_dashboard(self.system.slug)
        return changes

    def _hear(self, at: datetime) -> None:
        """Go by what people have added to the signals since, or switched off."""
        CATALOG.refresh()
        slug = self.system.slug
        if CATALOG.of(slug) is not self.engine.catalog:
            self.engine.learn(CATALOG.of(slug), CATALOG.words(slug), at)

    def _tell_ledger(self, changes: Sequence[Change]) -> None:
        """Settled values are read at once when trouble begins; what is only context is no trouble."""
        new = [self.rows.get(_name(change.key)) for change in changes if change.opened]
        if any(row is not None and row.opens for row in new):
            urgent.trouble(self.system.slug)
        elif not any(row.opens for row in self.rows.values()):
            urgent.over(self.system.slug)

    # -- rows --------------------------------------------------------------------------------------------------

    def _store(self, changes: Sequence[Change], at: datetime) -> None:
        before = dict(self.rows)
        try:
            with transaction.atomic():
                self._clear([c for c in changes if not c.opened], at)
                self._open([c.key for c in changes if c.opened], at)
        except Exception:
            self.rows = before
            raise

    def _clear(self, changes: Sequence[Change], at: datetime) -> None:
        cleared = []
        for change in changes:
            row = self.rows.pop(_name(change.key), None)
            if row is not None:
                row.cleared_at, row.given_up = at, change.gave_up
                row.last_seen = row.last_seen if change.gave_up else at
                cleared.append(row)
        if cleared:
            Symptom.objects.bulk_update(cleared, ["cleared_at", "last_seen", "given_up"])
            service.note_cleared(cleared)

    def _open(self, keys: Sequence[Key], at: datetime) -> None:
        if not keys:
            return
        back = self._returning(keys, at)
        new = [self._row(key, at) for key in keys if _name(key) not in back]
        Symptom.objects.bulk_create(new)
        for row in [*new, *back.values()]:
            self.rows[row.signal, row.service, row.label] = row
        by_part: dict[str, list[Symptom]] = {}
        for row in [*new, *back.values()]:
            by_part.setdefault(self._part(row.service), []).append(row)
        for part, rows in sorted(by_part.items()):
            opening = any(r.opens for r in rows)
            waiting = self._unattached(part) if opening else []
            ids = {r.pk for r in rows}
            service.open_or_join(self.system_id, part, [*rows, *(w for w in waiting if w.pk not in ids)])

    def _returning(self, keys: Sequence[Key], at: datetime) -> dict[tuple[str, str, str], Symptom]:
        """Symptoms that cleared a moment ago and are back: the same rows, of an incident still open."""
        wanted = {_name(key): key for key in keys}
        rows = (
            Symptom.objects.filter(system_id=self.system_id, cleared_at__gt=at - FLAP)
            .filter(signal__in={k.signal.id for k in keys})
            .exclude(incident__state=State.RESOLVED)
            .order_by("cleared_at")
        )
        found = {(r.signal, r.service, r.label): r for r in rows if (r.signal, r.service, r.label) in wanted}
        for name, row in found.items():
            row.cleared_at, row.last_seen, row.given_up = None, at, False
            row.value, row.text = _finite(wanted[name].reading_value), clean(wanted[name].text)
        fields = ["cleared_at", "last_seen", "given_up", "value", "text"]
        Symptom.objects.bulk_update(found.values(), fields)
        return found

    def _row(self, key: Key, at: datetime) -> Symptom:
        state, signal = key.state(), key.signal
        return Symptom(
            system_id=self.system_id,
            signal=signal.id,
            service=key.service,
            label=key.label,
            severity=signal.severity,
            title=signal.describe(state),
            text=clean(key.text),
            value=_finite(key.reading_value),
            opens=signal.opens_by(key.text),
            first_seen=state.onset or at,
            last_seen=at,
        )

    def _grow(self) -> None:
        """What was said as a warning is said as an error now: it may open an incident."""
        for name, row in self.rows.items():
            key = None if row.opens else self.engine.keys.get(*name)
            if key is not None and key.value is True and key.signal.opens_by(key.text):
                row.opens, row.text = True, clean(key.text)
                row.save(update_fields=["opens", "text"])
                part = self._part(row.service)
                service.open_or_join(
                    self.system_id, part, [row, *(r for r in self._unattached(part) if r.pk != row.pk)]
                )

    def _unattached(self, part: str) -> list[Symptom]:
        """Open symptoms of this part that belong to no open incident: context that was there before the trouble."""
        rows = Symptom.objects.filter(system_id=self.system_id, cleared_at__isnull=True)
        rows = rows.exclude(incident__isnull=False, incident__state__in=OPEN_STATES)
        return [row for row in rows if self._part(row.service) == part]

    def _refresh(self, at: datetime) -> None:
        """Now and then: `last_seen`, present values, and symptoms whose incident was closed over their heads."""
        for name, row in self.rows.items():
            key = self.engine.keys.get(*name)
            if key is not None and key.value is True:
                row.last_seen, row.value, row.text = at, _finite(key.reading_value), clean(key.text)
        Symptom.objects.bulk_update(self.rows.values(), ["last_seen", "value", "text"])
        grace = at - REFRESH_EVERY
        by_part: dict[str, list[Symptom]] = {}
        orphans = Symptom.objects.filter(system_id=self.system_id, cleared_at__isnull=True)
        for row in orphans.exclude(incident__resolved_at__gt=grace).exclude(
            incident__isnull=False, incident__state__in=OPEN_STATES
        ):
            by_part.setdefault(self._part(row.service), []).append(row)
        for part, rows in by_part.items():
            if any(r.opens and r.last_seen >= at for r in rows):
                service.open_or_join(self.system_id, part, rows)

    def _part(self, name: str) -> str:
        part: str = self.system.graph.part(name)
        return part

    # -- restarts ----------------------------------------------------------------------------------------------

    def _load(self) -> None:
        for row in Symptom.objects.filter(system_id=self.system_id, cleared_at__isnull=True):
            if self.engine.restore(row.signal, row.service, row.label, row.first_seen, row.value, row.text):
                self.rows[row.signal, row.service, row.label] = row
            else:
                Symptom.objects.filter(pk=row.pk).update(cleared_at=datetime.now(UTC), given_up=True)
        self.engine.import_baselines(normal.kept(self.system.slug), datetime.now(UTC))


_detectors: dict[str, Detector] = {}
_locks: dict[str, asyncio.Lock] = {}


async def on_tick(tick: TickLike) -> None:
    """The watcher's handler: ticks of one system one after the other, of different systems side by side."""
    slug = tick.system.slug
    async with _locks.setdefault(slug, asyncio.Lock()):
        await sync_to_async(_consume, thread_sensitive=False)(tick)


def latest(slug: str) -> Picture:
    """The newest picture that this process took itself; an empty one when it took none."""
    found = _detectors.get(slug)
    return found.picture if found is not None else Picture()


def forget(slug: str) -> None:
    """Drop what is remembered of a system; its next tick starts from the database."""
    _detectors.pop(slug, None)


def _consume(tick: TickLike) -> None:
    slug = tick.system.slug
    try:
        detector = _detectors.get(slug)
        if detector is None or detector.system_id != tick.system.id:
            detector = _detectors[slug] = Detector(tick.system)
        detector.use(tick.system)
        detector.consume(tick.at, tick.readings, full=not tick.mini, starved=tick.starved)
    finally:
        connections.close_all()  # this thread's; with a pool it only gives the connection back


def _name(key: Key) -> tuple[str, str, str]:
    return (key.signal.id, key.service, key.label)


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < 1e300 else None
