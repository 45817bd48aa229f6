"""GET /healthz: the state of each part; 200 only when all of them are ready.

A part is {"ok": bool, "state": plain words}. A system under care that is ill does not make the portal unready:
`sandbox` is ok once the system was seen whole since the watcher started, and its state says how it is now; also when
none is registered yet. Of several workers one is enough.
"""

from typing import Any

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from opsportal import heartbeat
from systems.models import System

Part = dict[str, Any]


def _postgres() -> Part:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except (DatabaseError, OSError) as error:
        return {"ok": False, "state": f"no connection: {str(error).splitlines()[0]}"}
    return {"ok": True, "state": "ready"}


def _redis() -> Part:
    try:
        heartbeat.client().ping()
    except redis.RedisError as error:
        return {"ok": False, "state": f"no connection: {error}"}
    return {"ok": True, "state": "ready"}


def _process(name: str) -> Part:
    try:
        seen = heartbeat.signs(name)
    except redis.RedisError:
        return {"ok": False, "state": "unknown: Redis does not answer"}
    if not seen:
        return {"ok": False, "state": "not started"}
    ready = sum(sign["age_s"] <= heartbeat.FRESH_S for sign in seen)
    part = {"ok": ready > 0, "age_s": seen[0]["age_s"], "count": ready}
    if not ready:
        return part | {"state": f"silent for {seen[0]['age_s']:.0f} s"}
    silent = f", {len(seen) - ready} silent" if ready < len(seen) else ""
    return part | {"state": f"ready{silent}" if len(seen) == 1 else f"{ready} ready{silent}"}


def _sandbox() -> Part:
    """The systems under care, as the watcher saw them in its last tick."""
    try:
        seen = heartbeat.signs("watcher")
    except redis.RedisError:
        seen = []
    systems: dict[str, Part] = {}
    for sign in reversed(seen):
        systems |= sign["systems"]
    if not systems:
        return _none_seen() if seen else {"ok": False, "state": "not seen yet"}
    waiting = [f"{slug}: {found['state']}" for slug, found in systems.items() if not found["whole_once"]]
    now = "; ".join(f"{slug}: {found['state']}" for slug, found in systems.items())
    return {"ok": not waiting, "state": "; ".join(waiting) or now}


def _none_seen() -> Part:
    """What it means that the watcher sees no system."""
    try:
        if System.objects.filter(enabled=True).exists():
            return {"ok": False, "state": "not seen yet"}
    except DatabaseError:
        return {"ok": False, "state": "unknown: Postgres does not answer"}
    return {"ok": True, "state": "no system is registered yet"}


def parts() -> dict[str, Part]:
    return {
        "postgres": _postgres(),
        "redis": _redis(),
        "worker": _process("worker"),
        "watcher": _process("watcher"),
        "sandbox": _sandbox(),
    }


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    found = parts()
    ready = all(part["ok"] for part in found.values())
    body = {"status": "ready" if ready else "not ready", "parts": found}
    return JsonResponse(body, status=200 if ready else 503)
