"""Which look is due when: on its grid, as often as the manifest says, and not all at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from systems import watch
from systems.manifest import ManifestError, Service
from systems.probes.base import Probe
from systems.probes.metrics import MetricsProbe
from systems.probes.prometheus import PrometheusProbe
from systems.readings import Reading
from systems.services import LoadedSystem
from systems.state.sources.http import Http
from systems.watch import Slot, SystemWatch

from .helpers import make_system


class Counted(Probe):
    """Notes when it is asked; what it asks takes no time."""

    name = "counted"

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def applies(self, service: Service) -> bool:
        return True

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        self.at.append(time.monotonic())
        await asyncio.sleep(0)
        return []


def _many(tmp_path: Path, count: int) -> LoadedSystem:
    return make_system(tmp_path, {f"s{n}": {"kind": "http", "tcp": "127.0.0.1:9"} for n in range(count)})


def _watch(tmp_path: Path, count: int, probe: Probe) -> SystemWatch:
    found = SystemWatch(_many(tmp_path, count), time.monotonic, time.time)
    found.slots = [
        Slot(probe, service, phase) for phase, service in enumerate(found.system.services.values())
    ]
    return found


def _slot(tmp_path: Path, **more: Any) -> Slot:
    return Slot(Counted(), _many(tmp_path, 1).service("s0"), **more)


def test_a_look_stays_on_its_grid_however_late_it_was(tmp_path: Path) -> None:
    slot = _slot(tmp_path)
    slot.plan(100.0)
    for at, due in ((101.1, 102.0), (102.0, 103.0), (106.7, 107.0), (107.4, 108.0)):
        slot.plan(at)
        assert slot.due == due
        assert slot.turn <= at


def test_how_late_it_was_is_counted_from_its_turn(tmp_path: Path) -> None:
    slot = _slot(tmp_path)
    slot.plan(100.0)
    assert slot.turn == 100.0
    slot.plan(104.5)
    assert slot.turn == 101.0, "the first one that was missed"


async def test_a_late_step_makes_nothing_late_for_good(tmp_path: Path) -> None:
    """What began 0.4 s after its step is due at the next step, not 0.4 s after that."""
    now = [1000.4]
    found = SystemWatch(_many(tmp_path, 1), lambda: now[0], time.time)
    found.slots = [Slot(Counted(), found.system.service("s0"))]
    assert len(await found.start_due(late_s=0.4)) == 1
    await found.settle(None)
    now[0] = 1001.0
    assert len(await found.start_due(late_s=0.0)) == 1
    await found.settle(None)
    await found.close()


async def test_very_many_looks_are_started_within_the_time_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    rest = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await rest(0)

    probe = Counted()
    for count, most in ((12, 2), (600, round(watch.SPREAD_S / watch.PAUSE_S) + 1)):
        found = _watch(tmp_path, count, probe)
        pauses.clear()
        with monkeypatch.context() as patched:
            patched.setattr(watch.asyncio, "sleep", sleep)
            assert len(await found.start_due(gently=True)) == count
        taken = [p for p in pauses if p == watch.PAUSE_S]
        assert 1 <= len(taken) <= most
        await found.settle(None)
        await found.close()


async def test_who_wants_to_know_hears_how_late_each_look_was(tmp_path: Path) -> None:
    found, heard = _watch(tmp_path, 2, Counted()), list[tuple[str, float]]()
    found.timing = lambda probe, late_s: heard.append((probe, late_s))
    await found.start_due()
    await found.settle(None)
    await found.close()
    assert [probe for probe, _ in heard] == ["counted", "counted"]
    assert all(0 <= late_s < 20 for _, late_s in heard)


def test_the_manifest_says_how_often_numbers_and_pages_are_asked(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/"
    pages = {"http": [{"url": url, "only": ["*"]}]}
    system = make_system(
        tmp_path,
        {
            "usual": {"kind": "http", "metrics": url, "state": pages},
            "seldom": {
                "kind": "http",
                "metrics": {"url": url, "interval_s": 15},
                "state": {**pages, "interval_s": 10},
            },
            "scraped": {"kind": "http", "metrics": {"promql": {"job": "x"}, "interval_s": 12}},
        },
        prometheus={"url": url},
    )
    usual, seldom, scraped = system.services.values()
    assert [MetricsProbe().every_s(s) for s in (usual, seldom)] == [1.0, 15.0]
    assert PrometheusProbe().every_s(scraped) == 12.0
    assert [Http(system, s).every_s for s in (usual, seldom)] == [4.0, 10.0]


def test_what_would_count_as_not_read_cannot_be_asked_for(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/"
    with pytest.raises(ManifestError, match="interval_s"):
        make_system(tmp_path, {"a": {"kind": "http", "metrics": {"url": url, "interval_s": 60}}})
