"""What a crowd looks at: a scratch portal's history, and a watcher's ticks and a busy incident while it is looked at.

`python -m opsportal.bench.crowdseed seed FOLDER INCIDENTS` fills the database and prints one JSON object; `... tick
FOLDER` goes on until it is ended.
"""

from __future__ import annotations

import json
import math
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

SERVICES = 12
EVENTS, BUSY_EVENTS, AUDIT = (
    20,
    2000,
    10,
)  # of an incident; of the one that everybody looks at; rows per incident
SLUG = "crowded"
TICK_S, EVENT_S = 1.0, 0.5
MARK = "bench-mark-"


def manifest() -> str:
    """A proxy, ten services behind it, and the database they all need."""
    names = [f"api-{n}" for n in range(1, SERVICES - 1)]
    lines = [f"system: {SLUG}", "title: Crowded", "runtime: {driver: none}", "services:"]
    lines += [f"  gateway: {{kind: proxy, depends_on: [{', '.join(names)}]}}"]
    lines += [f"  {name}: {{kind: http, depends_on: [postgres]}}" for name in names]
    return "\n".join([*lines, "  postgres: {kind: postgres}", ""])


def seed(folder: Path, count: int) -> dict[str, Any]:
    """{"cookie", "busy"}: a session that may see all, and the number of the busy incident."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.utils import timezone

    from incidents.models import Incident, State
    from systems.models import System

    (folder / "manifest.yaml").write_text(manifest())
    system = System.objects.create(
        slug=SLUG, title="Crowded", manifest_path=str(folder / "manifest.yaml"), agent_on=True
    )
    now = timezone.now()
    rows = [
        Incident(
            system=system, fingerprint=f"bench-{n}", title=f"api-{n % 10 + 1} answers slowly", severity="medium",
            state=State.RESOLVED, started_at=now - timedelta(minutes=5 * (count - n) + 4),
            resolved_at=now - timedelta(minutes=5 * (count - n)), component=f"api-{n % 10 + 1}", cause="process_hung",
            confidence=0.9, summary=f"api-{n % 10 + 1} does not answer",
        )
        for n in range(count)
    ]  # fmt: skip
    rows.append(
        Incident(
            system=system, fingerprint="bench-busy", title="postgres is slow", severity="high", started_at=now,
            state=State.DIAGNOSING, summary="postgres answers slowly", component="postgres",
        )
    )  # fmt: skip
    made = Incident.objects.bulk_create(rows, batch_size=500)
    _histories(made, now)
    user = get_user_model().objects.create_superuser("bench", "", None)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}", "busy": made[-1].number}


def _histories(made: list[Any], now: Any) -> None:
    from django.db import connection
    from django.db.models import F

    from actions.models import AuditEntry
    from incidents.models import Incident, Symptom, TimelineEvent

    busy = made[-1]
    events, symptoms = [], []
    for incident in made:
        many = BUSY_EVENTS if incident is busy else EVENTS
        events += [
            TimelineEvent(incident=incident, seq=n, kind="check", title=f"Look {n} at {incident.component}")
            for n in range(1, many + 1)
        ]
        symptoms.append(
            Symptom(
                system_id=incident.system_id, incident=incident, signal="http_slow", service=incident.component,
                label=str(incident.number), title="It answers slowly", first_seen=now, last_seen=now,
                cleared_at=None if incident is busy else now,
            )
        )  # fmt: skip
    TimelineEvent.objects.bulk_create(events, batch_size=2000)
    Symptom.objects.bulk_create(symptoms, batch_size=1000)
    Incident.objects.exclude(pk=busy.pk).update(last_seq=EVENTS, opened_at=F("started_at"))
    Incident.objects.filter(pk=busy.pk).update(last_seq=F("last_seq") + BUSY_EVENTS)
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                seq=n + 1, at=now, actor="agent", verb="action.started", system=SLUG, target=f"api-{n % 10 + 1}",
                incident=made[n // AUDIT].number, data={"n": n}, prev_hash="0" * 64, hash="0" * 64,
            )
            for n in range(AUDIT * (len(made) - 1))
        ],
        batch_size=2000,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze")


def tick() -> None:
    """A picture each second, an event of the busy incident each half second; both carry when they were made."""
    from django.utils import timezone

    from incidents import evidence, live, timeline
    from incidents.evidence import Picture
    from incidents.facts import Noted
    from incidents.health import Health
    from incidents.models import Incident
    from opsportal import heartbeat

    busy = Incident.objects.exclude(state="resolved").values_list("pk", flat=True).get()
    names = ["gateway", *(f"api-{n}" for n in range(1, SERVICES - 1)), "postgres"]
    began, looks = time.monotonic(), 0
    while True:
        if looks * EVENT_S % TICK_S == 0:
            heartbeat.beat("worker")
            heartbeat.beat("watcher", systems={})
            figures = {
                name: {"latency_ms": 5 + 3 * math.sin(looks + place)} for place, name in enumerate(names)
            }
            health = {name: Health("ok", "") for name in names}
            evidence.write(SLUG, Picture(timezone.now(), health=health, figures=figures))
            live.publish("dashboard", {"kind": "tick", "system": SLUG})
        timeline.record(busy, Noted(), f"{MARK}{time.time():.3f}", actor="bench")
        looks += 1
        time.sleep(max(0.0, began + looks * EVENT_S - time.monotonic()))


def main(argv: list[str]) -> None:
    import django

    django.setup()
    if argv[0] == "seed":
        print(json.dumps(seed(Path(argv[1]), int(argv[2]))), flush=True)
    else:
        tick()


if __name__ == "__main__":
    main(sys.argv[1:])
