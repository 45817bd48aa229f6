"""What changed around an incident: before its onset, since then, where it matters, and what the diagnosis blames."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from incidents import changed, postmortem, story
from incidents.models import Incident
from systems.graph import SystemGraph
from systems.models import System
from systems.redact import MASK
from tests.pages import make_change, make_incident, make_system

pytestmark = pytest.mark.django_db

GRAPH = SystemGraph(
    dict.fromkeys(("shop", "api-1", "api-2", "db", "disk", "mail"), "http"),
    {"shop": ["api-1", "api-2"], "api-1": ["db"], "api-2": ["db"], "db": ["disk"]},
    {"api": ["api-1", "api-2"]},
)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


def at(incident: Incident, seconds: float, wide_s: float = 0.0, **more: Any) -> str:
    """A change so long after the onset; its id."""
    moment = incident.started_at + timedelta(seconds=seconds)
    row = make_change(incident.system, last_old=moment - timedelta(seconds=wide_s), first_new=moment, **more)
    return str(row.pk)


def test_before_and_since_newest_first_where_it_may_matter(system: System) -> None:
    incident = make_incident(system, started_at=timezone.now() - timedelta(minutes=10))
    early, close = at(incident, -1500), at(incident, -20, component="disk")
    group, whole = at(incident, -30, component="api"), at(incident, -40, component="kiosk")
    perhaps = at(incident, 2, wide_s=4, component="db")
    later = at(incident, 60, component="shop")
    at(incident, -2000), at(incident, -10, component="mail"), at(incident, -5, component="mail")
    found = changed.around(incident, GRAPH)
    assert [n.change.id for n in found.before] == [perhaps, close, group, whole, early]
    assert [n.change.id for n in found.after] == [later] and found.elsewhere == 2
    assert [round(n.apart_s) for n in found.before] == [-2, 20, 30, 40, 1500]


def test_what_the_diagnosis_blames_is_first_and_marked_however_far(system: System) -> None:
    incident = make_incident(system, started_at=timezone.now() - timedelta(minutes=10))
    old, close = at(incident, -90_000, component="mail"), at(incident, -20)
    blame = {
        "component": "api",
        "cause": "changed",
        "title": "It changed",
        "probability": 0.8,
        "change_id": old,
    }
    Incident.objects.filter(pk=incident.pk).update(hypotheses=[blame])
    incident.refresh_from_db()
    found = changed.around(incident, GRAPH)
    assert [(n.change.id, n.suspected) for n in found.before] == [(old, 0.8), (close, None)]


def test_many_are_cut_and_counted(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "MOST", 2)
    incident = make_incident(system)
    for second in range(5):
        at(incident, -second - 1)
    found = changed.around(incident, None)
    assert (len(found.before), found.more_before, found.more_after) == (2, 3, 0)


def test_an_axis_has_few_marks_however_many_changes(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = make_incident(system, started_at=timezone.now() - timedelta(minutes=10))
    monkeypatch.setattr(changed, "MOST", 500)
    for second in range(200):
        at(incident, second * 1.8, what=f"key{second}", words=f"key{second} <b>moved")
    found = changed.around(incident, None)
    marks = changed.marks(found, incident.started_at, incident.started_at + timedelta(minutes=6))
    assert changed.SLOTS / 2 <= len(marks) <= changed.SLOTS + 1
    assert all(len(m["text"]) <= changed.NAMED + 1 for m in marks)


def test_pages_show_them(client: Client, system: System) -> None:
    client.force_login(User.objects.create_superuser("mira"))
    incident = make_incident(system)
    page = client.get(f"/incidents/{incident.number}/").content.decode()
    assert "No change is known of the parts concerned in the 30 minutes before" in page
    change = at(incident, -12, actor="ours")
    blame = {"component": "api", "cause": "x", "title": "x", "probability": 0.8, "change_id": change}
    Incident.objects.filter(pk=incident.pk).update(hypotheses=[blame])
    page = client.get(f"/incidents/{incident.number}/changes").content.decode()
    assert f'href="/changes/{change}/"' in page and "12 s before" in page
    assert "The diagnosis points here, 80 %" in page and "Before and after" in page


def test_a_postmortem_names_the_change_that_is_blamed_and_when(system: System) -> None:
    incident = make_incident(system)
    change = at(incident, -12, wide_s=4)
    blame = {"component": "api", "cause": "x", "title": "x", "probability": 0.8, "change_id": change}
    Incident.objects.filter(pk=incident.pk).update(hypotheses=[blame])
    why = postmortem.generate(incident.pk).sections.why
    (line,) = [s for s in why if "log.level" in s.text]
    assert re.fullmatch(
        r"What it points to: `log.level` of api-1 changed from INFO to DEBUG, "
        r"between \d{4}-\d\d-\d\d [\d:]{8} and [\d: -]{8,19} UTC\.",
        line.text,
    )
    Incident.objects.filter(pk=incident.pk).update(hypotheses=[blame | {"change_id": "999"}])
    assert not any("points to" in s.text for s in postmortem.generate(incident.pk).sections.why)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("ended_s", "is_over"), [(75, True), (30, False)])
def test_a_postmortem_tells_that_the_suspected_change_was_taken_back(
    system: System, masked: bool, ended_s: float, is_over: bool
) -> None:
    """What became of it after the diagnosis belongs to the story, also where its values are not shown."""
    incident = make_incident(system, started_at=timezone.now() - timedelta(minutes=10))
    there, back = ({"before": "INFO", "after": "DEBUG"}, {"before": "DEBUG", "after": "INFO"})
    if masked:
        there = {"before": MASK, "after": MASK, "mark_before": "a1", "mark_after": "b2"}
        back = {"before": MASK, "after": MASK, "mark_before": "b2", "mark_after": "a1"}
    blamed = at(incident, -20, area="app.yaml", **there)
    at(incident, 50, area="other.yaml", **back)
    blame = {"key": "api-1:changed", "component": "api-1", "title": "It changed", "probability": 0.45}
    Incident.objects.filter(pk=incident.pk).update(hypotheses=[blame | {"change_id": blamed}])
    incident.symptoms.update(cleared_at=incident.started_at + timedelta(seconds=ended_s), given_up=False)
    sections = postmortem.generate(incident.number).sections
    assert sections.what_was_done[-1].text == "Nothing was changed.", "another place is not it"
    at(incident, 60, area="app.yaml", words="`log.level` of api-1 is as before", **back)
    sections = postmortem.generate(incident.number).sections
    done, why = ([s.text for s in part] for part in (sections.what_was_done, sections.why))
    assert "Nothing was changed." not in done and "The agent changed nothing." in done
    assert "took the suspected change back: `log.level` of api-1 is as before" in done[-1]
    assert any("taken back at" in s and ("trouble was over after it" in s) == is_over for s in why)
    assert ("taken back" in story.ending(Incident.objects.get(pk=incident.pk))) == is_over
