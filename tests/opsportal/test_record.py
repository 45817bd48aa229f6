"""How incidents ended, and how long they took: three numbers, each what the records say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from actions.models import ActionRequest
from chaos.models import Injection
from incidents import facts, lifecycle, timeline
from incidents.memo import memo
from incidents.models import Incident, State, TimelineEvent
from incidents.openings import Opening
from opsportal.pages.record import record
from systems.models import System
from tests.pages import make_incident, make_request, make_system

pytestmark = pytest.mark.django_db
NOW = timezone.now() - timedelta(minutes=10)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    memo.forget()
    yield make_system(tmp_path)
    memo.forget()


_names = itertools.count()


def incident(system: System) -> Incident:
    return make_incident(system, fingerprint=f"f{next(_names)}", state=State.DIAGNOSING)


def at(event: TimelineEvent | None, second: float) -> None:
    assert event is not None
    TimelineEvent.objects.filter(pk=event.pk).update(at=NOW + timedelta(seconds=second))


def act(found: Incident, second: float, **more: Any) -> ActionRequest:
    values = {"status": "succeeded", "run_id": 7, "finished_at": NOW + timedelta(seconds=second)}
    return make_request(found.system, found, **(values | more))


def verdict(found: Incident, second: float, *, recovered: bool, cleared: int = 0) -> None:
    if recovered:
        said = facts.Measured(outcome="recovered", green_since=NOW)
    else:
        said = facts.Measured(outcome="not_recovered", cleared=cleared)
    at(timeline.record(found.pk, said, "Recovered" if recovered else "Not recovered"), second)


def move(found: Incident, to: State, second: float, **said: Any) -> None:
    lifecycle.transition(found.pk, State.VERIFYING)
    at(lifecycle.transition(found.pk, to, facts=facts.Moved(**said)), second)


def shown(client: Client) -> dict[str, int]:
    """The three numbers, as the page has them."""
    client.force_login(User.objects.create_superuser("mira"))
    part = client.get("/").content.decode().split('id="ends"')[1].split("</ul>")[0]
    words = {"repaired": "repaired by the agent", "alone": "recovered alone", "handed": "handed over"}
    rows = part.split("<li")[1:]
    return {
        key: int(next(r for r in rows if text in r).split("<b")[1].split(">")[1].split("<")[0])
        for key, text in words.items()
    }


def test_repaired_is_an_action_of_the_agent_that_was_measured_to_help(client: Client, system: System) -> None:
    found = incident(system)
    act(found, 1)
    verdict(found, 5, recovered=True)
    move(found, State.RESOLVED, 6)
    assert shown(client) == {"repaired": 1, "alone": 0, "handed": 0}


def test_to_watch_on_is_no_verdict(client: Client, system: System) -> None:
    """What was well and watched for longer was told to have recovered alone."""
    found = incident(system)
    act(found, 1)
    at(timeline.record(found.pk, facts.Measured(), "All is well now, and is watched for longer"), 3)
    verdict(found, 5, recovered=True)
    move(found, State.RESOLVED, 6)
    assert shown(client) == {"repaired": 1, "alone": 0, "handed": 0}


def test_what_went_away_by_itself_was_not_repaired(client: Client, system: System) -> None:
    found = incident(system)
    verdict(found, 5, recovered=True)
    move(found, State.RESOLVED, 6)
    assert shown(client) == {"repaired": 0, "alone": 1, "handed": 0}


def test_an_action_that_did_not_help_repaired_nothing(client: Client, system: System) -> None:
    useless = incident(system)
    act(useless, 1)
    verdict(useless, 5, recovered=False)
    verdict(useless, 50, recovered=True)
    move(useless, State.RESOLVED, 51)
    undone = incident(system)
    act(undone, 1, status="rolled_back")
    verdict(undone, 5, recovered=True)
    move(undone, State.RESOLVED, 6)
    assert shown(client) == {"repaired": 0, "alone": 2, "handed": 0}


def test_two_steps_that_each_helped_in_part_are_a_repair(client: Client, system: System) -> None:
    found = incident(system)
    act(found, 1)
    verdict(found, 5, recovered=False, cleared=2)
    act(found, 8, target="api-1")
    verdict(found, 12, recovered=True)
    move(found, State.RESOLVED, 13)
    assert shown(client) == {"repaired": 1, "alone": 0, "handed": 0}


def test_what_people_got_is_theirs_whoever_mended_it(client: Client, system: System) -> None:
    given = incident(system)
    act(given, 1)
    verdict(given, 5, recovered=False)
    move(given, State.HANDED_OVER, 6)
    over = incident(system)
    act(over, 1)
    verdict(over, 5, recovered=True)
    move(over, State.HANDED_OVER, 6)
    at(lifecycle.transition(over.pk, State.RESOLVED), 60)
    theirs = incident(system)
    act(theirs, 1, run_id=None, requested_by="mira")
    verdict(theirs, 5, recovered=True)
    move(theirs, State.RESOLVED, 6)
    closed = incident(system)
    move(closed, State.RESOLVED, 6, person=True)
    assert shown(client) == {"repaired": 0, "alone": 0, "handed": 4}


def test_open_ones_have_not_ended(client: Client, system: System) -> None:
    incident(system)
    assert shown(client) == {"repaired": 0, "alone": 0, "handed": 0}


def test_times_count_from_the_press_of_the_fault_it_is_about(client: Client, system: System) -> None:
    """A press without an incident of its own does not lengthen the times of others."""

    def stamp(found: Incident, opened: datetime) -> None:
        Incident.objects.filter(pk=found.pk).update(
            started_at=opened, opened_at=opened, resolved_at=opened + timedelta(seconds=30), state="resolved"
        )

    def press(fault: str, when: datetime) -> None:
        row = Injection.objects.create(system=system, fault=fault, by="mira", deadline=NOW)
        Injection.objects.filter(pk=row.pk).update(started_at=when)

    press("cache_poisoning", NOW)
    press("api_down", NOW + timedelta(seconds=20))
    stamp(incident(system), NOW + timedelta(seconds=24))
    client.force_login(User.objects.create_superuser("mira"))
    page = client.get("/").content.decode()
    assert "4.0 s" in page.split("Time to detect, median")[1][:120]
    assert "34 s" in page.split("Time to recover, median")[1][:120]


def test_of_one_that_came_back_each_time_counts(client: Client, system: System) -> None:
    """Two faults by its own times, and how it ended the last time."""
    found = incident(system)
    act(found, 5)
    verdict(found, 8, recovered=True)
    move(found, State.RESOLVED, 9)
    again = NOW + timedelta(seconds=100)
    first = Opening(
        started_at=NOW, opened_at=NOW + timedelta(seconds=4), resolved_at=NOW + timedelta(seconds=14)
    )
    Incident.objects.filter(pk=found.pk).update(
        started_at=again, opened_at=again + timedelta(seconds=2), resolved_at=again + timedelta(seconds=22),
        openings=[first],
    )  # fmt: skip
    assert shown(client) == {"repaired": 0, "alone": 1, "handed": 0}
    told = record(system)
    assert (told["total"], told["d50"], told["r50"]) == (1, 3.0, 18.0)  # of 4 and 2, and of 14 and 22
