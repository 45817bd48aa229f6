"""The engine's events: history on demand, and a live feed. exec_* never passes: the filter asks only for ACTIONS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..base import RuntimeError_, RuntimeEvent, UnitState
from .view import Past, Scope, exit_code

ACTIONS = ("die", "oom", "start", "stop", "kill", "pause", "unpause", "update")
BACK_S = 3600.0  # how far the first look goes back (the engine itself remembers 256 events)
RECONNECT_S = (0.05, 0.1, 0.25, 0.5, 1.0)


def filters(scope: Scope) -> dict[str, Any]:
    return {"type": "container", "label": scope.labels, "event": list(ACTIONS)}


def _attributes(event: Mapping[str, Any]) -> Mapping[str, str]:
    """A container's labels are among them."""
    found: Mapping[str, str] = event.get("Actor", {}).get("Attributes", {})
    return found


class History:
    """What happened to each unit, caught up with at every look."""

    def __init__(self, scope: Scope) -> None:
        self._scope, self._filters = scope, filters(scope)
        self._past: dict[str, Past] = {}
        self._marks: dict[str, int] = {}
        self._last = 0
        self._lock = threading.Lock()

    def catch_up(self, api: Any, now: float) -> None:
        """Note what happened since the last look. `now`: by the engine's clock, to which it compares these times; of a
        later one it would wait until it has come."""
        with self._lock:
            since = self._last / 1e9 if self._last else now - BACK_S
            now = max(now, since)
            reply = api.events(
                since=f"{since:.9f}", until=f"{now:.9f}", filters=dict(self._filters), decode=True
            )
            events = [e for e in reply if int(e.get("timeNano", 0)) > self._last]
            for event in sorted(events, key=lambda e: int(e["timeNano"])):
                self._last = int(event["timeNano"])
                if unit := self._scope.unit_of(_attributes(event)):
                    self._past.setdefault(unit, Past()).note(event)
                    self._marks[unit] = self._last

    def mark(self, unit: str) -> int:
        """Of its last event; 0 when none is known."""
        return self._marks.get(unit, 0)

    def of(self, unit: str) -> Past:
        return self._past.get(unit) or Past()


class Feed:
    """A thread that follows the engine and hands RuntimeEvents to `put`, for ever, until close()."""

    def __init__(
        self,
        scope: Scope,
        connect: Callable[[], Any],
        look: Callable[[], list[UnitState]],
        put: Callable[[RuntimeEvent], object],
    ) -> None:
        self._scope, self._filters = scope, filters(scope)
        self._connect, self._look, self._put = connect, look, put
        self._seen: dict[str, UnitState] | None = None
        self._oom: set[str] = set()
        self._closed = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._follow, daemon=True, name="docker-events")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        with suppress(Exception):
            self._stream.close()

    def _follow(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                self._stream = self._connect().events(filters=dict(self._filters), decode=True)
                self._missed()
                failures = 0
                for raw in self._stream:
                    for event in self._read(raw):
                        self._put(event)
            except Exception:  # noqa: S110 - the SDK lets three libraries' errors through
                pass
            self._closed.wait(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
            failures += 1

    def _missed(self) -> None:
        """After a lost connection: what changed meanwhile."""
        now = {u.unit: u for u in self._look()}
        if self._seen is not None:
            for unit in now.values():
                old = self._seen.get(unit.unit)
                if old is None or (old.state, old.pid) != (unit.state, unit.pid):
                    self._put(_state(unit, time.time()))
        self._seen = now

    def _read(self, raw: Mapping[str, Any]) -> Iterator[RuntimeEvent]:
        unit, action = self._scope.unit_of(_attributes(raw)), raw.get("Action", "")
        if not unit:
            return
        at = int(raw.get("timeNano", 0)) / 1e9
        seen = self._seen if self._seen is not None else {}
        pid = seen[unit].pid if unit in seen else None
        if action == "oom":
            self._oom.add(unit)
            yield RuntimeEvent("oom", unit, pid, None, at, True)
        elif action == "die":
            code = exit_code(int(raw["Actor"]["Attributes"].get("exitCode", 0)))
            now = self._fresh(unit)  # the `oom` event may come after this one
            more = unit in seen and now is not None and now.oom_kills > seen[unit].oom_kills
            yield RuntimeEvent("exit", unit, pid, code, at, unit in self._oom or more)
            yield from self._changed(now, at)
        elif action == "stop":
            yield from self._changed(self._fresh(unit), at)
        elif action == "start":
            self._oom.discard(unit)
            found = self._fresh(unit)
            yield RuntimeEvent("started", unit, found.pid if found else None, None, at)
            if found and found.pid:  # else it has ended again, which the next event tells
                yield from self._changed(found, at)

    def _fresh(self, unit: str) -> UnitState | None:
        with suppress(RuntimeError_):
            return next((u for u in self._look() if u.unit == unit), None)
        return None

    def _changed(self, now: UnitState | None, at: float) -> Iterator[RuntimeEvent]:
        """What a look at the unit shows that the last one did not. The caller's own look: a second one could see an
        end that no event has told of yet."""
        if now is None:
            return
        old = (self._seen or {}).get(now.unit)
        if self._seen is not None:
            self._seen[now.unit] = now
        if old is None or (old.state, old.pid) != (now.state, now.pid):
            yield _state(now, at)
        if now.fatal and not (old and old.fatal):
            yield RuntimeEvent("fatal", now.unit, None, now.exit_code, at)


def _state(unit: UnitState, at: float) -> RuntimeEvent:
    return RuntimeEvent("state", unit.unit, unit.pid, unit.exit_code, at, state=unit.state)
