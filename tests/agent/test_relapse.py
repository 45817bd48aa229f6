"""The recurrence that matters: how long it once seemed to be over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agent import relapse
from incidents.models import Incident, Symptom
from incidents.picture import Picture
from incidents.service import note_cleared, open_or_join
from incidents.signals import SignalState
from systems.models import System

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Told = list[tuple[int, str, bool]]  # (second, service, whether it is ill from then on)


def tell(told: Told, monkeypatch: pytest.MonkeyPatch) -> Incident:
    """An incident in which these came and went, as detection tells it."""
    system = System.objects.create(slug="flaps", title="Flaps", manifest_path="/nowhere/manifest.yaml")
    rows: dict[str, Symptom] = {}
    incident: Any = None
    for second, name, ill in told:
        at = BEGAN + timedelta(seconds=second)
        monkeypatch.setattr("django.utils.timezone.now", lambda at=at: at)
        if name not in rows:
            rows[name] = Symptom.objects.create(
                system=system, signal="http_unreachable", service=name, first_seen=at, last_seen=at
            )
        row = rows[name]
        row.cleared_at = None if ill else at
        row.save()
        if ill:
            incident = open_or_join(system.pk, "part", [row])
        else:
            note_cleared([row])
    assert isinstance(incident, Incident)
    return incident


def test_signs_that_take_turns_while_the_fault_stays_are_no_recurrence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: Told = [(0, "a", True), (0, "b", True)]
    for n in range(4):
        told += [(40 * n + 10, "a", False), (40 * n + 20, "a", True)]
        told += [(40 * n + 30, "b", False), (40 * n + 40, "b", True)]
    incident = tell(told, monkeypatch)
    assert relapse.longest_gap(incident, [], None) == 0
    dead = [("w", BEGAN), ("w", BEGAN + timedelta(seconds=31))]
    assert relapse.longest_gap(incident, dead, None) == 31, "deaths of one process count as before"


def test_a_limit_that_cannot_be_read_is_neither_back_nor_still_changed() -> None:
    system = System.objects.create(slug="cap", title="Cap", manifest_path="/nowhere/manifest.yaml")
    incident = Incident.objects.create(system=system, fingerprint="c", title="c", started_at=BEGAN)
    row = incident.symptoms.create(
        system=system,
        signal="limit_changed",
        service="redis",
        title="1 MB is little",
        first_seen=BEGAN,
        last_seen=BEGAN,
    )

    def said(value: bool | None) -> list[str]:
        state = SignalState("limit_changed", "redis", "", value, 1.0, "", BEGAN, "state")
        return relapse.limits_changed(incident, Picture(BEGAN, states=[state]))

    assert said(True) == ["what may have caused them is not: 1 MB is little"]
    unknown = [
        "whether what may have caused them is gone is not known, it cannot be read now: 1 MB is little"
    ]
    assert said(None) == unknown
    row.cleared_at, row.given_up = BEGAN, True
    row.save()
    assert (said(None), said(False)) == (unknown, [])
    assert not relapse.is_calm(incident, Picture(), 0), "nobody looks"


def test_what_went_quiet_together_counts_as_long_as_it_was_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    told: Told = [(0, "a", True), (0, "b", True), (5, "a", False), (8, "b", False)]
    told += [(34, "b", True), (40, "b", False), (50, "a", True), (60, "a", False)]
    incident = tell(told, monkeypatch)
    assert relapse.longest_gap(incident, [], None) == 26
    assert relapse.longest_gap(incident, [], BEGAN + timedelta(seconds=33)) == 0, (
        "it had not come back by then"
    )


def ran(system: System, began: datetime, told: Sequence[tuple[float, float]]) -> None:
    """Runs of a journey: (seconds after `began`, 1 = it went well)."""
    rows = [(system.pk, began + timedelta(seconds=s), "a", "journey.ok", "buy", ok, "") for s, ok in told]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into systems_reading (system_id, at, service, metric, label, value, text)"
            " values (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


def test_the_failed_runs_of_the_incident_before_say_nothing_of_this_one() -> None:
    """The last one was over ten seconds ago; a journey that failed then, was well, and now fails each time."""
    system = System.objects.create(slug="soon", title="Soon", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    told = [(-12, 0), (-9, 1), (-6, 1), (-3, 1), (0, 0), (2, 0)]
    ran(system, began, told)
    incident = Incident.objects.create(system=system, fingerprint="f", title="f", started_at=began)
    effect = began + timedelta(seconds=3)
    assert [p.failed for p in relapse.proofs(incident, relapse.Done(effect))] == [3], (
        "as if it had been one trouble"
    )
    Incident.objects.create(
        system=system, fingerprint="e", title="e", state="resolved",
        started_at=began - timedelta(seconds=30), resolved_at=began - timedelta(seconds=8),
    )  # fmt: skip
    assert relapse.proofs(incident, relapse.Done(effect)) == []


def test_what_failed_each_time_and_went_away_by_itself_is_watched_for_longer() -> None:
    """One of two replicas refused everybody: six runs met it, five the other one, and all was said to be well."""
    system = System.objects.create(slug="half", title="Half", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    told = [0.0] * 6 + [1.0] * 5
    ran(system, began, [(2 * n, ok) for n, ok in enumerate(told)])
    incident = Incident.objects.create(system=system, fingerprint="h", title="h", started_at=began)
    (alone,) = relapse.proofs(incident)
    assert (alone.clean, alone.needed) == (5, 12)
    assert relapse.proofs(incident, relapse.Done(began + timedelta(seconds=11))) == [], (
        "it ended with what was done"
    )


def test_a_failed_run_that_tells_nothing_does_not_count() -> None:
    system = System.objects.create(slug="soon", title="Soon", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    ran(system, began, [(0, 0), (2, 1), (4, 0), (9, 1), (12, 0), (15, 1)])
    incident = Incident.objects.create(system=system, fingerprint="f", title="f", started_at=began)
    effect = began + timedelta(seconds=5)
    (proof,) = relapse.proofs(incident, relapse.Done(effect))
    assert (proof.failed, proof.clean) == (2, 1)
    (proof,) = relapse.proofs(incident, relapse.Done(effect), lambda at, text: at > effect)
    assert (proof.failed, proof.clean) == (2, 2), "not for well either"


def test_a_run_that_is_well_while_it_is_acted_tells_nothing_of_how_often_it_failed() -> None:
    """Two replicas are started one after the other: with the first of them a visitor is served again."""
    system = System.objects.create(slug="two", title="Two", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    ran(system, began, [(0, 0), (3, 1), (6, 1)])
    incident = Incident.objects.create(system=system, fingerprint="t", title="t", started_at=began)
    begun, effect = began + timedelta(seconds=2), began + timedelta(seconds=4)
    assert relapse.proofs(incident, relapse.Done(effect, begun)) == []
    (proof,) = relapse.proofs(incident, relapse.Done(effect))
    assert (proof.failed, proof.runs) == (1, 2), "as if it had failed now and then"
    (proof,) = relapse.proofs(incident, relapse.Done(effect, began + timedelta(seconds=3.5)))
    assert proof.runs == 2, "what was well before anything was done was well by itself"


def test_what_failed_before_another_cause_was_mended_tells_nothing_of_the_rest() -> None:
    """All runs failed, then those for another cause were mended; of the rest each run fails until it is mended too."""
    system = System.objects.create(slug="rest", title="Rest", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    ran(system, began, [(0, 0), (2, 0), (4, 1), (6, 1), (8, 0), (10, 0), (13, 1)])
    incident = Incident.objects.create(system=system, fingerprint="r", title="r", started_at=began)
    first, begun, effect = (began + timedelta(seconds=s) for s in (3, 11, 12))
    assert relapse.proofs(incident, relapse.Done(effect, begun, first)) == []
    (proof,) = relapse.proofs(incident, relapse.Done(effect, begun))
    assert (proof.failed, proof.runs) == (4, 6)
    (proof,) = relapse.proofs(incident, relapse.Done(effect, begun, effect))
    assert proof.runs == 6, "where none failed since, all count"


@pytest.mark.parametrize("straggler", [21, 41])
def test_one_failure_after_what_was_done_before_is_no_fault_that_fails_each_time(straggler: int) -> None:
    """One in six fails. It just did not while the second attempt was got ready, and what failed at 21 s had begun
    before the first attempt."""
    system = System.objects.create(slug="seldom", title="Seldom", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    ran(system, began, [(n, int(n % 6 > 0 if n < 20 else n != straggler)) for n in range(50)])
    incident = Incident.objects.create(system=system, fingerprint="s", title="s", started_at=began)
    first, begun, effect = (began + timedelta(seconds=s) for s in (20, 38, 40))
    (proof,) = relapse.proofs(incident, relapse.Done(effect, begun, first))
    assert proof.needed > 20 and proof.failed >= 4


def test_what_was_proven_to_be_over_is_not_proven_again_for_what_is_tidied_up_after_it() -> None:
    """Of three runs one failed; after the repair enough went well, and then what was left lying is taken up."""
    system = System.objects.create(slug="tidy", title="Tidy", manifest_path="/nowhere/manifest.yaml")
    began = timezone.now()
    ran(system, began, [(0, 0), (2, 1), (4, 1), *((n, 1) for n in range(6, 60))])
    incident = Incident.objects.create(system=system, fingerprint="t", title="t", started_at=began)
    begun, proven, tidied = (began + timedelta(seconds=s) for s in (5, 50, 55))
    assert relapse.proofs(incident, relapse.Done(tidied, begun, None, proven)) == []
    assert relapse.proofs(incident, relapse.Done(tidied, begun))
    ran(system, began, [(62, 0), (63, 1), (64, 0), (65, 1)])
    (proof,) = relapse.proofs(incident, relapse.Done(tidied, begun, None, proven))
    assert (proof.failed, proof.runs) == (1, 3), "where something fails after that, all of it counts"
