"""Rows are brought up to date before they are believed, and a fault is taken back with everything dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chaos import service
from chaos.faults.api.api_slow_latency import ApiSlowLatency
from chaos.faults.base import FaultFailed, Part
from chaos.faults.container.cpu_spike import CpuSpike
from chaos.journal import ACTIVE, Entry, Journal
from chaos.models import Injection
from systems.models import System

ROOT = Path(__file__).resolve().parents[2]
RUNNING = Injection.Status.RUNNING


@pytest.fixture
def system(db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> System:
    settings.OPSPORTAL_DATA = tmp_path / "data"
    (tmp_path / "etc").mkdir()
    for unit in ("api-1", "api-2"):
        (tmp_path / "etc" / f"{unit}.yaml").write_text("middleware: {delay_s: 0}\n")
    (tmp_path / "site.json").write_text('{"driver": "process"}')
    monkeypatch.setattr(ApiSlowLatency, "inject", lambda self, site, params, undo: None)
    monkeypatch.setattr(ApiSlowLatency, "parts", lambda self, site, undo: [])
    return System.objects.create(slug="shop", title="Shop", manifest_path=str(tmp_path / "manifest.yaml"))


def pressed() -> Injection:
    return service.run(str(service.press("shop", "api_slow_latency", by="mira").pk))


def test_a_row_whose_entry_is_gone_stops_no_press(system: System):
    old = pressed()
    (service.journal().folder / f"{old.pk}.json").unlink()
    assert pressed().status == RUNNING
    old.refresh_from_db()
    assert (old.status, old.error) == ("failed", service.MISSING)


def test_a_row_whose_entry_is_damaged_stops_no_press(system: System):
    old = pressed()
    (service.journal().folder / f"{old.pk}.json").write_text("{")
    assert pressed().status == RUNNING
    old.refresh_from_db()
    assert (old.status, old.error) == ("failed", service.DAMAGED)


def test_a_row_that_the_keeper_ended_stops_no_press(system: System):
    old = pressed()
    service.injector.revert(service.journal(), str(old.pk), "deadline")
    assert pressed().status == RUNNING
    old.refresh_from_db()
    assert (old.status, old.reverted_by) == ("reverted", "deadline")


def test_what_nobody_ended_at_its_deadline_is_ended_at_the_next_press(system: System):
    old = pressed()
    entry = service.journal().read(str(old.pk))
    entry.deadline = time.time() - 60
    service.journal().write(entry)
    assert pressed().status == RUNNING
    old.refresh_from_db()
    assert (old.status, old.reverted_by) == ("reverted", "deadline")


def test_a_press_whose_message_was_lost_goes_in_late(system: System):
    row = service.press("shop", "api_slow_latency", by="mira")
    assert service.waiting(60) == []  # its message may be under way
    assert service.waiting(0) == [str(row.pk)]
    service.run(str(row.pk))
    assert service.waiting(0) == []


def test_what_runs_still_stops_a_press(system: System):
    pressed()
    with pytest.raises(service.Refused, match="running and not repaired yet"):
        service.press("shop", "config_corruption", by="mira")


def test_a_failed_injection_that_is_not_wholly_back_is_still_running(
    system: System, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: Any) -> None:
        raise FaultFailed("half of it")

    monkeypatch.setattr(ApiSlowLatency, "inject", fail)
    monkeypatch.setattr(ApiSlowLatency, "parts", lambda self, site, undo: [Part("it", lambda: fail())])
    row = pressed()
    assert (row.status, row.error) == (RUNNING, "FaultFailed: half of it")
    assert service.journal().read(str(row.pk)).ending
    monkeypatch.setattr(ApiSlowLatency, "parts", lambda self, site, undo: [])
    row = service.revert(str(row.pk), "mira")
    assert row.status == "reverted"


def test_a_system_that_does_not_answer_refuses_instead_of_failing(
    system: System, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(service.Refused, match="cannot be prepared"):  # its database has no address at all
        service.press("shop", CpuSpike.id, by="mira")
    assert service.journal().live() == []


def revert_all(data: Path) -> subprocess.CompletedProcess[str]:
    """As a person types it, with no portal in that folder."""
    names = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "OPSPORTAL_DATA")
    env = {k: v for k, v in os.environ.items() if k not in names}
    argv = [sys.executable, "manage.py", "revert", "--all", "--data", str(data)]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def test_with_everything_dead_the_files_come_back_and_the_rest_is_told(tmp_path: Path):
    """Two faults of two files each; every server, supervisor and database is dead."""
    journal = Journal(tmp_path / "data" / "chaos-journal")
    (tmp_path / "etc").mkdir()
    (tmp_path / "site.json").write_text(
        f'{{"driver": "process", "supervisor_socket": "{tmp_path}/none.sock", '
        '"super_dsn": "postgresql://x@127.0.0.1:1/x", "addresses": {"batch": "127.0.0.1:1"}}'
    )
    units = ("api-1", "api-2", "batch")
    for unit in units:
        (tmp_path / "etc" / f"{unit}.yaml").write_text("\tbroken")
    end = time.time() + 500
    texts = {unit: f"whole: {unit}\n" for unit in units}
    for fault, touched, more in (
        ("config_corruption", ("api-1", "api-2"), {}),
        ("cpu_spike", ("batch",), {"product": 1, "title": "t"}),
    ):
        undo = {"texts": {u: texts[u] for u in touched}, **more}
        journal.write(Entry(fault, str(tmp_path), end, undo=undo, status=ACTIVE))
    done = revert_all(tmp_path / "data")
    assert {u: (tmp_path / "etc" / f"{u}.yaml").read_text() for u in units} == texts
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    for words in ("Configuration corruption", "CPU spike", "api-2 runs on its own", "the product's title"):
        assert words in done.stdout
    assert "left: the portal does it first of all when it starts again" in done.stderr
    assert len(journal.live()) == 2


def test_with_nothing_left_it_says_so(tmp_path: Path):
    journal = Journal(tmp_path / "data" / "chaos-journal")
    (tmp_path / "site.json").write_text('{"driver": "process"}')
    journal.write(Entry("log_errors", str(tmp_path), time.time() + 500, status=ACTIVE))
    done = revert_all(tmp_path / "data")
    assert (done.returncode, done.stdout.strip()) == (0, "taken back: Noise in the log")
    assert journal.live() == []
