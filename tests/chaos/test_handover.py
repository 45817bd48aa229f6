"""Taking a fault back from a process that may only look: the keeper is asked, and does it in the asker's name."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from chaos import injector, keeper, service
from chaos.faults.api.api_slow_latency import ApiSlowLatency
from chaos.faults.base import Part
from chaos.journal import REVERTED, Entry
from chaos.models import Injection
from incidents.models import Incident
from opsportal import tokens
from systems.models import System

pytestmark = pytest.mark.django_db


@pytest.fixture
def system(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system with an injector's description, seen from a process that may only look at it."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    settings.OPSPORTAL_LOOKS_ONLY = True
    (tmp_path / "etc").mkdir()
    for unit in ("api-1", "api-2"):
        (tmp_path / "etc" / f"{unit}.yaml").write_text("a: 1\n")
    (tmp_path / "site.json").write_text("{}")
    monkeypatch.setattr(ApiSlowLatency, "inject", lambda self, site, params, undo: None)
    monkeypatch.setattr(ApiSlowLatency, "parts", lambda self, site, undo: [])
    return System.objects.create(slug="shop", title="Shop", manifest_path=str(tmp_path / "manifest.yaml"))


@pytest.fixture
def running(system: System) -> Injection:
    row = service.press("shop", "api_slow_latency", by="mira")
    return service.run(str(row.pk))


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


@pytest.fixture
def kept(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the keeper running."""
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    stop = threading.Event()
    thread = threading.Thread(target=keeper.keep, args=(service.journal(), stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def entry_of(row: Injection) -> Entry:
    return service.journal().read(str(row.pk))


def test_it_is_due_now_and_the_first_who_asked_is_remembered(running: Injection):
    before = entry_of(running).deadline
    for who in ("tom", "pete"):
        assert service.revert(str(running.pk), who).status == Injection.Status.RUNNING
    entry = entry_of(running)
    assert (entry.ending, entry.asked_by) == (True, "tom")
    assert entry.deadline <= time.time() < before
    assert keeper.overdue(service.journal(), time.time()) == [entry.id]


def test_the_keeper_does_it_in_the_askers_name(running: Injection, kept: None):
    service.take_back(str(running.pk), "tom")
    over = service.journal().wait_over(str(running.pk), 20)
    assert (over.status, over.reverted_by, over.ending) == (REVERTED, "tom", False)
    service.sync()
    running.refresh_from_db()
    assert (running.status, running.reverted_by) == (Injection.Status.REVERTED, "tom")


def test_what_is_over_stays_as_it_is(running: Injection):
    injector.revert(service.journal(), str(running.pk), "deadline")
    entry = service.take_back(str(running.pk), "tom")
    assert (entry.reverted_by, entry.asked_by) == ("deadline", "")


def test_who_fails_hands_over(running: Injection, settings: Any, monkeypatch: pytest.MonkeyPatch):
    settings.OPSPORTAL_LOOKS_ONLY = False

    def refuse(*_: Any) -> None:
        raise OSError("nobody answers")

    monkeypatch.setattr(ApiSlowLatency, "parts", lambda self, site, undo: [Part("it", refuse)])
    assert service.take_back(str(running.pk), "tom").ending


def test_the_page_says_so(running: Injection, boss: Client):
    page = boss.post(f"/chaos/{running.pk}/revert/", follow=True).content.decode()
    assert "It is being taken back." in page
    assert "Being taken back (mira)" in page
    assert f"/chaos/{running.pk}/revert/" not in page


def test_halting_says_so(running: Injection, boss: Client):
    page = boss.post("/chaos/halt/", {"next": "/chaos/"}, follow=True).content.decode()
    assert "Halted: 1 fault being taken back." in page


def test_the_interface_says_so(running: Injection, client: Client):
    secret, _ = tokens.create(User.objects.create_superuser("mira"), "test", ["chaos.inject_fault"])
    answer = client.post("/revert", HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert answer.status_code == 202
    assert json.loads(answer.content) == {"reverted": [], "handed_over": ["api_slow_latency"]}


def test_the_next_press_waits_for_the_keeper(
    running: Injection, system: System, kept: None, monkeypatch: pytest.MonkeyPatch
):
    Incident.objects.create(
        system=system, fingerprint="x", title="slow", state="resolved", started_at=timezone.now()
    )
    monkeypatch.setattr(ApiSlowLatency, "still_broken", lambda self, site, undo: "")
    again = service.press("shop", "api_slow_latency", by="mira")
    running.refresh_from_db()
    assert (running.reverted_by, again.status) == ("repaired", Injection.Status.RUNNING)


def test_without_a_keeper_the_next_press_is_told_to_wait(
    running: Injection, system: System, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "KEEPER_S", 0.1)
    Incident.objects.create(
        system=system, fingerprint="x", title="slow", state="resolved", started_at=timezone.now()
    )
    monkeypatch.setattr(ApiSlowLatency, "still_broken", lambda self, site, undo: "")
    with pytest.raises(service.Refused, match="being taken back; try again in a moment"):
        service.press("shop", "config_corruption", by="mira")
