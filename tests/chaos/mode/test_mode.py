"""Chaos mode: when it breaks something, when it does not, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from actions.models import AuditEntry, PolicyGrant
from chaos import service as chaos
from chaos.mode import score, service, steady
from chaos.models import Injection, Schedule
from chaos.registry import FAULTS
from incidents import evidence
from incidents.evidence import SignalState
from incidents.models import State
from incidents.picture import Picture
from opsportal import tokens
from systems.models import System
from tests.pages import make_incident, make_system, person, show

pytestmark = pytest.mark.django_db
JOURNEYS = ("look at it", "buy it")


@pytest.fixture
def system(tmp_path: Path) -> System:
    """With two journeys, and an injector's description."""
    made = make_system(tmp_path)
    path = Path(made.manifest_path)
    steps = "".join(
        f"\n  - {{name: {name}, steps: [{{get: 'http://127.0.0.1:9/', expect: 200}}]}}" for name in JOURNEYS
    )
    path.write_text(f"{path.read_text().rstrip()}\njourneys:{steps}\n")
    (tmp_path / "site.json").write_text(json.dumps({"driver": "process"}))
    return made


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was put in, of a sandbox that nobody has."""
    found: list[str] = []

    def press(slug: str, fault: str, **how: Any) -> Injection:
        found.append(fault)
        deadline = timezone.now() + timedelta(seconds=how["duration_s"])
        row = System.objects.get(slug=slug)
        return Injection.objects.create(system=row, fault=fault, by=how["by"], deadline=deadline)

    monkeypatch.setattr(chaos, "press", press)
    return found


def look(failing: tuple[str, ...] = (), ago_s: float = 0.0) -> None:
    """What the watcher saw last."""
    states = [
        SignalState("journey_failed", "gateway", name, name in failing, 1.0, "", None, "probe")
        for name in JOURNEYS
    ]
    evidence.write("kiosk", Picture(timezone.now() - timedelta(seconds=ago_s), states=states))


def due(system: System, **values: Any) -> Schedule:
    service.turn_on(system, "mira")
    Schedule.objects.update(next_at=timezone.now() - timedelta(seconds=1), **values)
    return service.of(system)


def test_it_is_off_until_somebody_turns_it_on_and_the_first_fault_comes_after_one_interval(
    system: System, pressed: list[str]
) -> None:
    look()
    assert not service.of(system).on and service.tick() == []
    row = service.turn_on(system, "mira")
    assert row.on and row.next_at and row.next_at > timezone.now() + timedelta(seconds=290)
    assert service.tick() == [] and pressed == []
    assert AuditEntry.objects.filter(verb="chaos.schedule.on", actor="mira").count() == 1


def test_when_it_is_time_one_fault_is_put_in_and_the_next_comes_an_interval_later(
    system: System, pressed: list[str]
) -> None:
    look()
    due(system, every_s=600)
    (made,) = service.tick()
    row = service.of(system)
    assert [made.fault] == pressed and made.by == "chaos mode"
    assert row.next_at and row.next_at > timezone.now() + timedelta(seconds=590)
    assert service.tick() == [] and not PolicyGrant.objects.exists()


def test_only_one_worker_does_it(system: System, pressed: list[str]) -> None:
    look()
    row = due(system)
    first, second = Schedule.objects.get(pk=row.pk), Schedule.objects.get(pk=row.pk)
    assert service._due(first, timezone.now()) is not None
    assert service._due(second, timezone.now()) is None
    assert len(pressed) == 1


@pytest.mark.parametrize(
    ("make_ill", "why"),
    [
        (lambda s: make_incident(s), "the system is sick"),
        (
            lambda s: make_incident(s, state=State.RESOLVED, resolved_at=timezone.now()),
            "it has only just recovered",
        ),
        (lambda s: look(("buy it",)), "50% of what customers do fails"),
        (lambda s: look(ago_s=60), "how the system does is not seen"),
        (
            lambda s: Injection.objects.create(system=s, fault="api_down", by="tom", deadline=timezone.now()),
            "a fault",
        ),
    ],
)
def test_a_system_that_is_not_steady_is_left_alone_and_why_is_told(
    system: System,
    pressed: list[str],
    make_ill: Callable[[System], object],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chaos, "sync", lambda: None)
    look()
    due(system)
    make_ill(system)
    assert service.tick() == [] and pressed == []
    assert why in service.of(system).skipped


@pytest.mark.parametrize(
    ("hour", "first", "last", "inside"),
    [
        (9, 9, 17, True),
        (17, 9, 17, False),
        (23, 22, 6, True),
        (5, 22, 6, True),
        (12, 22, 6, False),
        (0, 0, 24, True),
    ],
)
def test_its_window_may_go_over_midnight(hour: int, first: int, last: int, inside: bool) -> None:
    row = Schedule(from_hour=first, until_hour=last)
    assert (service.in_no_window(row, datetime(2026, 5, 1, hour, 30, tzinfo=UTC)) == "") is inside


def test_only_what_is_allowed_is_drawn_and_what_was_drawn_least_comes_first(
    system: System, pressed: list[str]
) -> None:
    look()
    service.change(system, "mira", categories=["network"], most_parts=1)
    fits = [f for f in FAULTS.values() if "process" in f.drivers and len(f.targets) == 1]
    network = {f.id for f in fits if f.category == "network"}
    for _ in network:
        due(system)
        service.tick()
        Injection.objects.update(status=Injection.Status.REVERTED)
    assert sorted(pressed) == sorted(network)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"every_s": 5}, "every 60 seconds at the soonest"),
        ({"categories": ["weather"]}, "no category weather"),
        ({"faults": ["rain"]}, "no fault rain"),
        ({"most_impact": 1.5}, "above 0 and at most 1"),
        ({"from_hour": 5, "until_hour": 5}, "from an hour of the day to another"),
        ({"faults": ["api_down"], "categories": ["network"]}, "no fault is left"),
        ({"colour": 1}, "no setting colour"),
    ],
)
def test_a_setting_that_cannot_be_says_why_and_changes_nothing(
    system: System, wanted: dict[str, Any], why: str
) -> None:
    before = Schedule.objects.filter(pk=service.of(system).pk).values().get()
    with pytest.raises(service.Wrong, match=why):
        service.change(system, "mira", **wanted)
    assert Schedule.objects.values().get() == before


def test_more_than_customers_may_feel_ends_it_and_takes_the_fault_back(
    system: System, pressed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    back: list[str] = []
    monkeypatch.setattr(chaos, "take_back", lambda pk, by: back.append(pk))
    monkeypatch.setattr(chaos, "sync", lambda: None)
    look()
    due(system, most_impact=0.75)
    (made,) = service.tick()
    for number in range(service.HURTS):
        assert service.of(system).on, number
        look(JOURNEYS)
        service.tick()
        service.tick()  # the same picture counts once
    row = service.of(system)
    assert not row.on and "100% of what customers do failed" in row.halted
    assert back == [str(made.pk)]


def test_a_bad_moment_is_no_reason_to_halt(system: System, pressed: list[str]) -> None:
    look()
    due(system)
    service.tick()
    for number in range(2 * service.HURTS):
        look(JOURNEYS if number % 3 else ())
        service.tick()
    assert service.of(system).on


def test_what_the_agent_asks_for_is_approved_beforehand_only_where_that_was_said(
    system: System, pressed: list[str]
) -> None:
    look()
    service.change(system, "mira", approve=True)
    due(system)
    service.tick()
    grant = PolicyGrant.objects.get()
    assert (grant.scope, grant.requester, grant.created_by) == ("schedule", "agent", "mira")
    assert grant.expires_at < timezone.now() + timedelta(minutes=10)


def test_the_result_is_kept_with_each_and_summed_up_by_week(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for fault, hours in (("api_down", 1), ("net_outage", 2)):
        row = Injection.objects.create(
            system=system, fault=fault, by=service.BY, status="reverted", deadline=now,
            reverted_at=now - timedelta(hours=hours) + timedelta(minutes=4),
        )  # fmt: skip
        Injection.objects.filter(pk=row.pk).update(started_at=now - timedelta(hours=hours))
    began = now - timedelta(hours=1)
    made = make_incident(system, state=State.RESOLVED, resolved_at=began + timedelta(seconds=30))
    type(made).objects.update(opened_at=began + timedelta(seconds=2), started_at=began + timedelta(seconds=1))
    assert score.is_owed()
    score.settle()
    found = dict(Injection.objects.values_list("fault", "result"))
    assert found["api_down"] == {
        "incident": made.number,
        "detect_s": 2.0,
        "resolve_s": 30.0,
        "state": "resolved",
    }
    assert found["net_outage"]["state"] == "not noticed"
    assert not score.is_owed()
    weeks = score.weeks(system)
    assert sum(w.faults for w in weeks) == 2 and sum(w.resolved for w in weeks) == 1
    assert {w.detect_s for w in weeks} >= {2.0}


def test_the_page_tells_what_it_is_and_what_it_did_and_only_who_may_changes_it(
    client: Client, system: System
) -> None:
    client.force_login(person("tom"))
    page = client.get("/chaos/mode/").content.decode()
    assert "Nothing was broken by chaos mode yet" in page and "Turn chaos mode on" not in page
    for path in ("/chaos/mode/switch/", "/chaos/mode/change/"):
        assert client.post(path, {"system": "kiosk", "on": "1"}).status_code == 403
    client.force_login(User.objects.create_superuser("mira"))
    form = {
        "system": "kiosk", "every_min": "7", "lasts_s": "90", "most_parts": "2", "most_impact_pct": "50",
        "from_hour": "9", "until_hour": "17", "categories": ["network", "api"],
    }  # fmt: skip
    assert "Saved" in client.post("/chaos/mode/change/", form, follow=True).content.decode()
    row = service.of(system)
    assert (row.every_s, row.most_impact, row.categories) == (420, 0.5, ["network", "api"])
    assert (
        "is no number"
        in client.post("/chaos/mode/change/", form | {"every_min": "x"}, follow=True).content.decode()
    )
    page = client.post("/chaos/mode/switch/", {"system": "kiosk", "on": "1"}, follow=True).content.decode()
    assert "the next fault comes" in page and service.of(system).on
    assert "<html" not in client.get("/chaos/mode/", headers={"HX-Request": "true"}).content.decode()
    assert '<span class="badge warn">on</span>' in client.get("/chaos/").content.decode()
    client.post("/chaos/mode/switch/", {"system": "kiosk", "on": "0"})
    assert not service.of(system).on


def test_the_same_by_api_and_on_the_command_line(client: Client, system: System) -> None:
    user = User.objects.create_superuser("mira")
    told = {}
    for codes in (["chaos.inject_fault"], []):
        secret, _ = tokens.create(user, "test", codes)
        told[len(codes)] = {"content_type": "application/json", "HTTP_AUTHORIZATION": f"Bearer {secret}"}
    body = json.dumps({"on": True, "every_s": 120, "faults": ["api_down"]})
    assert client.post("/api/chaos/mode", body, **told[0]).status_code == 403
    answer = client.post("/api/chaos/mode", body, **told[1])
    assert answer.status_code == 200 and answer.json()["on"] and answer.json()["faults"] == ["api_down"]
    wrong = client.post("/api/chaos/mode", json.dumps({"every_s": 1}), **told[1])
    assert wrong.status_code == 422 and "at the soonest" in wrong.json()["detail"]
    out = StringIO()
    call_command("chaos_mode", "off", "--every", "3", "--hours", "22-6", stdout=out)
    row = service.of(system)
    assert (row.on, row.every_s, row.from_hour, row.until_hour) == (False, 180, 22, 6)
    assert "is off" in out.getvalue()
    with pytest.raises(CommandError, match="FROM-UNTIL"):
        call_command("chaos_mode", "status", "--hours", "soon")


def test_what_is_not_seen_is_no_impact(system: System) -> None:
    show(ago_s=60)
    assert steady.impact(system) == (None, 0.0)


def test_only_who_may_approve_has_something_approved_beforehand(client: Client, system: System) -> None:
    """In the browser and by API alike: neither set so, nor turned on while it is set so."""
    vera = person("vera", "inject_fault")
    client.force_login(vera)
    form = {
        "system": "kiosk", "every_min": "7", "lasts_s": "90", "most_parts": "2", "most_impact_pct": "50",
        "from_hour": "0", "until_hour": "24", "approve": "on",
    }  # fmt: skip
    refused = client.post("/chaos/mode/change/", form, follow=True).content.decode()
    assert "takes the right to approve" in refused and not service.of(system).approve
    secret, _ = tokens.create(User.objects.create_superuser("mira"), "test", ["chaos.inject_fault"])
    by_token: dict[str, Any] = {
        "content_type": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
    }
    assert client.post("/api/chaos/mode", json.dumps({"approve": True}), **by_token).status_code == 403
    service.change(system, "mira", approve=True)
    refused = client.post("/chaos/mode/switch/", {"system": "kiosk", "on": "1"}, follow=True).content.decode()
    assert "takes the right to approve" in refused and not service.of(system).on
    assert client.post("/api/chaos/mode", json.dumps({"on": True}), **by_token).status_code == 403
    assert "Saved" in client.post("/chaos/mode/change/", form, follow=True).content.decode()
    off = {name: value for name, value in form.items() if name != "approve"}
    client.post("/chaos/mode/change/", off)
    client.post("/chaos/mode/switch/", {"system": "kiosk", "on": "1"})
    assert service.of(system).on and not service.of(system).approve
