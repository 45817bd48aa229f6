"""The ledger beside a system: what it keeps over restarts, how often it asks, and whose change it was."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from systems.models import ChangeRow, SettledState, System
from systems.services import LoadedSystem
from systems.state import acts, kept, urgent
from systems.state.facts import Fact, Read, Source
from systems.state.ledger import recent
from systems.state.sampler import REST_S, Sampler
from systems.state.settled import Settled
from systems.state.types import Change
from tests.systems.helpers import make_system

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "swordfish-9"


class Told(Source):
    """A source that reads what it is told."""

    name = "told"
    every_s = 0.05

    def __init__(self, **values: str) -> None:
        self.values = values
        self.reads = 0
        self.fails: Exception | None = None

    async def read(self) -> Read:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        facts = {
            w: Fact(v, "act", act="was started anew", effective_at=float(v)) if w == "run" else
            Fact(v, "setting", secret=w == "pin", loaded=w == "waits") for w, v in self.values.items()
        }  # fmt: skip
        return {("api", "settings"): facts}


@pytest.fixture
def system(tmp_path: Path) -> LoadedSystem:
    system = make_system(tmp_path, {"api": {"kind": "x"}})
    system.id = System.objects.create(slug=system.slug, title="t", manifest_path="/x").pk
    return system


async def in_thread(job: Callable[..., Any], *args: Any) -> Any:
    """Django's database calls, away from the loop."""

    def run() -> Any:
        try:
            return job(*args)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def words(system: LoadedSystem) -> list[str]:
    assert system.id is not None
    return [change.words for change in recent(system.id)]


async def read(system: LoadedSystem, source: Told, at: float = 1000.0) -> Sampler:
    sampler = Sampler(system, [source], now=lambda: at)
    await sampler.read_all()
    return sampler


async def test_a_change_made_while_nobody_watched_is_found_with_the_wide_interval(system: LoadedSystem):
    await read(system, Told(a="1", b="1"), at=1000.0)
    await in_thread((await read(system, Told(a="1", b="1"), at=1500.0)).keep_house)
    await read(system, Told(a="2", b="1"), at=9000.0)
    (change,) = await in_thread(recent, system.id or 0)
    assert change.words == "`a` of api changed from 1 to 2"
    assert (change.last_old.timestamp(), change.first_new.timestamp()) == (1500.0, 9000.0)
    await read(system, Told(a="2", b="1"), at=9100.0)
    assert len(await in_thread(words, system)) == 1


async def test_no_secret_stands_in_the_tables_in_clear_or_as_a_plain_hash(system: LoadedSystem):
    import hashlib

    await read(system, Told(pin="1234", note=f"pin={SECRET} token={SECRET}"))
    await read(system, Told(pin="9999", note=f"pin={SECRET}x token={SECRET}x"))

    def stored() -> bytes:
        import zlib

        states = [zlib.decompress(bytes(row.packed)) for row in SettledState.objects.all()]
        rows = [repr(row).encode() for row in ChangeRow.objects.values_list()]
        return b"\n".join([*states, *rows])

    text = await in_thread(stored)
    for value in ("1234", "9999"):
        for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.blake2b):
            assert digest(value.encode()).hexdigest()[:16].encode() not in text
        assert b'"' + value.encode() not in text and b"'" + value.encode() not in text
    assert f"token={SECRET}".encode() not in text
    assert len(await in_thread(words, system)) == 2


async def test_while_the_database_is_away_nothing_is_lost(
    system: LoadedSystem, monkeypatch: pytest.MonkeyPatch
):
    source = Told(a="1")
    sampler = await read(system, source)
    source.values = {"a": "2"}
    with monkeypatch.context() as patched:
        patched.setattr(kept, "save", lambda *_: (_ for _ in ()).throw(OSError("away")))
        assert await sampler.read_all() == []
    source.values = {"a": "3"}
    assert [c.words for c in await sampler.read_all()] == ["`a` of api changed from 1 to 3"]


async def test_two_watchers_tell_a_change_once(system: LoadedSystem):
    source = Told(a="1")
    first, second = await read(system, source), await read(system, source)
    source.values = {"a": "2"}
    await first.read_all()
    await second.read_all()
    await second.read_all()
    assert len(await in_thread(words, system)) == 1


async def test_what_a_request_of_ours_did_is_known_as_ours(system: LoadedSystem):
    assert system.id is not None
    at = datetime.fromtimestamp(1000, UTC)

    def begin() -> None:
        acts.began(
            system.id or 0, "r1", "gateway", ["api"], "restore-config on gateway", at, "restore-config"
        )

    source = Told(a="1")
    sampler = Sampler(system, [source], now=lambda: moment[0])
    moment = [990.0]
    await sampler.read_all()
    await in_thread(begin)
    source.values, moment[0] = {"a": "2"}, 1003.0
    await sampler.read_all()
    await in_thread(acts.ended, system.id, "r1", at + timedelta(seconds=4), "succeeded")
    source.values, moment[0] = {"a": "3"}, 1500.0
    await sampler.read_all()
    source.values, moment[0] = {"a": "4"}, 1510.0
    await sampler.read_all()
    found = {c.after: c.actor for c in await in_thread(recent, system.id)}
    assert found == {
        "succeeded": "ours",
        "2": "ours",
        "3": "ours",
        "4": "",
    }  # 3: it may have been during the request


async def test_what_waited_counts_from_the_start_on(system: LoadedSystem):
    source = Told(waits="1", run="900")
    sampler = Sampler(system, [source], now=lambda: moment[0])
    moment = [1000.0]
    await sampler.read_all()
    source.values, moment[0] = {"waits": "2", "run": "900"}, 1010.0
    (change,) = await sampler.read_all()
    assert change.pending and change.effective_at is None
    source.values, moment[0] = {"waits": "2", "run": "1015"}, 1020.0
    await sampler.read_all()
    (loaded,) = [c for c in await in_thread(recent, system.id or 0) if c.what == "waits"]
    assert not loaded.pending and loaded.effective_at == datetime.fromtimestamp(1015, UTC)


@pytest.mark.parametrize(
    ("written", "counts"), [(1004.0, True), (None, True), (1005.5, False), (980.0, True)]
)
async def test_what_is_read_later_than_the_start_that_brought_it_into_effect_counts_from_that_start(
    system: LoadedSystem, written: float | None, counts: bool
):
    """A variable and the start after it within two seconds: the process was seen first, and the variable was told to
    wait for ever."""

    def epoch(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    run = Change("", "api", "act", "run", None, "1005", epoch(1003), epoch(1005), effective_at=epoch(1005))
    made = None if written is None else epoch(written)
    wrote = Change("", "api", "env", "A", None, "1", epoch(1004), epoch(1006), written_at=made, pending=True)
    await in_thread(kept.note, system.id or 0, [run])
    await in_thread(kept.note, system.id or 0, [wrote])
    (found,) = [c for c in await in_thread(recent, system.id or 0) if c.what == "A"]
    assert (not found.pending) is counts and (found.effective_at == epoch(1005)) is counts


async def test_reads_are_few_one_at_a_time_and_at_once_on_trouble(system: LoadedSystem):
    calm, slow, broken = Told(a="1"), Told(a="1"), Told(a="1")
    calm.name, slow.name, broken.name = "calm", "slow", "broken"
    calm.every_s = slow.every_s = broken.every_s = 30.0
    broken.fails = OSError("away")
    sampler = Sampler(system, [calm, slow, broken])
    task = asyncio.create_task(sampler.run())
    await asyncio.sleep(0.6)
    assert (calm.reads, slow.reads, broken.reads) == (1, 1, 1)
    assert next(b for b in sampler.beats if b.source is broken).pause_s > 30.0
    for _ in range(5):
        urgent.trouble(system.slug)
    await asyncio.sleep(1.2)
    assert (calm.reads, slow.reads) == (2, 2)
    assert not sampler.peace
    urgent.over(system.slug)
    await asyncio.sleep(0.05)
    assert sampler.peace
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_slow_source_is_asked_less_and_less_often(system: LoadedSystem):
    ticks = iter(range(0, 100000, 1))
    source = Told(a="1")
    sampler = Sampler(system, [source], clock=lambda: float(next(ticks)))
    (beat,) = sampler.beats
    for _ in range(20):
        await sampler.read(beat)
    assert beat.pause_s == REST_S
    assert source.reads == 20


def test_another_key_of_the_portal_makes_no_change_of_anything(system: LoadedSystem, settings):
    assert system.id is not None
    settled = Settled("x")
    from systems.redact import Redactor

    settled.take({("api", "s"): {"a": Fact("1", "setting")}}, 1, 2, Redactor)
    kept.save(system.id, settled, 0, [])
    settings.SECRET_KEY = "another"
    again, version = kept.load(system.id, "x")
    assert again.areas == {} and version == 1
    assert again.take({("api", "s"): {"a": Fact("2", "setting")}}, 3, 4, Redactor) == []


def test_old_changes_are_dropped(system: LoadedSystem):
    old = datetime(2020, 1, 1, tzinfo=UTC)
    kept.note(system.id or 0, [Change("", "api", "config", "a", "1", "2", old, old, words="x")])
    kept.forget_old()
    assert ChangeRow.objects.count() == 0
