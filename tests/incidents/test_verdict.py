"""What is said of the cause: one answer for every place, and never surer than it is."""

from __future__ import annotations

from typing import Any

import pytest

from incidents import service, verdict
from incidents.findings import Finding
from incidents.models import Incident

pytestmark = pytest.mark.django_db


def bar(cause: str, probability: float, **more: Any) -> dict[str, Any]:
    found = {"component": "oven-1", "cause": cause, "title": f"The {cause}", "summary": f"oven-1 has {cause}"}
    return {"key": f"oven-1:{cause}", "probability": probability, **found, **more}


def none(probability: float) -> dict[str, Any]:
    return {"key": "none", "title": "None of these", "probability": probability}


def told(incident: Incident, *bars: dict[str, Any]) -> verdict.Verdict:
    Incident.objects.filter(pk=incident.pk).update(hypotheses=list(bars))
    incident.refresh_from_db()
    return incident.verdict


def test_before_anything_is_thought_the_symptom_is_the_headline(incident: Incident) -> None:
    said = told(incident)
    assert (said.standing, said.headline, said.confidence) == ("looking", "Door is shut", None)


def test_a_cause_above_the_threshold_is_the_headline(incident: Incident) -> None:
    said = told(incident, bar("leak", 0.97), none(0.02))
    assert (said.standing, said.headline, said.diagnosis) == ("known", "oven-1 has leak", "oven-1:leak")
    assert said.confidence == said.bars[0].probability == 0.97


def test_below_the_threshold_nothing_is_the_cause(incident: Incident) -> None:
    said = told(incident, bar("leak", 0.34), none(0.6))
    assert said.headline == "Door is shut; cause not known yet: best guess the leak on oven-1 (34 %)"
    assert (said.component, said.diagnosis, said.confidence, said.probability) == ("", "", None, 0.34)
    assert told(incident, bar("leak", 0.01), none(0.9)).cause == "not known yet: no known cause fits"


def test_a_cause_whose_repair_did_not_help_is_not_the_cause(incident: Incident) -> None:
    told(incident, bar("leak", 0.97), none(0.02))
    service.note_repair(incident.pk, Finding(**bar("leak", 0.97)), ["mend oven-1"], helped=False)
    incident.refresh_from_db()
    said = incident.verdict
    assert (said.standing, said.confidence, said.diagnosis) == ("refuted", None, "")
    assert "was taken for the cause, but its repair did not help" in said.headline
    assert said.bars[0].refuted
    assert [r.did for r in said.failed] == [["mend oven-1"]]
    service.note_repair(incident.pk, Finding(**bar("leak", 0.97)), ["rebuild oven-1"], helped=True)
    incident.refresh_from_db()
    assert (incident.verdict.standing, incident.verdict.failed) == ("known", [])


def test_what_a_part_says_itself_needs_no_probability(incident: Incident) -> None:
    said = told(incident, bar("says", 0.0, stated=True, summary="flour: no room to write"), bar("leak", 0.9))
    assert (said.standing, said.headline) == ("stated", "flour: no room to write")
    assert said.cause == "what oven-1 itself says: flour: no room to write"


def test_nothing_is_ever_a_hundred_percent(incident: Incident) -> None:
    assert "(59 %)" in told(incident, bar("leak", 0.59)).cause
    assert "(6 %)" in told(incident, bar("leak", 0.06)).cause
