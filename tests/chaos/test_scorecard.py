"""The scorecard on records made by hand, and the game day's own eyes."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from actions.models import ActionRequest, Decision
from chaos.faults.base import Fault
from chaos.gameday import answers, grading, measure, recorded
from chaos.gameday.grading import Record
from chaos.gameday.measure import Eyes, Measurement
from chaos.models import Injection
from chaos.registry import FAULTS
from chaos.scorecard import Row, about
from incidents import facts, timeline
from incidents.models import Incident, Symptom, TimelineEvent
from incidents.openings import Opening
from systems.models import ChangeRow, System

NOW = timezone.now()
AUTH = FAULTS["db_auth_failure"]


@pytest.fixture
def system(db: None, tmp_path: Path) -> System:
    return System.objects.create(slug="shop", title="Shop", manifest_path=str(tmp_path / "manifest.yaml"))


def incident(system: System, component: str, cause: str, after_s: float = 2.0) -> Incident:
    made = Incident.objects.create(
        system=system,
        fingerprint=uuid.uuid4().hex,
        title="x",
        started_at=NOW,
        component=component,
        cause=cause,
    )
    Incident.objects.filter(pk=made.pk).update(opened_at=NOW + timedelta(seconds=after_s))
    return made


def symptom(of: Incident, service: str, **more: Any) -> Incident:
    Symptom.objects.create(
        system=of.system,
        incident=of,
        signal=f"x-{of.pk}",
        service=service,
        title=f"{service} is not well",
        first_seen=NOW,
        last_seen=NOW,
        **more,
    )
    return of


def action(system: System, target: str, slug: str = "restart-service", **more: Any) -> ActionRequest:
    values = {"status": "succeeded", "risk": "low", "digest": "x", "requested_by": "agent", "claimed_at": NOW}
    return ActionRequest.objects.create(system=system, slug=slug, target=target, **(values | more))


def graded(system: System, fault: Fault = AUTH) -> Row:
    row = Row(fault.id, fault.category, 1)
    found = recorded.record(fault, system, NOW - timedelta(seconds=1))
    grading.grade(row, found, answers.key_of(fault, {}))
    return row


def test_nothing_noticed(system: System):
    row = graded(system)
    assert (row.detected, row.detect_s, row.component_ok, row.cause_ok) == (False, None, False, False)


def test_the_right_component_and_cause(system: System):
    incident(system, "postgres", "app_credentials_mismatch")
    row = graded(system)
    assert (row.detected, row.detect_s, row.component_ok, row.cause_ok) == (True, 3.0, True, True)
    assert row.note == "postgres:app_credentials_mismatch"


@pytest.mark.parametrize(
    ("component", "cause", "right"),
    [
        ("api", "app_credentials_mismatch", (False, True)),
        ("postgres", "down", (True, False)),
        ("", "", (False, False)),
    ],
)
def test_half_right_is_not_right(system: System, component: str, cause: str, right: tuple[bool, bool]):
    symptom(incident(system, component, cause), "postgres")
    row = graded(system)
    assert (row.component_ok, row.cause_ok) == right


def test_component_and_cause_must_stand_in_one_incident(system: System):
    incident(system, "postgres", "down")
    incident(system, "api", "app_credentials_mismatch")
    row = graded(system)
    assert not (row.component_ok and row.cause_ok)


def test_what_was_before_the_injection_does_not_count(system: System):
    incident(system, "postgres", "app_credentials_mismatch", after_s=-60)
    assert not graded(system).detected


def test_collateral_is_what_no_right_repair_touches(system: System):
    incident(system, "postgres", "app_credentials_mismatch")
    action(system, "postgres", "regenerate-db-creds")
    action(system, "worker")
    action(system, "gateway")
    action(system, "gateway", status="rejected")
    action(system, "redis", "warm-cache")
    assert graded(system).collateral == ["restart-service@gateway"]


def test_under_restraint_every_action_is_collateral(system: System):
    action(system, "api-1")
    assert graded(system, FAULTS["log_errors"]).collateral == ["restart-service@api-1"]


def test_approvals_and_paths_are_counted(system: System):
    number = incident(system, "postgres", "app_credentials_mismatch")
    for seq, data in enumerate([{"what": "taken"}, {"what": "taken"}, {"what": "waits"}], 1):
        TimelineEvent.objects.create(incident=number, seq=seq, kind="plan", title="Plan", data=data)
    risky = action(system, "postgres", "regenerate-db-creds", risk="high")
    Decision.objects.create(request=risky, approved=True, by_policy="game day", digest="x")
    action(system, "worker")
    row = graded(system)
    assert (row.paths, row.approvals) == (2, 1)


# --- which incident is about which injection


def press(system: System, fault: str, after_s: float = 0.0, **more: Any) -> Injection:
    row = Injection.objects.create(system=system, fault=fault, by="mira", deadline=NOW, **more)
    Injection.objects.filter(pk=row.pk).update(started_at=NOW + timedelta(seconds=after_s))
    row.refresh_from_db()
    return row


def matched(system: System, *presses: Injection) -> list[int | None]:
    found = about(system, presses)
    return [found[p.pk].incident.number if p.pk in found else None for p in presses]


def test_neither_the_first_nor_the_newest_but_the_one_about_it(system: System):
    symptom(incident(system, "mailer", "disk_full", 1.0), "mailer")
    mine = symptom(incident(system, "postgres", "app_credentials_mismatch", 4.0), "api-1")
    symptom(incident(system, "redis", "down", 9.0), "redis")
    row = graded(system)
    assert (row.incident_number, row.detect_s) == (mine.number, 5.0)
    assert matched(system, press(system, "db_auth_failure")) == [mine.number]


def test_an_incident_about_something_else_is_none(system: System):
    symptom(incident(system, "mailer", "disk_full"), "mailer")
    symptom(incident(system, "", ""), "mailer")
    row = graded(system)
    assert not row.detected and row.incident_number is None and "something else" in row.note
    assert matched(system, press(system, "db_auth_failure")) == [None]


def test_what_was_open_before_the_press_is_not_about_it(system: System):
    symptom(incident(system, "postgres", "app_credentials_mismatch", -5.0), "postgres")
    assert matched(system, press(system, "db_auth_failure")) == [None]


def test_two_faults_at_once_are_each_timed_by_their_own(system: System):
    base = symptom(incident(system, "postgres", "app_credentials_mismatch", 6.0), "postgres")
    cache = symptom(incident(system, "redis", "cache_poisoned", 3.0), "redis")
    presses = press(system, "db_auth_failure"), press(system, "cache_poisoning", 1.0)
    assert matched(system, *presses) == [base.number, cache.number]


def test_callers_symptoms_count_until_there_is_a_diagnosis(system: System):
    Path(system.manifest_path).write_text(
        "system: shop\nruntime: {driver: fake}\nservices:\n"
        "  front: {kind: proxy, depends_on: [postgres]}\n  postgres: {kind: postgres}\n  mailer: {kind: http}\n"
    )
    found = symptom(incident(system, "", ""), "front")
    fault = press(system, "db_auth_failure")
    assert matched(system, fault) == [found.number]
    Incident.objects.filter(pk=found.pk).update(component="front", cause="config_drift")
    assert matched(system, fault) == [None], "diagnosed elsewhere, and nothing seen at the target"
    symptom(found, "postgres", label="2")
    assert matched(system, fault) == [found.number]


def test_long_after_it_was_taken_back_nothing_is_about_it(system: System):
    symptom(incident(system, "postgres", "down", 400.0), "postgres")
    ended = NOW + timedelta(seconds=60)
    assert matched(system, press(system, "db_auth_failure", status="reverted", reverted_at=ended)) == [None]
    assert matched(system, press(system, "db_auth_failure", status="failed")) == [None]


# --- the eyes


def looks(*wrong: str) -> Eyes:
    return Eyes(lambda: "", seen=[Measurement(float(i), w) for i, w in enumerate(wrong)])


def test_green_counts_from_the_last_bad_look():
    assert looks("", "bad", "", "").green_since(0) == 2.0
    assert looks("", "", "bad").green_since(0) is None
    assert looks("", "", "").green_since(1) == 1.0
    assert looks().green_since(0) is None


def test_breaking_and_what_was_wrong_last():
    eyes = looks("", "one", "", "two", "")
    assert eyes.broke(0)
    assert not eyes.broke(4)
    assert eyes.last_wrong() == "two"


def test_eyes_see_recovery_and_survive_a_look_that_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "LOOK_S", 0.01)
    answers = iter(["bad", ZeroDivisionError("blind"), "bad"])
    looked = threading.Event()

    def look() -> str:
        answer = next(answers, "")
        if answer == "":
            looked.set()
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    with Eyes(look) as eyes:
        assert looked.wait(20)
        since = eyes.wait_green(0, 0.05, 20)
    assert since is not None
    assert [m.wrong for m in eyes.seen[:4]] == ["bad", "ZeroDivisionError: blind", "bad", ""]
    assert since == eyes.seen[3].at


def test_no_green_in_time_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "LOOK_S", 0.01)
    with Eyes(lambda: "bad") as eyes:
        assert eyes.wait_green(0, 0.01, 0.2) is None


# --- what the records say


def tell(of: Incident, at: float, kind: str, actor: str = "agent", **data: Any) -> None:
    seq = TimelineEvent.objects.filter(incident=of).count() + 1
    made = TimelineEvent.objects.create(incident=of, seq=seq, kind=kind, title="x", actor=actor, data=data)
    TimelineEvent.objects.filter(pk=made.pk).update(at=NOW + timedelta(seconds=at))


def told(system: System, **more: Any) -> Record:
    return recorded.record(AUTH, system, NOW - timedelta(seconds=1), **more)


def test_the_first_diagnosis_is_the_first_that_was_called_the_cause_of_whichever_incident(system: System):
    other = incident(system, "gateway", "config_drift")
    mine = incident(system, "postgres", "app_credentials_mismatch")
    guess = {"component": "redis", "cause": "down", "probability": 0.4}
    tell(mine, 3, "hypotheses", hypotheses=[guess])
    tell(mine, 6, "hypotheses", hypotheses=[{"component": "postgres", "cause": "down", "probability": 0.7}])
    assert (first := told(system).first) is not None
    assert (first.component, first.cause, first.confidence) == ("postgres", "down", 0.7)
    tell(other, 5, "hypotheses", hypotheses=[{"component": "gateway", "cause": "x", "probability": 0.9}])
    assert (first := told(system).first) is not None and first.component == "gateway"
    assert (first := told(system, alone=False).first) is not None and first.component == "postgres"


def test_what_a_hand_over_names_and_when_the_product_said_it_was_over(system: System):
    mine = symptom(incident(system, "", ""), "postgres")
    assert told(system).handed_over is None
    tell(mine, 7, "handover", findings=[{"component": "postgres", "cause": "down", "probability": 0.3}])
    said = told(system).handed_over
    assert said is not None and (said.component, said.cause, said.confidence) == ("postgres", "", None)
    tell(mine, 8, "verify", outcome="not_recovered")
    tell(mine, 9, "state", **{"from": "handed_over", "to": "resolved", "merged_into": 7})
    tell(mine, 9, "state", actor="game day", **{"from": "handed_over", "to": "resolved"})
    assert told(system).recovered == []
    tell(mine, 10, "verify", outcome="recovered")
    assert told(system).recovered == [(NOW + timedelta(seconds=10)).timestamp()]


def test_an_effect_says_what_it_cost_and_which_change_it_took_back(system: System):
    change = ChangeRow.objects.create(
        system=system,
        component="postgres",
        kind="role",
        what="app",
        last_old=NOW,
        first_new=NOW,
        source="pg",
        words="x",
    )
    action(
        system, "postgres", "revert-change", params={"change": str(change.pk)}, effects=["revert:x", "restart:api-1"],
        result={"lost": {"sessions": 2}}, preview={"undoable": True},
    )  # fmt: skip
    failed = action(system, "redis", status="failed")
    action(system, "redis", undo_of=failed)
    reverted, restarted = told(system).acts
    assert (reverted.interrupts, reverted.lost, reverted.undoable) == ({"api-1"}, {"sessions": 2}, True)
    assert reverted.takes_back is not None and reverted.takes_back.what == "app"
    assert (restarted.happened, restarted.undone, restarted.undoable) == (False, True, False)


def test_the_same_fault_twice_is_one_incident_and_each_press_has_its_own_time(system: System):
    mine = symptom(incident(system, "postgres", "app_credentials_mismatch", 62.0), "postgres")
    over = {"status": Injection.Status.REVERTED, "reverted_at": NOW + timedelta(seconds=35)}
    presses = [press(system, "db_auth_failure", **over), press(system, "db_auth_failure", 60.0)]
    times = [NOW + timedelta(seconds=s) for s in (0, 3.0, 30.0)]
    before = Opening(started_at=times[0], opened_at=times[1], resolved_at=times[2])
    Incident.objects.filter(pk=mine.pk).update(openings=[before], started_at=NOW + timedelta(seconds=61))
    said = [timeline.record(mine.pk, facts.HandedOver(why="x", findings=[]), "Handed over")]
    TimelineEvent.objects.filter(pk=said[0].pk).update(at=times[2])
    found = about(system, presses)
    opened = [found[p.pk].opening.opened_at - NOW for p in presses]
    assert opened == [timedelta(seconds=3), timedelta(seconds=62)]
    assert [found[p.pk].incident for p in presses] == [mine, mine]
    second = recorded.record(AUTH, system, NOW + timedelta(seconds=60))
    assert (second.incident, second.opened_at) == (mine.pk, (NOW + timedelta(seconds=62)).timestamp())
    assert second.handed_over is None  # that was the time before
