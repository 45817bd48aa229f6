"""What a team's own manifest declares opens an incident on its part, in its own words, and closes it again."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.apps import apps
from django.contrib.auth.management import create_permissions

from incidents import own
from opsportal import wiring
from systems.probes import journeys
from systems.probes.declared import DeclaredProbe
from systems.runtimes import fake
from tests import runbooks
from tests.outside import quiet
from tests.outside.ward import Clock, Ward

READINGS = """    readings:
      - {{name: backlog, redis: "LLEN {slug}:jobs", on: cache, class: flow, above: 1000, clear: 10, severity: high}}
      - {{name: breaker, redis: "GET {slug}:breaker", on: cache, is_not: closed,
          title: "the breaker of {{service}} is {{text}}"}}
      - {{name: licences, redis: "GET {slug}:free", on: cache, below: 5, opens: false}}
"""
MANIFEST = quiet.MANIFEST.replace(
    "  worker: {{kind: worker, depends_on: [db, cache]}}\n",
    "  worker:\n    kind: worker\n    depends_on: [db, cache]\n" + READINGS,
)


class Declared(Ward):
    """A ward whose worker tells, in a Redis, how much waits and what its breaker does."""

    def __init__(self, folder: Path, slug: str, clock: Clock) -> None:
        super().__init__(folder, slug, clock, MANIFEST)
        self.told = redis.Redis.from_url(os.environ["REDIS_URL"])
        self.told.set(f"{slug}:breaker", "closed")
        self.told.set(f"{slug}:free", 9)
        self.probe = DeclaredProbe(clock.time)
        self.each_look = self._ask

    def _ask(self, _: int) -> None:
        """As the watcher asks, once in each look."""
        asked = self.probe.observe(self.system, self.system.service("worker"))
        for reading in asyncio.run(asked):
            self.set(reading.service, reading.metric, reading.value, reading.text, reading.label)

    def waits(self, number: int) -> None:
        self.told.delete(f"{self.slug}:jobs")
        if number:
            self.told.rpush(f"{self.slug}:jobs", *range(number))


@pytest.fixture
def ward(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Declared]:
    settings.OPSPORTAL_DATA = tmp_path / "data"
    for app in apps.get_app_configs():
        create_permissions(app, verbosity=0)
    runbooks.load()
    made = Declared(tmp_path, f"ward-{uuid.uuid4().hex[:6]}", Clock(monkeypatch))
    monkeypatch.setattr(journeys, "run_journey", made.run_journey)
    made.settle()
    yield made
    made.told.delete(*(f"{made.slug}:{name}" for name in ("jobs", "breaker", "free")))
    made.told.close()
    wiring.connect()
    fake.forget()


def test_a_limit_that_is_passed_is_an_incident_until_it_is_not(ward: Declared) -> None:
    assert ward.numbers == []
    ward.waits(5312)
    ward.look_until(lambda: ward.numbers, most=20)
    said = "backlog of worker is 5,312, above 1,000"
    symptoms = ward.incident["symptoms"]
    assert [(s["signal"], s["service"], s["title"]) for s in symptoms] == [
        ("declared_flow_high", "worker", said)
    ]
    assert ward.incident["severity"] == "high" and said in str(ward.incident)
    ward.look(20)
    assert ward.calls == [] and len(ward.numbers) == 1
    called = own.named(ward.slug)
    assert called["worker", "own.backlog"].of("") == "backlog of worker"
    assert ("worker", "own.breaker") not in called, "a word is nothing to plot"
    ward.waits(0)
    ward.look_until(lambda: ward.incident["state"] == "resolved", most=200)


def test_a_word_that_should_not_be_opens_in_its_own_title_on_its_part(ward: Declared) -> None:
    ward.told.set(f"{ward.slug}:breaker", "open")
    ward.told.set(f"{ward.slug}:free", 1)
    ward.look_until(lambda: ward.numbers, most=20)
    ward.look(20)
    titles = {s["title"] for s in ward.incident["symptoms"]}
    assert titles == {"the breaker of worker is open", "licences of worker is 1, below 5"}
    assert "worker" in ward.incident["headline"], ward.incident["headline"]
    ward.told.set(f"{ward.slug}:breaker", "closed")
    ward.look_until(lambda: ward.incident["state"] == "resolved", most=200)


def test_what_opens_nothing_is_context(ward: Declared) -> None:
    ward.told.set(f"{ward.slug}:free", 1)
    ward.look(30)
    assert ward.numbers == []
