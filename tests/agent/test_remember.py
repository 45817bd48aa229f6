"""What a closed incident teaches: only what an action of ours cured, and what was measured all the while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agent import remember
from incidents import evidence
from incidents.evidence import Picture, SignalState
from incidents.models import Incident, Symptom
from knowledge.models import Lesson
from systems.models import System
from tests import runbooks

pytestmark = pytest.mark.django_db
CURE = {"key": "db:long_transaction", "component": "db", "cause": "long_transaction"}
CURE |= {"title": "t", "helped": True, "did": []}


@pytest.fixture
def incident() -> Incident:
    runbooks.load()
    system = System.objects.create(slug="kept", title="Kept", manifest_path="/nowhere")
    began = timezone.now() - timedelta(minutes=1)
    found = Incident.objects.create(
        system=system, fingerprint="db", title="slow", severity="high", started_at=began, opened_at=began,
        component="db", cause="long_transaction", repairs=[CURE],
    )  # fmt: skip
    Symptom.objects.create(
        system=system, incident=found, signal="pg_idle_in_tx", service="db", severity="high", title="idle",
        first_seen=began, last_seen=began, opens=True,
    )  # fmt: skip
    before, after = began - timedelta(minutes=5), began + timedelta(seconds=5)

    def state(signal: str, value: bool | None, since: object) -> SignalState:
        return SignalState(signal, "db", "", value, 0.0, "", since, "metric")  # type: ignore[arg-type]

    evidence.write(
        "kept",
        Picture(
            timezone.now(),
            states=[
                state("pg_long_transaction", False, before),
                state("pg_blocked", False, after),
                state("pg_idle_in_tx", False, after),
                state("pg_dead_tuples", None, before),
                state("cpu_hot", False, before),
            ],
        ),
    )
    return found


def test_what_was_measured_all_the_while_and_never_held_is_an_absence(incident: Incident) -> None:
    remember.case(incident.pk, recovered=True, acted=["kill-session on db"], green_since=timezone.now())
    lesson = Lesson.objects.get()
    assert lesson.signals == [["pg_idle_in_tx", "db"]]
    assert lesson.absent == [["pg_long_transaction", "db"]]
    assert lesson.recovered
    assert lesson.seconds_to_repair is not None and 55 < lesson.seconds_to_repair < 120


@pytest.mark.parametrize("how", ["by itself", "a person says", "two at once"])
def test_what_nobody_can_be_sure_of_teaches_nothing(incident: Incident, how: str) -> None:
    if how == "a person says":
        incident.closing_note, incident.closed_by = "it was the disk", "ada"
    elif how == "two at once":
        incident.repairs = [CURE, {**CURE, "key": "db:other", "cause": "other"}]
    incident.save()
    remember.case(incident.pk, recovered=how != "by itself")
    lesson = Lesson.objects.get()
    assert not lesson.recovered
    assert lesson.absent == []
