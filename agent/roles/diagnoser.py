"""The built-in diagnoser: runbooks and evidence through the reasoner. No key, no network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from agent import reasoner
from agent.context import seconds_seen
from agent.reasoner import Evidence, Hypothesis
from agent.roles.base import Finding, Opinion, Question
from incidents import evidence
from incidents.evidence import SignalState
from incidents.models import Incident
from incidents.signals.checks import RUNS
from knowledge import lessons
from knowledge import service as knowledge
from systems import services

SETTLES_S = 8.0  # what a fault brings for others shows within this


class ReasoningDiagnoser:
    """Ranks every runbook's cause on every component; never acts."""

    def diagnose(self, incident: Incident, states: list[SignalState]) -> Opinion:
        system = services.load(incident.system.slug)
        seen = [(s.signal, s.service) for s in states if s.value]
        specs = knowledge.active_specs()
        alike = lessons.boosts(lessons.similar(seen, system_slug=system.slug))
        answer = reasoner.diagnose(
            specs,
            system,
            states,
            boosts=alike,
            learned=lessons.learned(specs, system.slug),
            settled=min(1.0, seconds_seen(incident) / SETTLES_S),
        )
        # The most probable set first: with two faults at once both lead, in the order of their own odds.
        leading = [h.key for h in answer.leading]
        ranked = sorted(answer.hypotheses, key=lambda h: (h.key not in leading, -h.probability))
        questions = [
            Question(c.signal, c.service, c.gain_bits, c.title)
            for c in answer.next_checks
            if c.signal in RUNS
        ]
        return Opinion([finding(h) for h in ranked], answer.none_probability, questions)

    def ask(self, incident: Incident, question: Question) -> SignalState:
        return evidence.run_check(incident.system.slug, question.signal, question.service)


def finding(h: Hypothesis) -> Finding:
    return Finding(
        component=h.component,
        cause=h.cause,
        detail=h.detail,
        title=h.title,
        summary=h.summary,
        probability=h.probability,
        pro=[_shown(e) for e in h.evidence_for],
        con=[_shown(e) for e in h.evidence_against],
        category=h.category,
        severity=h.severity,
        prevent=h.prevent,
        verify=list(h.verify),
        paths=[[asdict(s) for s in path] for path in h.paths],
    )


def _shown(evidence: Evidence) -> dict[str, Any]:
    """As the finding keeps it: a weight for sorting, words for reading."""
    kept = asdict(evidence)
    return {"weight": kept.pop("bits"), **kept}
