"""Postmortems: every sentence rests on events that exist, figures come from readings, edits keep history."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from agent.roles.narrator import PlainNarrator
from incidents import facts, lifecycle, postmortem, timeline
from incidents import story as told
from incidents.findings import Named, none_of_these
from incidents.models import Incident, Postmortem, State, Symptom
from incidents.sections import ActionItem, Sentence
from incidents.service import note_repair
from systems import partitions


@pytest.fixture
def story(incident: Incident) -> Incident:
    """A whole incident: 40 s of a failing journey, a diagnosis, an action, a recovery."""
    began = timezone.now() - timedelta(seconds=60)
    green = began + timedelta(seconds=40)
    Incident.objects.filter(pk=incident.pk).update(
        started_at=began,
        component="oven-1",
        cause="timer",
        detail="20",
        confidence=0.93,
        summary="The timer of oven-1 is wrong",
        hypotheses=[
            {
                "key": "oven-1:timer:20",
                "component": "oven-1",
                "cause": "timer",
                "title": "Wrong timer",
                "summary": "The timer of oven-1 is wrong",
                "probability": 0.93,
                "pro": [{"text": "its configuration changed"}],
                "con": [],
            }
        ],
    )
    for signal, service, label, severity in [
        ("journey_failed", "door", "bake", "high"),
        ("http_slow", "oven-1", "", "medium"),
    ]:
        Symptom.objects.create(
            system=incident.system,
            incident=incident,
            signal=signal,
            service=service,
            label=label,
            title=f"{service} {signal}",
            severity=severity,
            first_seen=began,
            last_seen=green,
            cleared_at=green,
        )
    record = timeline.record
    record(incident.pk, facts.Seen(signal="journey_failed"), "customers cannot bake")
    lifecycle.transition(incident.pk, State.DIAGNOSING)
    record(incident.pk, facts.Weighed(), "Most likely: wrong timer on oven-1, 93%")
    record(incident.pk, facts.Planned(), "Restore the timer")
    lifecycle.transition(incident.pk, State.ACTING)
    record(incident.pk, facts.Acted(), "restore-config oven-1")
    lifecycle.transition(incident.pk, State.VERIFYING)
    record(incident.pk, facts.Measured(green_since=green), "Recovered", actor="validator")
    lifecycle.transition(
        incident.pk, State.RESOLVED, facts=facts.Moved(prevent="Review timers before release")
    )
    with connection.cursor() as cursor:
        for statement in partitions.create_statements(timezone.now()):
            cursor.execute(statement)
        for second in range(-80, 60):
            ill = 0 <= second < 40
            at = began + timedelta(seconds=second)
            rows = [
                ("door", "journey.ok", "bake", 0.0 if ill else 1.0),
                ("oven-1", "http.latency_ms", "", 900.0 if ill else 10.0),
            ]
            for service, metric, label, value in rows:
                cursor.execute(
                    "insert into systems_reading (system_id, at, service, metric, label, value, text)"
                    " values (%s, %s, %s, %s, %s, %s, '')",
                    [incident.system_id, at, service, metric, label, value],
                )
    incident.refresh_from_db()
    return incident


@pytest.mark.django_db
def test_every_sentence_names_existing_events(story: Incident) -> None:
    found = postmortem.generate(story.number)
    known = set(story.events.values_list("seq", flat=True))
    sentences = [s for part in postmortem.PARTS for s in found.sections.part(part)]
    assert len(sentences) >= 7
    for sentence in sentences:
        assert sentence.seq, sentence
        assert set(sentence.seq) <= known
    assert found.sections.action_items == [ActionItem(text="Review timers before release")]
    assert len(found.sections.timeline) == 5
    texts = " ".join(s.text for s in sentences)
    assert "over after 40 s" in texts
    assert "Customers could not: bake." in texts
    assert story.events.latest("seq").kind == "postmortem"


@pytest.mark.django_db
def test_figures_are_measured(story: Incident) -> None:
    figures = {f.name: f for f in postmortem.generate(story.number).sections.figures}
    works = figures["customers can bake"]
    assert (works.before, works.during, works.after, works.unit) == (100.0, 0.0, 100.0, "%")
    slow = figures["oven-1 http.latency_ms"]
    assert (slow.before, slow.during, slow.after) == (10.0, 900.0, 10.0)


@pytest.mark.django_db
def test_runs_that_failed_are_counted_also_without_a_symptom_of_a_journey(story: Incident) -> None:
    Symptom.objects.filter(incident=story, signal="journey_failed").delete()
    sections = postmortem.generate(story.number).sections
    text = " ".join(s.text for s in sections.what_broke)
    assert "No customer journey" not in text
    assert re.search(r"[1-9]\d* of [1-9]\d* measured runs of customer journeys failed", text)


def test_nothing_is_said_of_journeys_that_were_not_measured(incident: Incident) -> None:
    timeline.record(incident.pk, facts.Seen(signal="http_slow"), "oven-1 is slow")
    text = " ".join(s.text for s in postmortem.generate(incident.number).sections.what_broke)
    assert "No customer journey was measured" in text


def test_editing_keeps_every_version_and_notices_a_conflict(story: Incident) -> None:
    first = postmortem.generate(story.number)
    why = [Sentence(text="Somebody mistyped", seq=[2])]
    changed = first.sections.model_copy(update={"why": why})
    second = postmortem.edit(first.pk, changed, "vera", version=1)
    assert second.version == 2
    with pytest.raises(postmortem.Conflict, match="version 2 was saved meanwhile"):
        postmortem.edit(second, changed, "otto", version=1)
    assert [(r.version, r.author) for r in second.revisions.order_by("version")] == [
        (1, "agent"),
        (2, "vera"),
    ]
    again = postmortem.generate(story.number)
    assert again.version == 3
    assert Postmortem.objects.count() == 1


@pytest.mark.django_db
def test_markdown_is_complete_and_carries_no_markup_from_outside(story: Incident) -> None:
    found = postmortem.generate(story.number)
    evil = "![x](http://evil/?q) <script>alert(1)</script> | **bold**"
    changed = found.sections.model_copy(update={"why": [Sentence(text=evil, seq=[1])]})
    found = postmortem.edit(found, changed, "vera")
    text = postmortem.markdown(found)
    for title in postmortem.PARTS.values():
        assert f"## {title}" in text
    assert "| customers can bake | 100 | 0 | 100 | % |" in text
    assert "- [ ] Review timers before release" in text
    assert "<script>" not in text
    assert "![x]" not in text


@pytest.mark.django_db
def test_an_incident_about_which_nothing_is_known(incident: Incident) -> None:
    lifecycle.transition(incident.pk, State.RESOLVED)
    found = postmortem.generate(incident.number)
    assert found.sections.why[0].text == "The cause is not known."
    assert found.sections.what_was_done[-1].text == "Nothing was changed."


def held_for(incident: Incident, probability: float) -> None:
    """So sure is what leads, and no surer."""
    lead = incident.hypotheses[0].model_copy(update={"probability": probability})
    Incident.objects.filter(pk=incident.pk).update(
        hypotheses=[lead, none_of_these(1 - probability)], confidence=probability
    )
    incident.refresh_from_db()


@pytest.mark.parametrize(("probability", "said"), [(0.9999, "99.9 %"), (1.0, "99.9 %"), (0.934, "93 %")])
def test_a_cause_is_told_as_sure_as_it_is_and_never_certain(
    story: Incident, probability: float, said: str
) -> None:
    held_for(story, probability)
    why = PlainNarrator().tell(told.of(story)).why[0].text
    assert why == f"The cause was found to be oven-1:timer: wrong timer on oven-1 ({said} sure)."


def test_a_guess_is_told_as_a_guess(story: Incident) -> None:
    held_for(story, 0.34)
    text = postmortem.markdown(postmortem.generate(story.number))
    assert "The cause is not known yet: best guess wrong timer on oven-1 (34 %)." in text
    assert "found to be" not in text and "What spoke for it" not in text


def test_two_causes_that_were_repaired_are_both_told_with_how_to_prevent_them(story: Incident) -> None:
    """The diagnosis is of the second one; what mended the first was measured as well."""
    first = Named(component="flour", cause="full", title="Disk full", prevent="Watch the disk of flour")
    timer = Named(**{n: getattr(story.hypotheses[0], n) for n in Named.model_fields})
    note_repair(story.pk, first, ["clean-up on flour"], helped=True)
    note_repair(
        story.pk, timer.model_copy(update={"prevent": "Lock the timer"}), ["restore-config"], helped=True
    )
    sections = postmortem.generate(story.number).sections
    why = [s.text for s in sections.why]
    assert why[0].startswith("The cause was found to be oven-1:timer: wrong timer on oven-1")
    assert "Disk full on flour was a cause too: clean-up on flour mended it." in why
    wanted = {"Watch the disk of flour", "Lock the timer", "Review timers before release"}
    assert {s.text for s in sections.prevention} == wanted
    assert {item.text for item in sections.action_items} == wanted
