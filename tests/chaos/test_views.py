"""The chaos panel and the game day table. What a press really breaks is tested with the faults themselves."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from chaos.models import GameDay, GameDayRun, Injection
from chaos.registry import FAULTS
from systems.models import System
from tests.pages import make_incident, make_system, person, show

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


def _past(system: System, **changes: object) -> Injection:
    now = timezone.now()
    values = {"status": "reverted", "reverted_at": now, "reverted_by": "mira", "by": "mira", "deadline": now}
    row = Injection.objects.create(system=system, fault="api_down", **(values | changes))
    Injection.objects.filter(pk=row.pk).update(started_at=now - timedelta(minutes=1))
    return row


def test_a_button_per_fault_with_a_confirm_that_names_the_target(boss: Client, system: System) -> None:
    page = boss.get("/chaos/").content.decode()
    for fault in FAULTS.values():
        assert f'id="press-{fault.id}"' in page
        assert f"Break {', '.join(fault.targets)} in Kiosk?" in page
    assert "ready for a fault" in page
    show(ago_s=60)
    page = boss.get("/chaos/").content.decode()
    assert "ready for a fault" not in page and "is not known" in page


@pytest.mark.parametrize("driver", ["process", "docker"])
def test_what_is_imitated_is_said_where_it_is(
    boss: Client, system: System, tmp_path: Path, driver: str
) -> None:
    """A limit that a supervisor keeps is one; in a container the kernel keeps it."""
    (tmp_path / "site.json").write_text(json.dumps({"driver": driver}))
    text = boss.get("/chaos/").content.decode()
    here = [fault for fault in FAULTS.values() if driver in fault.drivers]
    assert text.count("Imitated: ") == sum(driver in fault.imitated for fault in here)
    assert text.count('id="press-') == len(here)
    assert ("Imitated: without root, the supervisor keeps" in text) == (driver == "process")


def test_no_buttons_without_the_permission(client: Client, system: System) -> None:
    client.force_login(person("tom"))
    page = client.get("/chaos/").content.decode()
    assert "Break it" not in page
    assert "Halt chaos" not in page
    for path in ("/chaos/inject/", "/chaos/halt/"):
        assert client.post(path, {"fault": "api_down", "system": "kiosk"}).status_code == 403


def test_refuses_when_already_sick(boss: Client, system: System) -> None:
    make_incident(system)
    page = boss.post("/chaos/inject/", {"fault": "api_down", "system": "kiosk"}, follow=True).content.decode()
    assert "Refused: the system is already sick" in page
    assert "Let it recover first" in page
    assert not Injection.objects.exists()


def test_unknown_fault_is_refused_with_near_names(boss: Client, system: System) -> None:
    page = boss.post("/chaos/inject/", {"fault": "api_dwn", "system": "kiosk"}, follow=True).content.decode()
    assert "did you mean api_down" in page


def test_history_shows_what_the_agent_made_of_it(boss: Client, system: System) -> None:
    past = Injection.objects.get(pk=_past(system).pk)
    incident = make_incident(system)
    type(incident).objects.update(opened_at=past.started_at + timedelta(seconds=2))
    page = boss.get("/chaos/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert f"#{incident.number}" in page
    assert "2.0 s" in page


def test_the_link_goes_to_the_incident_about_it_not_to_the_newest(boss: Client, system: System) -> None:
    past = _past(system)
    mine = make_incident(system, title="of the fault", summary="of the fault")
    other = make_incident(
        system, fingerprint="b", title="of the post", summary="of the post", component="postgres"
    )
    other.symptoms.update(service="postgres")
    page = boss.get("/chaos/", headers={"HX-Request": "true"}).content.decode()
    assert f'href="/incidents/{mine.number}/"' in page and f'href="/incidents/{other.number}/"' not in page
    mine.delete()
    page = boss.get("/chaos/", headers={"HX-Request": "true"}).content.decode()
    assert "none opened" in page and past.fault == "api_down"


def test_halt_says_when_nothing_runs(boss: Client, system: System) -> None:
    page = boss.post("/chaos/halt/", {"next": "/audit/"}, follow=True)
    assert page.redirect_chain[0][0] == "/audit/"
    assert "No fault is running" in page.content.decode()


def test_game_day_table(boss: Client) -> None:
    assert "No game day yet" in boss.get("/gameday/").content.decode()
    quiet = {"minutes": 10, "changes": 9, "incidents": 0, "actions": 0}
    day = GameDay.objects.create(by="mira", mode="decoys", quiet=quiet, commit="c0ffee")
    idle = GameDay.objects.create(by="mira", mode="decoys", baseline="none", commit="c0ffee")
    usual: dict[str, Any] = {"fault": "api_down", "category": "api", "mode": "decoys", "incident_number": 41}
    for seed, more in enumerate(
        (
            {"fixed": True, "outcome": "fixed", "first_component_ok": True, "confidence": 0.93},
            {"outcome": "harm", "wrong_actions": ["restart-service@redis: nothing was wrong there"]},
            {"outcome": "handed_over_right", "needless_handover": True, "data_lost": {"rows": 2}},
        ),
        1,
    ):
        GameDayRun.objects.create(game_day=day, seed=seed, **(usual | more))
    GameDayRun.objects.create(game_day=idle, seed=1, **usual, outcome="missed")
    page = boss.get("/gameday/", {"day": day.pk}).content.decode()
    for shown in (
        'href="/incidents/41/"', "Component only", "1 of 3 fixed", "with 9 harmless changes", "nothing was wrong there",
        "2 rows", "Needless hand-over", "do nothing", "2 game days of this commit", "0 of 1", "% of runs fixed",
    ):  # fmt: skip
        assert shown in page, shown
