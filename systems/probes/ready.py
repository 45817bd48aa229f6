"""ready.*: the service's own deeper readiness, with one reading per part it names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from systems.manifest import Service
from systems.manifest.base import meets
from systems.probes import web
from systems.probes.base import Clock, Probe
from systems.readings import Reading, clean
from systems.services import LoadedSystem

_GOOD = {"ok", "up", "ready", "true", "pass", "healthy", "connected"}
_WHOLE = {"status", "ready", "ok", "service", "svc", "replica", "version", "release"}


class ReadyProbe(Probe):
    name = "ready"
    interval_s = 1.0
    timeout_s = 12.0
    main = ("ready.ok",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self.http = web.client()

    def applies(self, service: Service) -> bool:
        return service.ready is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.ready is not None
        spec = service.ready
        answer = await web.ask(self.http, system, spec, spec.url, min(spec.timeout_s, 10.0))
        parts = list(_parts(answer)) if not answer.error else []
        ok = not answer.error and meets(answer.status, spec.expect)
        bad = "; ".join(f"{name}: {text or 'not ready'}" for name, good, text in parts if not good)
        text = "" if ok else clean(f"status {answer.status}: {bad}" if bad else answer.reason())
        return [
            Reading(service.name, "ready.ok", float(ok), text),
            *(Reading(service.name, f"ready.{name}", float(good), clean(text)) for name, good, text in parts),
        ]

    async def close(self) -> None:
        await self.http.aclose()


def _parts(answer: web.Answer) -> Iterator[tuple[str, bool, str]]:
    """(part, good, text) for each part in {"database": "ok"}, {"cache": true} or {"parts": {"x": {"ok": ..}}}."""
    try:
        body = answer.json()
    except ValueError:
        return
    if not isinstance(body, dict):
        return
    inner = next((body[k] for k in ("parts", "checks", "components") if isinstance(body.get(k), dict)), None)
    for key, value in list((inner if inner is not None else body).items())[:30]:
        name = re.sub(r"[^a-z0-9_]+", "_", str(key).lower())[:40]
        if inner is None and name in _WHOLE:
            continue
        state = _state(value)
        if state is not None:
            yield name, *state


def _state(value: Any) -> tuple[bool, str] | None:
    if isinstance(value, bool):
        return value, ""
    if isinstance(value, str):
        good = value.strip().lower() in _GOOD or value.lower().startswith("ok")
        return good, "" if good else value
    if isinstance(value, dict):
        inner = next((value[k] for k in ("ok", "ready", "status", "state") if k in value), None)
        state = _state(inner)
        detail = next((str(value[k]) for k in ("detail", "error", "message", "reason") if value.get(k)), "")
        return None if state is None else (state[0], detail or state[1])
    return None
