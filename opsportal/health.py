"""GET /healthz: the state of each part; 200 only when all of them are ready.

A part is {"ok": bool, "state": plain words}. A system under care that is ill does not make the portal unready:
`sandbox` is ok once the system was seen whole since the watcher started, and its state says how it is now.
"""

from typing import Any

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from opsportal import heartbeat

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
        seen = heartbeat.last(name)
    except redis.RedisError:
        return {"ok": False, "state": "unknown: Redis does not answer"}
    if seen is None:
        return {"ok": False, "state": "not started"}
    if seen["age_s"] > heartbeat.FRESH_S:
        return {"ok": False, "state": f"silent for {seen['age_s']:.0f} s", "age_s": seen["age_s"]}
    return {"ok": True, "state": "ready", "age_s": seen["age_s"]}


def _sandbox() -> Part:
    """The systems under care, as the watcher saw them in its last tick."""
    try:
        seen = heartbeat.last("watcher")
    except redis.RedisError:
        seen = None
    systems: dict[str, Part] = (seen or {}).get("systems", {})
    if not systems:
        return {"ok": False, "state": "not seen yet"}
    waiting = [f"{slug}: {found['state']}" for slug, found in systems.items() if not found["whole_once"]]
    now = "; ".join(f"{slug}: {found['state']}" for slug, found in systems.items())
    return {"ok": not waiting, "state": "; ".join(waiting) or now}


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
