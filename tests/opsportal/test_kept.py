"""What is kept for how long: what goes, what stays, who may set it, and that the page says how much there is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from actions.models import ActionRequest, AuditEntry, Status
from incidents.models import Incident, State, Symptom, TimelineEvent
from opsportal import kept
from systems import partitions, retention
from systems.models import ChangeRow, Retention, System
from tests.pages import make_change, make_incident, make_request, make_system, person

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


def ended(system: System, days: int) -> Incident:
    at = timezone.now() - days * DAY
    name = f"old-{days}"
    return make_incident(system, fingerprint=name, state=State.RESOLVED, started_at=at, resolved_at=at)


def test_by_default_no_incident_goes_and_the_ledger_keeps_its_time(tmp_path: Path) -> None:
    system = make_system(tmp_path)
    ended(system, 3000)
    old, new = make_change(system, ago_s=401 * 86400), make_change(system, ago_s=399 * 86400)
    assert kept.prune()["changes"] == 1
    assert Incident.objects.count() == 1
    assert list(ChangeRow.objects.values_list("pk", flat=True)) == [new.pk] and old.pk != new.pk


def test_what_is_over_and_old_goes_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    system = make_system(tmp_path)
    retention.keep("incidents", 90 * 24, "mira")
    gone, recent, still = ended(system, 91), ended(system, 89), make_incident(system)
    Incident.objects.filter(pk=still.pk).update(started_at=timezone.now() - 200 * DAY)
    unknown = ended(system, 120)
    make_request(system, gone, status=Status.SUCCEEDED)
    asked = make_request(system, unknown, status=Status.UNKNOWN, target="api-1")
    assert kept.prune()["incidents"] == 1
    left = {recent.pk, still.pk, unknown.pk}
    assert set(Incident.objects.values_list("pk", flat=True)) == left, (
        "open, or not known how it ended: stays"
    )
    assert set(TimelineEvent.objects.values_list("incident_id", flat=True)) == left
    assert set(Symptom.objects.values_list("incident_id", flat=True)) == left
    assert list(ActionRequest.objects.values_list("pk", flat=True)) == [asked.pk]
    entry = AuditEntry.objects.get(verb="kept.removed")
    assert (entry.actor, entry.data["kind"], entry.data["count"]) == ("retention", "incidents", 1)
    assert kept.prune()["incidents"] == 0
    assert AuditEntry.objects.filter(verb="kept.removed").count() == 1, "nothing went, nothing is said"


def test_it_goes_a_portion_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = make_system(tmp_path)
    monkeypatch.setattr(kept, "CHANGES_AT_ONCE", 2)
    for _ in range(5):
        make_change(system, ago_s=500 * 86400)
    assert [kept.prune()["changes"] for _ in range(4)] == [2, 2, 1, 0]


def test_partitions_go_by_what_is_set() -> None:
    now = timezone.now()
    names = [
        partitions.READINGS.partition(partitions.READINGS.start_of(now - timedelta(hours=h)))
        for h in (5, 9, 30)
    ]
    assert partitions.expired(names, now) == names[1:]
    assert partitions.expired(names, now, {"readings": 24}) == names[2:]
    assert partitions.expired(names, now, {"readings": 2}) == names
    for kind, table in (("readings", partitions.READINGS), ("rollups", partitions.ROLLUPS)):
        assert retention.KINDS[kind].hours == table.keep // timedelta(hours=1)


def test_who_may_sets_it_within_bounds_and_it_is_audited(boss: Client) -> None:
    assert boss.post("/settings/kept/readings/", {"number": "24", "unit": "hours"}).status_code == 302
    assert retention.hours()["readings"] == 24
    assert AuditEntry.objects.get(verb="kept.set").data == {"kind": "readings", "hours": 24}
    for kind, number, unit in (
        ("readings", "1", "hours"),
        ("readings", "9999", "days"),
        ("readings", "", "days"),
        ("incidents", "1", "days"),
        ("audit", "30", "days"),
    ):
        told = boss.post(f"/settings/kept/{kind}/", {"number": number, "unit": unit}, follow=True)
        assert "Not set:" in told.content.decode(), (kind, number)
    assert boss.post("/settings/kept/readings/", {"number": "x"}).status_code == 400
    assert Retention.objects.count() == 1
    boss.post("/settings/kept/incidents/", {"number": "365", "unit": "days"})
    boss.post("/settings/kept/incidents/", {"number": "", "unit": "days"})
    assert retention.hours()["incidents"] is None, "for ever again"
    other = Client()
    other.force_login(person("tom"))
    assert other.post("/settings/kept/readings/", {"number": "48", "unit": "hours"}).status_code == 403


def test_the_page_says_how_much_there_is_of_what(boss: Client, tmp_path: Path) -> None:
    make_incident(make_system(tmp_path))
    page = boss.get("/settings/kept/").content.decode()
    for words in ("Readings and looks", "6 hours", "30 days", "400 days", "Audit log", "for ever", "of logs"):
        assert words in page, words
    found = {row.kind.name: row for row in kept.kept()}
    assert all(row.size > 0 for row in found.values()), "partitions count for their table"
    assert not found["audit"].may_be_set
    other = Client()
    other.force_login(person("tom"))
    assert "change …" not in other.get("/settings/kept/").content.decode()
