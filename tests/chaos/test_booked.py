"""A game day from the browser: begun once, played run by run by whoever holds it, gone on with, stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from actions.models import AuditEntry
from chaos import tasks
from chaos.gameday import BY, booked, history
from chaos.gameday.draws import Draw
from chaos.gameday.drive import Driver
from chaos.gameday.plan import Wanted
from chaos.models import GameDay, GameDayRun, Injection, Schedule
from chaos.registry import FAULTS
from chaos.scorecard import Row
from systems.models import System
from tests.pages import make_system

pytestmark = pytest.mark.django_db
WANTED = Wanted(["api_down", "cpu_spike"], range(1, 3))
FORM = {"system": "kiosk", "faults": "api_down", "seeds": "2", "first_seed": "5", "mode": "plain"}

One = Callable[[Driver, Draw], Row]


@pytest.fixture
def system(tmp_path: Path) -> System:
    row = make_system(tmp_path)
    (tmp_path / "site.json").write_text('{"driver": "process"}')
    System.objects.filter(pk=row.pk).update(agent_on=True)
    row.refresh_from_db()
    return row


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """What was played, for which game day."""
    found: list[tuple[str, int, str]] = []

    def one(self: Driver, draw: Draw, timeout_s: float) -> Row:
        found.append((draw.name, draw.seed, self.day))
        return Row(draw.name, "process", draw.seed, draw.mode, fixed=True, outcome="fixed")

    monkeypatch.setattr(Driver, "one", one)
    return found


def begin(system: System, wanted: Wanted = WANTED, approve: bool = False) -> GameDay:
    return booked.begin(wanted, system, "mira", approve=approve)


def instead(monkeypatch: pytest.MonkeyPatch, one: One) -> None:
    monkeypatch.setattr(Driver, "one", lambda self, draw, timeout_s: one(self, draw))


def test_every_run_is_played_once_and_it_ends(system: System, played: list[tuple[str, int, str]]) -> None:
    day = begin(system)
    assert booked.waiting() == [day.pk] and booked.under_way(system) == day
    while booked.go(day.pk):
        assert booked.waiting() == [day.pk], "between two runs anybody may go on"
    assert played == [(name, seed, "") for seed in (1, 2) for name in ("api_down", "cpu_spike")]
    day.refresh_from_db()
    assert day.ended_at is not None and day.runs.count() == 4 and booked.waiting() == []
    assert not booked.go(day.pk)
    assert AuditEntry.objects.get(verb="chaos.gameday.begun").data["runs"] == 4


def test_the_task_goes_on_by_itself(
    system: System, played: list[tuple[str, int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.play, "delay", sent.append)
    day = begin(system, approve=True)
    sent.append(day.pk)
    while sent:
        tasks.play(sent.pop())
    assert [day for *_, day in played] == [str(day.pk)] * 4, "approved for this game day alone"
    assert booked.under_way(system) is None


def test_one_at_a_time(system: System) -> None:
    begin(system)
    with pytest.raises(booked.Refused, match="under way"):
        begin(system)
    assert GameDay.objects.count() == 1


def test_what_would_measure_nothing_does_not_begin(system: System) -> None:
    System.objects.update(agent_on=False)
    system.refresh_from_db()
    with pytest.raises(booked.Refused, match="agent is off"):
        begin(system)
    System.objects.update(agent_on=True)
    system.refresh_from_db()
    Schedule.objects.create(system=system, on=True)
    with pytest.raises(booked.Refused, match="chaos mode is on"):
        begin(system)
    Schedule.objects.update(on=False)
    for wanted, why in (
        (Wanted(["none"], [1]), "nothing is asked for"),
        (Wanted(["no_such"], [1]), "no_such"),
        (Wanted([], range(1, 20), all=True), "for the command line"),
        (Wanted(["api_down"], [1], "renamed"), "plain, decoys"),
    ):
        with pytest.raises(booked.Refused, match=why):
            begin(system, wanted)
    assert not GameDay.objects.exists()


def test_who_holds_it_plays_alone(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    day, second = begin(system), []

    def one(driver: Driver, draw: Draw) -> Row:
        second.append((booked.waiting(), booked.go(day.pk)))
        return Row(draw.name, "process", draw.seed, draw.mode)

    instead(monkeypatch, one)
    booked.go(day.pk)
    assert second == [([], False)]


def test_a_worker_that_died_is_followed_by_another(
    system: System, played: list[tuple[str, int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on with the run that the other was at, once that has not renewed its hold; first that fault is taken
    back. What the other says afterwards is not written down."""
    day, taken_back = begin(system), []
    GameDay.objects.update(held_by="other", held_until=timezone.now() + timedelta(seconds=30))
    assert not booked.go(day.pk) and booked.waiting() == []
    GameDay.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    row = Injection.objects.create(system=system, fault="api_down", by=BY, deadline=timezone.now())
    monkeypatch.setattr(booked.service, "revert", lambda pk, by: taken_back.append(pk))
    assert booked.go(day.pk)
    assert taken_back == [str(row.pk)] and played == [("api_down", 1, "")]
    booked._keep(day.pk, "other", Row("cpu_spike", "process", 1))
    assert day.runs.get().fault == "api_down"


@pytest.mark.django_db(transaction=True)
def test_a_hold_is_renewed_as_long_as_a_run_lasts(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    day, renewed = begin(system), threading.Event()
    monkeypatch.setattr(booked, "RENEWED_S", 0.01)

    def one(driver: Driver, draw: Draw) -> Row:
        before = GameDay.objects.get().held_until
        until = timezone.now() + timedelta(seconds=20)
        while timezone.now() < until and not renewed.is_set():
            if GameDay.objects.get().held_until != before:
                renewed.set()
        return Row(draw.name, "process", draw.seed, draw.mode)

    instead(monkeypatch, one)
    booked.go(day.pk)
    assert renewed.is_set() and booked.waiting() == [day.pk]


def test_what_breaks_off_is_a_miss_that_says_why(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    day = begin(system, Wanted(["api_down"], [1]))

    def one(driver: Driver, draw: Draw) -> Row:
        raise OSError("the sandbox is gone")

    instead(monkeypatch, one)
    assert booked.go(day.pk) and not booked.go(day.pk)
    run = day.runs.get()
    assert run.outcome == "missed" and "the sandbox is gone" in run.note


def test_stopped_in_the_middle(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is taken back, and a run that was helped by that is not counted."""
    day, taken_back = begin(system), []
    monkeypatch.setattr(booked.service, "revert", lambda pk, by: taken_back.append(by))

    def one(driver: Driver, draw: Draw) -> Row:
        Injection.objects.create(system=system, fault=draw.name, by=BY, deadline=timezone.now())
        booked.stop(GameDay.objects.get(), "anna")
        booked.stop(GameDay.objects.get(), "bert")
        return Row(draw.name, "process", draw.seed, draw.mode, fixed=True)

    instead(monkeypatch, one)
    assert booked.go(day.pk) and not booked.go(day.pk)
    day.refresh_from_db()
    assert (day.stopped_by, day.ended_at is not None, day.runs.count()) == ("anna", True, 0)
    assert taken_back == ["anna"]
    assert AuditEntry.objects.filter(verb="chaos.gameday.stopped").count() == 1


# --- in the browser


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(tasks.play, "delay", found.append)
    return found


def person(client: Client, *rights: str) -> Client:
    user = User.objects.create_user("vera")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_incident", *rights]))
    client.force_login(user)
    return client


def said(client: Client, **form: str) -> str:
    return client.post("/gameday/begin/", FORM | form, follow=True).content.decode()


def test_begun_on_the_page(
    client: Client, system: System, sent: list[int], played: list[tuple[str, int, str]]
) -> None:
    vera = person(client, "inject_fault")
    page = vera.get("/gameday/").content.decode()
    assert "Begin a game day on Kiosk" in page and 'name="approve"' not in page
    assert "A game day of 2 runs begins" in said(vera)
    (pk,) = sent
    booked.go(pk)
    live = vera.get("/gameday/", headers={"HX-Request": "true"}).content.decode()
    assert '<progress value="1" max="2"' in live and "<html" not in live
    assert vera.post("/gameday/stop/", {"day": pk}).status_code == 302
    assert not booked.go(pk) and "is under way" not in vera.get("/gameday/").content.decode()


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"approve": "on"}, "takes the right to approve"),
        ({"seeds": "0"}, "seeds: a whole number from 1"),
        ({"unknown": "4e9"}, "unknown: a whole number"),
        ({"pairs": "99999999999999999999"}, "pairs: a whole number"),
        ({"faults": "<b>x</b>"}, "No game day"),
        ({"faults": "", "category": "nothing"}, "no category"),
        ({"faults": ""}, "nothing is asked for"),
        ({"mode": "renamed"}, "from here a game day goes on in"),
    ],
)
def test_what_cannot_be_is_said(
    client: Client, system: System, sent: list[int], form: dict[str, str], why: str
) -> None:
    page = said(person(client, "inject_fault"), **form)
    assert why in page and "<b>x</b>" not in page
    assert not sent and not GameDay.objects.exists()


def test_a_category_all_and_the_right_to_approve(client: Client, system: System, sent: list[int]) -> None:
    vera = person(client, "inject_fault", "approve_action")
    chosen = FAULTS["api_down"].category
    said(vera, category=chosen, faults="", seeds="1", approve="on")
    day = GameDay.objects.get()
    planned = [name for draw in day.planned for name in draw["faults"]]
    assert day.approve and planned == [f.id for f in FAULTS.values() if f.category == chosen]
    booked.stop(day, "vera")
    booked.go(day.pk)
    said(vera, category="all", faults="", seeds="1")
    assert len(GameDay.objects.latest("pk").planned) == len(
        [f for f in FAULTS.values() if "process" in f.drivers]
    )


def test_who_may_not_break_things_may_only_look(client: Client, system: System, sent: list[int]) -> None:
    vera = person(client)
    assert "Begin a game day" not in vera.get("/gameday/").content.decode()
    assert vera.post("/gameday/begin/", FORM).status_code == 403
    assert vera.post("/gameday/stop/", {"day": 1}).status_code == 403


# --- what is hard


def run_of(day: GameDay, fault: str, seed: int, **more: Any) -> GameDayRun:
    return GameDayRun.objects.create(game_day=day, fault=fault, category="process", seed=seed, **more)


def test_the_hardest_first(client: Client, system: System) -> None:
    vera, day = person(client), GameDay.objects.create(by="mira")
    fixed = {
        "fixed": True,
        "outcome": "fixed",
        "first_component_ok": True,
        "first_cause_ok": True,
        "repair_s": 8.0,
    }
    for seed in (1, 2):
        run_of(day, "easy", seed, **fixed)
    run_of(day, "handed", 1, outcome="handed_over_right")
    run_of(day, "half+half", 1, **fixed)
    run_of(day, "half+half", 2, outcome="missed")
    run_of(day, "harmed", 1, outcome="harm")
    run_of(day, "harmed", 2, **fixed)
    run_of(GameDay.objects.create(by="mira", baseline="none"), "idle", 1, outcome="missed")
    assert [f.fault for f in history.faced()] == ["harmed", "half+half", "handed", "easy"]
    page = vera.get("/gameday/faults/").content.decode()
    assert "?fault=half%2Bhalf" in page
    one = vera.get("/gameday/faults/", {"fault": "half+half"}).content.decode()
    assert "1 <small>of 2</small>" in one and "to repair" in one
    assert vera.get("/gameday/faults/", {"fault": "idle"}).status_code == 404
