"""GET /healthz: 200 only when the web server (which answers), the stores, a worker and the watcher are ready.

A part is {"ok": bool, "state": plain words}. The systems under care are told beside them, as the watcher saw them, and
never make the portal unready: they are patients. Of several workers one is enough.

The answer comes within WITHIN_S whatever hangs. Each store is looked at in a thread of its own, one look at a time: a
look that hangs is the answer to the next ones, too, and costs one thread, not one for each question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import psycopg
import redis
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from opsportal import heartbeat

WITHIN_S = 1.2
STATEMENT_MS = 1000
# 2 s to connect is the least that libpq knows; a server whose machine is gone is given up as soon.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "application_name": "opsportal-healthz",
}
Part = dict[str, Any]


class Look:
    """A question that may hang, asked by one thread at a time. `ask` gives parts by name."""

    def __init__(self, ask: Callable[[], dict[str, Part]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._running: Future[dict[str, Part]] | None = None

    def begin(self) -> Future[dict[str, Part]]:
        """The look that is under way, or a new one."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, future: Future[dict[str, Part]]) -> None:
        try:
            future.set_result(self._ask())
        except BaseException as error:
            future.set_exception(error)


def _postgres() -> dict[str, Part]:
    """By a connection of its own: a pool that is used up is no broken database."""
    given = connection.get_connection_params()
    told = {key: given[key] for key in ("dbname", "user", "password", "host", "port") if key in given}
    options = f"-c statement_timeout={STATEMENT_MS}"
    try:
        with psycopg.connect(**told, **_PATIENCE, autocommit=True, options=options) as db:
            db.execute("select 1")
    except (psycopg.Error, OSError) as error:
        return {"postgres": _wrong(f"no connection: {_first_line(error)}")}
    return {"postgres": _ready()}


def _redis() -> dict[str, Part]:
    """Redis, and the signs of life that the others leave in it."""
    try:
        heartbeat.client().ping()
        signs = {name: heartbeat.signs(name) for name in ("worker", "watcher")}
    except redis.RedisError as error:
        return {"redis": _wrong(f"no connection: {_first_line(error)}")}
    seen: dict[str, Any] = {}
    for sign in reversed(signs["watcher"]):
        seen |= sign["systems"]
    found = {name: _process(of) for name, of in signs.items()}
    return {"redis": _ready(), **found, "systems": {"ok": True, "seen": seen}}


_LOOKS = {"postgres": Look(_postgres), "redis": Look(_redis)}


def _look() -> dict[str, Part]:
    """All parts, and `systems`. What does not answer in time is told so."""
    begun = {name: look.begin() for name, look in _LOOKS.items()}
    wait(begun.values(), timeout=WITHIN_S)
    found: dict[str, Part] = {
        name: _wrong("unknown: Redis does not answer") for name in ("postgres", "redis", "worker", "watcher")
    }
    found["systems"] = {"ok": False, "seen": {}}
    for name, future in begun.items():
        if not future.done():
            found[name] = _wrong("hangs: no answer in time")
        elif error := future.exception():
            found[name] = _wrong(f"cannot be asked: {error}")
        else:
            found |= future.result()
    return found


def _ready() -> Part:
    return {"ok": True, "state": "ready"}


def _wrong(state: str) -> Part:
    return {"ok": False, "state": state}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _process(seen: list[heartbeat.Sign]) -> Part:
    if not seen:
        return _wrong("not started")
    ready = sum(sign["age_s"] <= heartbeat.FRESH_S for sign in seen)
    part = {"ok": ready > 0, "age_s": seen[0]["age_s"], "count": ready}
    if not ready:
        return part | {"state": f"silent for {seen[0]['age_s']:.0f} s"}
    silent = f", {len(seen) - ready} silent" if ready < len(seen) else ""
    return part | {"state": f"ready{silent}" if len(seen) == 1 else f"{ready} ready{silent}"}


def parts() -> dict[str, Part]:
    """The parts of the portal itself."""
    return {name: part for name, part in _look().items() if name != "systems"}


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    found = _look()
    systems = found.pop("systems")["seen"]
    ready = all(part["ok"] for part in found.values())
    body = {"status": "ready" if ready else "not ready", "parts": found, "systems": systems}
    return JsonResponse(body, status=200 if ready else 503)
