"""A small system of four services and one that stands alone, and a clock the tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incidents import evidence, live, service
from incidents.detection import Detector
from incidents.models import Incident
from incidents.signals.judging.engine import Engine
from systems.manifest import parse_manifest
from systems.models import System
from systems.readings import Reading
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem

MANIFEST = """
system: bakery
services:
  door: {kind: proxy, depends_on: [oven-1, oven-2]}
  oven-1: {kind: http, group: oven, depends_on: [flour]}
  oven-2: {kind: http, group: oven, depends_on: [flour]}
  flour: {kind: postgres}
  partner: {kind: external, unit: null}
  clock: {kind: worker}
"""
# Tests that commit are cleaned up by truncating; the audit log refuses that, so only these tables are.
APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "systems",
    "incidents",
]
commits = pytest.mark.django_db(transaction=True, available_apps=APPS)
START = datetime(2030, 1, 1, tzinfo=UTC)


def load_bakery(id: int | None = None) -> LoadedSystem:
    manifest = parse_manifest(MANIFEST)
    return LoadedSystem(manifest, Path("/nowhere"), FakeRuntime(manifest.services), id=id)


def quiet(name: str, *, uptime: float = 100.0) -> list[Reading]:
    """What a healthy unit reports."""
    return [
        Reading(name, "unit.up", 1, "RUNNING"),
        Reading(name, "unit.fatal", 0),
        Reading(name, "unit.restarts", 0),
        Reading(name, "unit.uptime_s", uptime),
        Reading(name, "unit.oom_kills", 0),
        Reading(name, "http.ok", 1),
        Reading(name, "http.latency_ms", 5),
        Reading(name, "log.lines_rate", 1),
        Reading(name, "log.error_rate", 0),
    ]


NAMES = ("door", "oven-1", "oven-2", "flour", "clock")


def all_quiet(*, uptime: float = 100.0) -> list[Reading]:
    return [r for name in NAMES for r in quiet(name, uptime=uptime)]


class Ticker:
    """Feeds an engine or a detector a tick a second."""

    def __init__(self, target: Engine | Detector) -> None:
        self.feed = target.feed if isinstance(target, Engine) else target.consume
        self.engine = target if isinstance(target, Engine) else target.engine
        self.at = START

    def __call__(self, *readings: Reading, times: int = 1, base: bool = True, step: float = 1.0) -> list[str]:
        """`times` ticks: everything quiet but for `readings`. Returns `+signal@service` and `-signal@service`."""
        found: list[str] = []
        for _ in range(times):
            self.at += timedelta(seconds=step)
            mine = {(r.service, r.metric, r.label) for r in readings}
            rest = [r for r in all_quiet() if (r.service, r.metric, r.label) not in mine] if base else []
            for change in self.feed(self.at, [*rest, *readings]):
                key = change.key
                name = f"{key.signal.id}@{key.service}" + (f"#{key.label}" if key.label else "")
                found.append(("+" if change.opened else "-") + name)
        return found

    def value(self, signal: str, service: str, label: str = "") -> bool | None:
        key = self.engine.keys.get(signal, service, label)
        return None if key is None else key.value

    def text(self, signal: str, service: str, label: str = "") -> str:
        key = self.engine.keys.get(signal, service, label)
        return "" if key is None else key.text


@pytest.fixture
def engine() -> Engine:
    return Engine(load_bakery().graph)


@pytest.fixture
def tick(engine: Engine) -> Ticker:
    """An engine that has watched a healthy system for half a minute."""
    ticker = Ticker(engine)
    assert ticker(times=30) == []
    return ticker


@pytest.fixture
def system(db: None) -> System:
    return System.objects.create(slug="bakery", title="Bakery", manifest_path="/nowhere/manifest.yaml")


@pytest.fixture
def detector(system: System) -> Detector:
    live.client().delete(evidence.KEY.format("bakery"), "ops:baselines:bakery")
    return Detector(load_bakery(system.pk))


@pytest.fixture
def watch(detector: Detector) -> Ticker:
    """A detector that has watched a healthy system for half a minute."""
    ticker = Ticker(detector)
    assert ticker(times=30) == []
    return ticker


@pytest.fixture
def opened() -> Iterator[list[int]]:
    """The numbers that the opening hooks were called with."""
    numbers: list[int] = []
    service.on_opened.append(numbers.append)
    yield numbers
    service.on_opened.remove(numbers.append)


@pytest.fixture
def incident(system: System) -> Incident:
    return Incident.objects.create(system=system, fingerprint="door", title="Door is shut", started_at=START)
