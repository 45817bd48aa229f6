"""What a person does with an incident, by page and API: with rights, told on the timeline, audited."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from actions.models import ActionRequest, AuditEntry, Status
from agent import journal
from agent import service as agent
from agent.models import Run
from incidents import people, service, timeline
from incidents.facts import Noted
from incidents.models import Incident, State, Symptom
from opsportal import tokens
from systems.models import System
from tests.pages import make_incident, make_request, make_system, person

pytestmark = pytest.mark.django_db
RESPOND = "respond_incident"


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


@pytest.fixture
def incident(system: System) -> Incident:
    return make_incident(system)


class Doors:
    """The same act by page and by API, as one person."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.browser, self.program = Client(), Client()
        self.browser.force_login(user)
        self.token, _ = tokens.create(user, "test", ["incidents.view_incident", "incidents.respond_incident"])

    def page(self, number: int, verb: str, **given: Any) -> str:
        answer = self.browser.post(f"/incidents/{number}/do/{verb}", given, follow=True)
        return str(answer.status_code) if answer.status_code >= 400 else answer.content.decode()

    def api(self, number: int, verb: str, **given: Any) -> tuple[int, Any]:
        answer = self.program.post(
            f"/api/incidents/{number}/{verb}",
            json.dumps(given),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        return answer.status_code, answer.json()


@pytest.fixture
def mira() -> Doors:
    return Doors(person("mira", RESPOND, "view_incident"))


def audited(number: int) -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(incident=number, verb__startswith="incident.").order_by("seq")
    return [(e.actor, e.verb) for e in found]


def now(incident: Incident) -> Incident:
    return Incident.objects.get(pk=incident.pk)


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("resolve", {"note": "x"}),
        ("merge", {"into": 2}),
        ("assign", {"to": ""}),
        ("severity", {"severity": "low"}),
        ("reopen", {"note": "x"}),
    ],
)
def test_without_the_right_neither_door_opens(incident: Incident, verb: str, given: dict[str, Any]) -> None:
    tom = person("tom", "view_incident")
    browser = Client()
    browser.force_login(tom)
    assert browser.post(f"/incidents/{incident.pk}/do/{verb}", given).status_code == 403
    token, _ = tokens.create(tom, "test", ["incidents.view_incident"])
    answer = Client().post(
        f"/api/incidents/{incident.pk}/{verb}",
        json.dumps(given),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 403
    assert f"/do/{verb}" not in browser.get(f"/incidents/{incident.pk}/").content.decode()
    assert (now(incident).state, audited(incident.pk)) == (State.DIAGNOSING, [])


def test_resolving_takes_the_cause_ends_the_run_and_withdraws_what_waits(
    mira: Doors, incident: Incident, django_capture_on_commit_callbacks: Any
) -> None:
    waiting = make_request(incident.system, incident)
    run = journal.start(incident.pk)
    assert "say what the cause was" in mira.page(incident.pk, "resolve", note="  ")
    assert now(incident).is_open and audited(incident.pk) == []
    Run.objects.update(due_at=timezone.now() + timedelta(hours=1))
    with django_capture_on_commit_callbacks(execute=True):
        page = mira.page(incident.pk, "resolve", note="A cable was loose; I pushed it in")
    assert "Resolved by mira" in page
    closed = now(incident)
    assert closed.state == State.RESOLVED and closed.resolved_at is not None
    waiting.refresh_from_db()
    assert (waiting.status, "resolved by mira" in waiting.status_why) == (Status.CANCELLED, True)
    assert audited(incident.pk) == [("mira", "incident.resolved")]
    told = closed.events.get(kind="state", data__to="resolved")
    assert (told.actor, told.data["note"]) == ("mira", "A cable was loose; I pushed it in")
    why = " ".join(s.text for s in closed.postmortem.sections.why)
    assert "as mira says: A cable was loose" in why and "90" not in why, (
        "who mended it knows, whatever was thought"
    )
    assert "A cable was loose" in mira.browser.get("/incidents/").content.decode()
    assert (closed.verdict.confidence, closed.verdict.diagnosis) == (None, "")
    assert run is not None and Run.objects.get(pk=run.pk).due_at <= timezone.now(), "the run is told to end"
    code, answer = mira.api(incident.pk, "resolve", note="again")
    assert code == 409 and "resolved already" in answer["detail"]


def test_what_is_under_way_is_waited_for(mira: Doors, incident: Incident) -> None:
    make_request(incident.system, incident, status=Status.RUNNING)
    code, answer = mira.api(incident.pk, "resolve", note="done")
    assert code == 409 and "is running: wait" in answer["detail"]
    ActionRequest.objects.all().delete()
    Incident.objects.update(state=State.ACTING)
    code, answer = mira.api(incident.pk, "resolve", note="done")
    assert code == 409 and "take it over first" in answer["detail"]
    assert now(incident).is_open and audited(incident.pk) == []


def test_merging_moves_the_symptoms_and_closes_the_other(
    mira: Doors, system: System, incident: Incident
) -> None:
    other = make_incident(system, fingerprint="other", severity="critical", summary="the gateway is ill")
    waiting = make_request(system, other)
    code, answer = mira.api(other.pk, "merge", into=incident.pk, note="one cable")
    assert (code, answer["state"], answer["merged_into"]) == (200, "resolved", incident.pk)
    assert incident.symptoms.count() == 2 and not other.symptoms.exists()
    assert now(incident).severity == "critical"
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    assert audited(other.pk) == [("mira", "incident.merged")]
    assert incident.events.filter(data__merged=other.pk, actor="mira").exists()
    page = mira.browser.get(f"/incidents/{other.pk}/").content.decode()
    assert f"Merged into #{incident.pk}" in page and f'href="/incidents/{incident.pk}/"' in page
    assert (
        f"#{other.pk}</a> merged into it" in mira.browser.get(f"/incidents/{incident.pk}/").content.decode()
    )
    code, answer = mira.api(other.pk, "reopen", note="no")
    assert code == 409 and f"#{incident.pk}" in answer["detail"]


def test_an_incident_beside_another_names_it_on_its_page(mira: Doors, incident: Incident) -> None:
    symptom = incident.symptoms.first()
    assert symptom is not None
    with transaction.atomic():
        other = service.open_beside(incident, [symptom])
        timeline.record(incident.pk, Noted(beside=other.pk), "Another trouble")
    page = mira.browser.get(f"/incidents/{incident.pk}/").content.decode()
    assert f'told apart from <a href="/incidents/{other.pk}/">#{other.pk}</a>' in page


def test_after_a_merge_new_signs_of_that_part_join_the_one_that_goes_on(
    mira: Doors, system: System, incident: Incident
) -> None:
    other = make_incident(system, fingerprint="other")
    assert "Merged" in mira.page(other.pk, "merge", into=f"#{incident.pk}")
    at = timezone.now()
    fresh = Symptom.objects.create(
        system=system, signal="new", service="gateway", title="worse", first_seen=at, last_seen=at
    )
    joined = service.open_or_join(system.pk, "other", [fresh])
    assert joined is not None and joined.pk == incident.pk
    stale = Symptom.objects.get(pk=incident.symptoms.first().pk)  # type: ignore[union-attr]
    stale.incident_id = other.pk  # as the watcher still has it in memory
    before = other.events.count()
    service.note_cleared([stale])
    assert incident.events.filter(kind="cleared").exists() and other.events.count() == before


@pytest.mark.parametrize("into", ["0", "x", "99", "", "²", "9" * 30])
def test_merging_into_nothing_is_said(mira: Doors, incident: Incident, into: str) -> None:
    assert re.search("no such incident|say the number", mira.page(incident.pk, "merge", into=into))
    assert now(incident).is_open


def test_merging_only_within_a_system_and_not_with_itself_nor_a_closed_one(
    mira: Doors, system: System, incident: Incident
) -> None:
    abroad = make_incident(System.objects.create(slug="b", title="B", manifest_path="/x"))
    closed = make_incident(system, fingerprint="c", state=State.RESOLVED, resolved_at=timezone.now())
    for into, why in ((abroad, "different systems"), (incident, "itself"), (closed, "resolved already")):
        code, answer = mira.api(incident.pk, "merge", into=into.pk)
        assert code == 409 and why in answer["detail"]
    assert now(incident).is_open and audited(incident.pk) == []


def test_assigning_and_the_race_for_it(mira: Doors, incident: Incident) -> None:
    tom = person("tom", RESPOND)
    person("eve")
    code, answer = mira.api(incident.pk, "assign", to="tom")
    assert (code, answer["owner"]) == (200, "tom")
    assert not now(incident).agent_stopped, "the agent goes on"
    assert audited(incident.pk) == [("mira", "incident.assigned")]
    for name, why in (("eve", "may not respond"), ("nobody-at-all", "nobody called"), ("tom", "already")):
        code, answer = mira.api(incident.pk, "assign", to=name)
        assert code == 409 and why in answer["detail"]

    def meanwhile(act: people.Act) -> None:
        Incident.objects.filter(pk=act.incident.pk).update(owner=None)

    people.on_act.append(meanwhile)
    try:
        code, answer = mira.api(incident.pk, "assign", to="mira")
    finally:
        people.on_act.remove(meanwhile)
    assert code == 409 and "somebody else has changed" in answer["detail"]
    assert now(incident).owner == tom, "all of it is undone"
    assert "tom is on it" in mira.browser.get(f"/incidents/{incident.pk}/").content.decode()


def test_a_severity_that_was_said_stays(mira: Doors, incident: Incident) -> None:
    code, answer = mira.api(incident.pk, "severity", severity="low", note="only the copy in the lab")
    assert (code, answer["severity"], answer["severity_by"]) == (200, "low", "mira")
    Incident.objects.update(cause="")
    incident.symptoms.update(severity="critical")
    service.refresh_head(now(incident))
    assert now(incident).severity == "low"
    assert audited(incident.pk) == [("mira", "incident.severity")]
    assert mira.api(incident.pk, "severity", severity="awful")[0] == 422
    assert "severity is one of" in mira.page(incident.pk, "severity", severity="awful")


def test_opening_again_for_oneself_or_for_the_agent(mira: Doors, system: System, incident: Incident) -> None:
    incident.symptoms.update(cleared_at=timezone.now() - timedelta(minutes=1))
    mira.api(incident.pk, "resolve", note="gone")
    code, answer = mira.api(incident.pk, "reopen", note="")
    assert code == 409
    assert "Opened again" in mira.page(incident.pk, "reopen", note="it is back at night", to="me")
    found = now(incident)
    assert (found.state, found.owner, found.resolved_at, found.reopened) == (
        "handed_over",
        mira.user,
        None,
        1,
    )
    agent.sweep()
    assert now(incident).is_open, "somebody has it: calm does not close it"
    mira.api(incident.pk, "resolve", note="the second cause: a timer")
    assert now(incident).postmortem.version == 2
    code, answer = mira.api(incident.pk, "reopen", note="look again", to="agent")
    assert (code, answer["state"], answer["reopened"]) == (200, "diagnosing", 2)
    assert (answer["flaps"], answer["reopened_at"] is None) == (0, False)  # it did not come back by itself
    assert Run.objects.filter(incident=incident).exclude(phase="done").count() == 1
    assert [v for _, v in audited(incident.pk)] == [
        "incident.resolved",
        "incident.reopened",
        "incident.resolved",
        "incident.reopened",
    ]
    assert mira.api(incident.pk, "reopen", note="x")[0] == 409


def test_opening_again_beside_an_open_one_says_which(mira: Doors, system: System, incident: Incident) -> None:
    mira.api(incident.pk, "resolve", note="gone")
    newer = make_incident(system)
    code, answer = mira.api(incident.pk, "reopen", note="it is back")
    assert code == 409 and f"#{newer.pk}" in answer["detail"]
    assert not now(incident).is_open
    system.agent_on = False
    system.save()
    newer.delete()
    code, answer = mira.api(incident.pk, "reopen", note="it is back", to="agent")
    assert code == 409 and "only watches" in answer["detail"]


@pytest.mark.parametrize("state", [State.DETECTING, State.ACTING, State.WAITING, State.HANDED_OVER])
def test_whatever_state_it_was_left_in_a_person_can_take_and_close_it(
    mira: Doors, incident: Incident, state: State
) -> None:
    """Also when no run of the agent is left to move it on."""
    Incident.objects.update(state=state)
    mira.browser.post(f"/incidents/{incident.pk}/agent", {"do": "take"})
    assert (now(incident).state, now(incident).owner) == (State.HANDED_OVER, mira.user)
    assert mira.api(incident.pk, "resolve", note="done")[0] == 200


def test_where_the_agent_only_watches_what_is_over_is_closed(system: System, incident: Incident) -> None:
    System.objects.update(agent_on=False)
    Incident.objects.update(state=State.HANDED_OVER)
    agent.sweep()
    assert now(incident).is_open, "its symptom holds"
    incident.symptoms.update(cleared_at=timezone.now() - timedelta(minutes=1))
    agent.sweep()
    assert not now(incident).is_open


def test_nobody_but_a_person_brings_a_resolved_one_back(mira: Doors, incident: Incident) -> None:
    mira.api(incident.pk, "resolve", note="gone")
    mira.browser.post(f"/incidents/{incident.pk}/agent", {"do": "give"})
    assert now(incident).state == State.RESOLVED


def test_the_api_describes_them(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    paths = client.get("/api/openapi.json").json()["paths"]
    for verb in ("resolve", "merge", "assign", "severity", "reopen"):
        assert paths[f"/api/incidents/{{number}}/{verb}"]["post"]["summary"]
