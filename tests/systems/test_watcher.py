"""The watcher: nothing holds it up, events come through at once, and what it saw is in the database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError

from systems import frames, partitions, queries, services, watch
from systems.models import Rollup, System
from systems.readings import Reading
from systems.runtimes import fake
from systems.services import LoadedSystem
from systems.store import Batch, Store
from systems.watcher import Tick, Watcher

from .helpers import closed_port, http_server, make_system, one, silent_server


async def until(condition: Any, what: str) -> None:
    """Wait for something, as long as the test's patience."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


class Seen:
    """Collects ticks."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def __call__(self, tick: Tick) -> None:
        self.ticks.append(tick)


class Running:
    """A watcher that runs until the block ends."""

    def __init__(self, watcher: Watcher) -> None:
        self.stop = asyncio.Event()
        self.watcher = watcher

    async def __aenter__(self) -> Watcher:
        self.task = asyncio.create_task(self.watcher.run(self.stop))
        return self.watcher

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.task


@pytest.fixture
async def web() -> AsyncIterator[str]:
    async with http_server(lambda *_: (200, {})) as url:
        yield url


async def test_one_tick_reads_everything_and_hands_it_on(tmp_path: Path, web: str) -> None:
    system = make_system(tmp_path, {"a": {"kind": "http", "unit": "a", "http": {"url": web}}})
    seen = Seen()
    watcher = Watcher(lambda: [system], [seen], persist=False)
    (tick,) = await watcher.tick_once()
    await watcher.close()
    assert seen.ticks == [tick]
    assert {"unit.up", "http.ok", "proc.cpu_pct", "log.lines_rate"} <= {r.metric for r in tick.readings}
    assert one(tick.readings, "http.ok").value == 1


async def test_a_hanging_target_delays_no_other(tmp_path: Path, web: str) -> None:
    async with silent_server() as silent:
        system = make_system(
            tmp_path,
            {
                "hung": {"kind": "http", "http": {"url": f"http://{silent}/", "timeout_s": 9}},
                "fine": {"kind": "http", "http": {"url": web}},
            },
        )
        seen = Seen()

        def good() -> int:
            return sum(r.service == "fine" and r.metric == "http.ok" for t in seen.ticks for r in t.readings)

        async with Running(Watcher(lambda: [system], [seen], persist=False)):
            await until(lambda: good() >= 3, "the healthy service is read tick after tick")
            hung = [r for t in seen.ticks for r in t.readings if r.service == "hung"]
            assert hung == []  # still waiting: started once, nothing made up


async def test_a_slow_answer_brings_no_earlier_reading_back(tmp_path: Path, web: str) -> None:
    async with silent_server() as silent:
        slow = {"kind": "http", "http": {"url": f"http://{silent}/", "timeout_s": 1.3}}
        fine = {"kind": "http", "http": {"url": web}}
        system = make_system(tmp_path, {"slow": slow, "fine": fine})
        seen = Seen()

        def timeouts() -> int:
            return sum(r.service == "slow" and r.metric == "http.ok" for t in seen.ticks for r in t.readings)

        async with Running(Watcher(lambda: [system], [seen], persist=False)):
            await until(lambda: timeouts() >= 2, "the slow service timed out twice")
        given = [id(r) for t in seen.ticks for r in t.readings]
        assert len(given) == len(set(given))


async def test_events_arrive_as_mini_ticks_before_the_next_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "QUICK_S", 20.0)  # how much this machine can do in less is not asked here
    port = closed_port()
    system = make_system(tmp_path, {"a": {"kind": "http", "unit": "a", "tcp": port}})
    seen = Seen()
    runtime: Any = system.runtime
    # a tick an hour: whatever arrives was pushed
    async with Running(Watcher(lambda: [system], [seen], persist=False, interval_s=3600)):
        await until(lambda: runtime._queues, "the watcher subscribes")
        runtime.crash("a", exit_code=-9, oom=True, fatal=True)
        await until(lambda: seen.ticks, "a mini-tick")
    first = seen.ticks[0]
    assert first.mini
    assert {e.kind for t in seen.ticks for e in t.events} == {"exit", "oom", "state", "fatal"}
    assert one(first.readings, "unit.fatal").value == 1
    assert one(first.readings, "tcp.ok").text == "refused"


async def test_a_failing_handler_and_a_stuck_one_hold_up_nobody(tmp_path: Path, web: str) -> None:
    system = make_system(tmp_path, {"a": {"kind": "http", "http": {"url": web}}})
    seen = Seen()
    never = asyncio.Event()

    def breaks(tick: Tick) -> None:
        raise RuntimeError("handler")

    async def sticks(tick: Tick) -> None:
        await never.wait()

    async with Running(Watcher(lambda: [system], [breaks, sticks, seen], persist=False, interval_s=0.2)):
        await until(lambda: len(seen.ticks) >= 3, "ticks go on")
        never.set()


async def test_secrets_are_taken_out_of_readings(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("APP_PASSWORD=correct-horse-battery\n")
    system = make_system(tmp_path, {"a": {"kind": "http", "unit": "a"}}, secrets="secrets.env")
    runtime: Any = system.runtime
    watcher = Watcher(lambda: [system], persist=False)
    await watcher.tick_once()
    runtime.say("a", "ERROR cannot log in with correct-horse-battery")
    (tick,) = await watcher.tick_once()
    await watcher.close()
    assert one(tick.readings, "log.template").text.startswith("ERROR cannot log in with")
    assert "correct-horse" not in repr(tick.readings)


async def test_two_systems_are_watched_side_by_side_and_can_go(tmp_path: Path, web: str) -> None:
    both = [make_system(tmp_path, {"a": {"kind": "http", "http": {"url": web}}}) for _ in range(2)]
    both[1].slug = "other"
    seen = Seen()
    current = list(both)
    watcher = Watcher(lambda: current, [seen], persist=False)
    await watcher.tick_once()
    assert [t.system.slug for t in seen.ticks] == ["t", "other"]
    current.pop()
    assert [t.system.slug for t in await watcher.tick_once()] == ["t"]
    await watcher.close()


async def test_when_the_list_of_systems_cannot_be_read_the_known_ones_go_on(tmp_path: Path, web: str) -> None:
    system = make_system(tmp_path, {"a": {"kind": "http", "http": {"url": web}}})
    answers: list[list[LoadedSystem]] = [[system]]
    watcher = Watcher(lambda: answers.pop(), persist=False)
    assert len(await watcher.tick_once()) == 1
    assert len(await watcher.tick_once()) == 1  # the loader now raises IndexError
    await watcher.close()


# ---- with the database
@pytest.fixture
def registered(tmp_path: Path, transactional_db: None) -> System:
    fake.forget()
    spec = {
        "system": "stored",
        "title": "Stored",
        "runtime": {"driver": "fake", "name": "stored", "units": ["a"]},
        "services": {"a": {"kind": "http"}, "b": {"kind": "x", "unit": None, "tcp": closed_port()}},
    }
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(spec))
    call_command("register_system", str(tmp_path / "manifest.yaml"), verbosity=0)
    return System.objects.get(slug="stored")


@pytest.mark.django_db(transaction=True)
def test_registering_is_repeatable_and_says_what_is_wrong(registered: System, tmp_path: Path) -> None:
    call_command("register_system", registered.manifest_path, verbosity=0)
    assert System.objects.count() == 1
    loaded = services.load("stored")
    assert services.load("stored") is loaded  # cached
    Path(registered.manifest_path).write_text(Path(registered.manifest_path).read_text() + "tilte: x\n")
    with pytest.raises(CommandError, match="tilte: unknown key; did you mean 'title'"):
        call_command("register_system", registered.manifest_path, verbosity=0)
    assert services.load_all() == [loaded]  # the last good version goes on


@pytest.mark.django_db(transaction=True)
async def test_a_tick_is_stored_and_can_be_asked_for(registered: System) -> None:
    watcher = Watcher(services.load_all)
    (tick,) = await watcher.tick_once()
    await watcher.close()
    assert tick.batch is not None
    latest = await sync_to_async(queries.latest)(registered)
    assert latest["a", "unit.up", ""].value == 1
    assert latest["b", "tcp.ok", ""].text == "refused"
    points = await sync_to_async(queries.series)(registered, "a", "unit.up")
    assert [value for _, value in points] == [1.0]
    row = await System.objects.aget(pk=registered.pk)
    assert row.last_tick_at == tick.at
    assert row.last_tick_ms is not None
    sparks = await sync_to_async(queries.sparklines)(registered, ["unit.up"])
    assert sparks["a", "unit.up", ""][-1] == 1.0


def batch(system: System, at: datetime, *readings: Reading) -> Batch:
    return Batch(system.pk, at, list(readings))


@pytest.mark.django_db(transaction=True)
async def test_hostile_texts_are_stored(registered: System) -> None:
    store = Store()
    reading = Reading("a", "log.template", 1.0, "x\0\ud800y" * 400, "l\0" * 400)
    await store.write(batch(registered, datetime.now(UTC), reading))
    await store.close()
    latest = await sync_to_async(queries.latest)(registered)
    assert len(latest) == 1
    assert next(iter(latest.values())).text.startswith("x?y")


@pytest.mark.django_db(transaction=True)
async def test_what_is_stored_is_read_back_to_the_letter(registered: System) -> None:
    texts = [
        'say "x"',
        "\\",
        '\\"',
        "{a,b}",
        "NULL",
        "null",
        "a,b",
        " spaced ",
        "tab\tline\nend",
        "ä 漢 ☃",
        "%s %(at)s",
    ]
    store, numbers = Store(), [1.5, -0.0, 1e300, float("inf"), 3, None]
    found = [Reading("a", "log.template", float(n), text, text) for n, text in enumerate(texts)]
    found += [Reading("a", "http.number", number, label=str(n)) for n, number in enumerate(numbers)]
    await store.write(batch(registered, datetime.now(UTC), *found))
    await store.write(batch(registered, datetime.now(UTC)))  # a tick may have nothing new
    await store.close()

    def kept(metric: str) -> list[tuple[Any, ...]]:
        from systems.models import ReadingRow

        rows = ReadingRow.objects.filter(system_id=registered.pk, metric=metric)
        return sorted(rows.values_list("label", "text", "value"), key=str)

    assert await sync_to_async(kept)("log.template") == sorted(
        ((t, t, float(n)) for n, t in enumerate(texts)), key=str
    )
    assert await sync_to_async(kept)("http.number") == [
        (str(n), "", number) for n, number in enumerate(numbers)
    ]


@pytest.mark.django_db(transaction=True)
async def test_one_whole_number_does_not_stop_the_store(registered: System) -> None:
    """A probe counted and said 0, not 0.0: from the next minute on nothing was stored, not even by other probes."""
    store, start = Store(), datetime.now(UTC).replace(second=0, microsecond=0)
    for minute in range(3):
        at = start + timedelta(minutes=minute)
        found = [
            Reading("a", "consistency.odd", 0),
            Reading("a", "http.ok", 1.0),
            Reading("a", "cpu.pct", 0.5),
        ]
        await store.write(batch(registered, at, *found))
    await store.close()
    rolled = await sync_to_async(lambda: Rollup.objects.filter(system_id=registered.pk).count())()
    assert rolled == 9


@pytest.mark.django_db(transaction=True)
async def test_every_tick_is_kept_whole_with_what_has_not_changed(registered: System) -> None:
    store, start = Store(), datetime.now(UTC)
    same = Reading("a", "http.ok", 1.0)
    for number, mini in enumerate((False, True, False)):
        at = start + timedelta(seconds=number)
        found = [
            Reading("a", "unit.restarts", 3.0, "since 10:00"),
            same,
            Reading("b", "pg.ok", None, "refused"),
        ]
        await store.write(Batch(registered.pk, at, found, mini=mini, starved=number == 2))
    await store.close()
    kept = await sync_to_async(
        lambda: list(frames.between(registered.pk, start, start + timedelta(seconds=2)))
    )()
    assert [(f.mini, f.starved) for f in kept] == [(False, False), (True, False), (False, True)]
    assert all(f.readings == found for f in kept), "in their order, unchanged ones too"


@pytest.mark.django_db(transaction=True)
async def test_minutes_are_rolled_up_also_over_a_restart(registered: System) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    for values in ((1.0, 3.0), (8.0,)):  # two lives of the store in the same minute
        store = Store()
        for second, value in enumerate(values):
            at = start + timedelta(seconds=second)
            await store.write(
                batch(registered, at, Reading("a", "proc.cpu_pct", value), Reading("a", "x", None))
            )
        await store.close()

    def rows() -> list[tuple[Any, ...]]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "select metric, count, mean, low, high from systems_rollup where system_id = %s",
                [registered.pk],
            )
            return list(cursor.fetchall())

    assert await sync_to_async(rows)() == [("proc.cpu_pct", 3, 4.0, 1.0, 8.0)]


@pytest.mark.django_db(transaction=True)
async def test_unchanged_readings_are_stored_now_and_then_only(registered: System) -> None:
    store = Store()
    start = datetime.now(UTC) - timedelta(seconds=20)
    for second in range(16):
        at = start + timedelta(seconds=second)
        await store.write(batch(registered, at, Reading("a", "unit.up", 1.0), Reading("a", "http.ok", 1.0)))
    await store.close()

    def count(metric: str) -> int:
        from systems.models import ReadingRow

        return ReadingRow.objects.filter(system_id=registered.pk, metric=metric).count()

    assert await sync_to_async(count)("unit.up") == 2
    assert await sync_to_async(count)("http.ok") == 16


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("away"), psycopg.errors.UndefinedTable("it is being migrated")]
)
@pytest.mark.django_db(transaction=True)
async def test_a_database_outage_loses_no_tick(
    registered: System, monkeypatch: pytest.MonkeyPatch, error: psycopg.Error
) -> None:
    seen = Seen()
    watcher = Watcher(services.load_all, [seen], interval_s=0.2)
    assert watcher.store is not None
    real, failures = watcher.store.write, [error] * 2
    stored: list[datetime] = []

    async def flaky(item: Batch) -> None:
        if failures:
            raise failures.pop()
        await real(item)
        stored.append(item.at)

    monkeypatch.setattr(watcher.store, "write", flaky)
    async with Running(watcher):
        await until(lambda: len(stored) >= 5, "the store catches up")
    assert stored[: len(seen.ticks)] == [t.at for t in seen.ticks[: len(stored)]]


@pytest.mark.django_db(transaction=True)
async def test_a_tick_that_can_never_be_stored_is_left_out_and_no_other_waits_for_it(
    registered: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    watcher = Watcher(services.load_all, [seen], interval_s=0.2)
    assert watcher.store is not None
    real, stored = watcher.store.write, list[datetime]()

    async def picky(item: Batch) -> None:
        if len(seen.ticks) > 1 and item.at == seen.ticks[1].at:
            raise psycopg.DataError("no number")
        await real(item)
        stored.append(item.at)

    monkeypatch.setattr(watcher.store, "write", picky)
    async with Running(watcher):
        await until(lambda: len(stored) >= 4, "the store goes on")
    assert stored[0] == seen.ticks[0].at and seen.ticks[1].at not in stored


@pytest.mark.django_db(transaction=True)
async def test_old_partitions_are_dropped_and_new_ones_made_ahead(registered: System) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=3)
    store = Store(lambda: old)
    await store.write(batch(registered, old, Reading("a", "x", 1.0)))
    await store.close()

    def names() -> set[str]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(partitions.LIST)
            return {row[0] for row in cursor.fetchall()}

    assert partitions.READINGS.partition(partitions.READINGS.start_of(old)) in await sync_to_async(names)()
    store = Store(lambda: now)
    await store.write(batch(registered, now, Reading("a", "x", 2.0)))
    await store.close()
    left = await sync_to_async(names)()
    assert partitions.READINGS.partition(partitions.READINGS.start_of(old)) not in left
    assert partitions.READINGS.partition(partitions.READINGS.start_of(now + timedelta(hours=1))) in left
