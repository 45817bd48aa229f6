"""What the dashboard shows, in few queries. Slow-changing parts are remembered for a few seconds per process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Q
from django.utils import timezone

from chaos.models import Injection
from incidents import evidence
from incidents.evidence import Picture
from incidents.health import RANK, Health
from incidents.memo import memo
from incidents.models import OPEN_STATES, Incident, Symptom
from opsportal.changes import board
from opsportal.drawing.charts import AXIS_S, AXIS_SLOTS, spark_path
from opsportal.drawing.servicemap import NODE_W, Layout, layout
from opsportal.pages import machines, measured, record, strip
from systems.graph import SystemGraph
from systems.manifest import ManifestError
from systems.models import System
from systems.services import LoadedSystem, UnknownSystem, load

STALE_S = 15.0

LAST_S = 30.0
T = TypeVar("T")


def remember(key: str, seconds: float, make: Callable[[], T]) -> T:
    """`make()`, at most once in `seconds` per process. Who asks while it is made anew gets the last one, of LAST_S."""
    return memo.get(key, seconds, make, last_s=LAST_S)


@dataclass
class Service:
    """One service as drawn: how the picture has it, sparkline points (None = gap) and place on the map."""

    name: str
    kind: str
    judged: Health
    figures: Mapping[str, float]
    seen: bool  # whether the watcher has said something of it lately
    points: list[float | None] = field(default_factory=list)
    metric: str = ""
    x: float = 0.0
    y: float = 0.0
    line: str = ""
    area: str = ""
    incident: int | None = None
    changed: int = 0  # changes of it in the last hour
    suspected: str = ""  # how sure it is that the open incident's cause is here, in words

    @property
    def health(self) -> str:
        """ok, degraded, down or unknown. What is not seen is not well."""
        return self.judged.word if self.seen else "unknown"

    @property
    def why(self) -> str:
        """What is wrong with it, in words; empty when nothing is."""
        return self.judged.reason if self.seen else "not seen by the watcher"


def context(system: System | None) -> dict[str, Any]:
    """Everything the live part of the dashboard needs."""
    if system is None:
        return {"system": None}
    loaded, _ = _loaded(system.slug)
    picture = evidence.picture(system.slug)
    incidents = list(Incident.objects.filter(state__in=OPEN_STATES).select_related("system", "owner")[:20])
    services = _services(system, loaded, picture, incidents)
    drawn = _place(services, loaded)
    changes = remember(f"changes-{system.pk}", 3, lambda: board.last_hour(system, loaded))
    for name, count in changes.by_service.items():
        if name in services:
            services[name].changed = count
    return {
        "system": system,
        "unloadable": unloadable(),
        "front_door": str(loaded.manifest.front_door or "") if loaded else "",
        "services": sorted(services.values(), key=lambda s: (RANK[s.health], s.name)),
        "map": drawn,
        "machines": machines.told(loaded, picture) if not _is_stale(picture) else [],
        "edges": _edges(drawn, services, loaded.graph) if drawn and loaded else [],
        "incidents": incidents,
        "looked_at": picture.at,
        "strip": strip.of(system, incidents, services.values(), stale=_is_stale(picture)),
        "axis": _axis(system),
        "changes": changes,
        "record": memo.behind(f"record-{system.pk}", 5, lambda: record.record(system)),
    }


def unloadable() -> list[tuple[str, str]]:
    """(title, why) of every enabled system whose manifest cannot be used: nothing of it is watched."""
    found = ((system.title, _loaded(system.slug)[1]) for system in System.objects.filter(enabled=True))
    return [(title, why) for title, why in found if why]


def services_of(system: System) -> list[Service]:
    """Every service of a system as it is known now, the worst first: also those the watcher has never seen."""
    loaded, _ = _loaded(system.slug)
    incidents = list(Incident.objects.filter(system=system, state__in=OPEN_STATES))
    picture = evidence.picture(system.slug)
    return sorted(
        _services(system, loaded, picture, incidents).values(), key=lambda s: (RANK[s.health], s.name)
    )


def _loaded(slug: str) -> tuple[LoadedSystem | None, str]:
    try:
        return load(slug), ""
    except (ManifestError, UnknownSystem, OSError) as error:
        return None, str(error)


def _is_stale(picture: Picture) -> bool:
    return picture.at is None or (timezone.now() - picture.at).total_seconds() > STALE_S


def _services(
    system: System, loaded: LoadedSystem | None, picture: Picture, incidents: list[Incident]
) -> dict[str, Service]:
    kinds = loaded.graph.kinds if loaded else dict.fromkeys(picture.health, "")
    kinds = {n: kind for n, kind in kinds.items() if loaded is None or n not in loaded.graph.runs}
    seen = not _is_stale(picture)
    services = {
        name: Service(
            name, kind, picture.of(name), picture.figures.get(name, {}), seen and name in picture.health
        )
        for name, kind in kinds.items()
    }
    for incident in incidents:
        verdict = incident.verdict
        guess = verdict.standing == "guess"
        where = verdict.bars[0].component if guess else verdict.component
        for name in loaded.graph.members(where) if loaded else [where]:
            if incident.system_id == system.pk and name in services:
                services[name].incident = incident.number
                services[name].suspected = "best guess" if guess else "suspected cause"
    mine = Symptom.objects.filter(incident__in=[i.pk for i in incidents], opens=True)
    for signal, name, label, number in mine.values_list("signal", "service", "label", "incident_id"):
        if name in services and (signal, name, label) in picture.open_:
            services[name].incident = services[name].incident or number
    for name, (metric, points) in remember(
        f"sparks-{system.pk}", 2, lambda: measured.sparks(system.pk)
    ).items():
        if name in services:
            services[name].metric, services[name].points = metric, points
            services[name].line, services[name].area = spark_path(points, NODE_W - 24, 16)
    return services


def _place(services: dict[str, Service], loaded: LoadedSystem | None) -> Layout | None:
    if not loaded or not services:
        return None
    drawn = layout({n: needs for n, needs in loaded.graph.needs.items() if n in services})
    for name, node in drawn.nodes.items():
        services[name].x, services[name].y = node.x, node.y
    return drawn


def _edges(drawn: Layout, services: dict[str, Service], graph: SystemGraph) -> list[dict[str, str]]:
    """Edges with the tone of what they lead to: a caller of something down is at risk. `reads`: what is read there,
    where it is no call."""
    tones = {"down": "bad", "degraded": "warn"}
    return [
        {
            "path": e.path,
            "tone": tones.get(services[e.target].health, ""),
            "reads": graph.artefacts.get((e.source, e.target), ""),
        }
        for e in drawn.edges
    ]


def _axis(system: System) -> dict[str, Any]:
    """The last hour: journeys as a line, incidents and faults as marks, all in percent of the axis."""
    now = timezone.now()
    since = now - timedelta(seconds=AXIS_S)
    recent = Incident.objects.filter(system=system).filter(
        Q(resolved_at__isnull=True) | Q(resolved_at__gte=since)
    )
    faults = Injection.objects.filter(system=system).filter(
        Q(status=Injection.Status.RUNNING) | Q(reverted_at__gte=since)
    )
    journeys = remember(f"axis-{system.pk}", 5, lambda: measured.journeys(system.pk))
    known = [p for p in journeys["latency"] if p is not None]
    line, area = spark_path(journeys["latency"], AXIS_SLOTS, 60)
    return {
        "line": line,
        "area": area,
        "width": AXIS_SLOTS,
        "top_ms": max(known) if known else None,
        "failed": [i for i, p in enumerate(journeys["ok"]) if p is not None and p < 1],
        "ok_share": journeys["share"],
        "incidents": [
            _mark(i, i.started_at, i.resolved_at, since, now) for i in recent.order_by("number")[:40]
        ],
        "faults": [
            _mark(f, f.started_at, f.reverted_at, since, now) for f in faults.order_by("started_at")[:40]
        ],
        "ticks": [since + timedelta(seconds=AXIS_S * n / 6) for n in range(7)],
    }


def _mark(item: Any, start: datetime, end: datetime | None, since: datetime, now: datetime) -> dict[str, Any]:
    left = max(0.0, (start - since).total_seconds() / AXIS_S * 100)
    right = min(100.0, ((end or now) - since).total_seconds() / AXIS_S * 100)
    left = min(left, 99.2)
    return {
        "item": item,
        "left": round(left, 2),
        "width": round(max(0.8, right - left), 2),
        "open": end is None,
    }
