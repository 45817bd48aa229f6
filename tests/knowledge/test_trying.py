"""What an entry would have done: the kept ticks, judged once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from knowledge.vocabulary import trying
from knowledge.vocabulary.spec import Spec, parse
from systems import frames, partitions, services
from systems.readings import Reading
from systems.services import LoadedSystem
from tests.incidents.conftest import MANIFEST
from tests.knowledge.test_vocabulary import SIGNAL, WORD

pytestmark = pytest.mark.django_db
Readings = Callable[[int], list[Reading]]


def spec_of(text: str) -> Spec:
    spec, problems = parse(text)
    assert spec is not None, problems
    return spec


@pytest.fixture
def bakery(tmp_path: Path) -> Iterator[LoadedSystem]:
    file = tmp_path / "manifest.yaml"
    file.write_text(MANIFEST.replace("services:", "runtime: {driver: fake}\nservices:", 1))
    services._cache.clear()
    services.register(file)
    yield services.load("bakery")
    services._cache.clear()


def kept(system: LoadedSystem, seconds: int, readings: Readings) -> tuple[datetime, datetime]:
    """Ticks of the last `seconds`, as the watcher keeps them; the window."""
    until = timezone.now()
    with connection.cursor() as cursor:
        for statement in partitions.create_statements(until):
            cursor.execute(statement)
        for second in range(-60, seconds):
            at = until - timedelta(seconds=seconds - second)
            units = [
                Reading("oven-1", "unit.up", 1, "RUNNING"),
                Reading("oven-1", "unit.uptime_s", 900.0 + second),
            ]
            cursor.execute(
                "insert into systems_tick values (%s, %s, %s, %s, %s)",
                [system.id, at, False, False, frames.pack([*units, *readings(second)])],
            )
    return until - timedelta(seconds=seconds), until


def test_it_counts_the_times_and_says_when(bakery: LoadedSystem) -> None:
    def dough(second: int) -> list[Reading]:
        return [Reading("oven-1", "own.dough", 500.0 if second % 60 in (20, 21, 22, 23, 24) else 10.0)]

    since, until = kept(bakery, 180, dough)
    shares: list[float] = []
    found = trying.replay(bakery, spec_of(SIGNAL), since, until, shares.append)
    assert [round((f.start - since).total_seconds()) for f in found.fired] == [22, 82, 142]
    assert [round((f.end - f.start).total_seconds()) for f in found.fired if f.end] == [4, 4, 4]
    assert found.fired[0].title == "500 loaves wait in oven-1"
    assert (found.series, max(p for p in found.points if p is not None)) == (("oven-1", ""), 500)
    assert found.notes == [] and shares and shares == sorted(shares)


def test_three_looks_in_a_row_are_needed_as_live(bakery: LoadedSystem) -> None:
    since, until = kept(bakery, 60, lambda s: [Reading("oven-1", "own.dough", 500.0 if s % 3 else 10.0)])
    assert trying.replay(bakery, spec_of(SIGNAL), since, until).times == 0
    twice = spec_of(SIGNAL.replace("hold: 3", "hold: 2"))
    assert trying.replay(bakery, twice, since, until).times >= 1


def test_a_word_is_looked_for_in_what_is_kept_of_the_log(bakery: LoadedSystem) -> None:
    def lines(second: int) -> list[Reading]:
        said = [Reading("oven-1", "log.template", 3, "ERROR Paper jam in tray 3", "ERROR Paper jam")]
        return [Reading("oven-1", "log.lines_rate", 1.0), *(said if second == 30 else [])]

    since, until = kept(bakery, 60, lines)
    found = trying.replay(bakery, spec_of(WORD), since, until)
    assert (found.times, found.read) == (1, 1)
    assert found.fired[0].title == "oven-1 says its printer is jammed: Paper jam in tray 3"
    assert found.notes == [trying.NOT_KEPT]


def test_it_says_what_it_could_not_see(bakery: LoadedSystem) -> None:
    now = timezone.now()
    nothing = trying.replay(bakery, spec_of(SIGNAL), now - timedelta(hours=1), now)
    assert nothing.times == 0 and "Nothing is kept of this time" in nothing.notes[0]
    since, until = kept(bakery, 30, lambda _: [])
    found = trying.replay(bakery, spec_of(SIGNAL), since - timedelta(minutes=30), until)
    assert any("Nothing is kept from before" in n for n in found.notes)
    assert any("No part had a reading called own.dough" in n for n in found.notes)
