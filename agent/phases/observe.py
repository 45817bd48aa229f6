"""Observe: wait for one tick's evidence after the opening, so that the diagnosis sees the whole picture."""

from __future__ import annotations

from agent import roles
from agent.journal import Outcome
from agent.models import Phase, Run
from incidents import lifecycle
from incidents.models import State


def step(run: Run) -> Outcome:
    incident = run.incident
    run.case.roles = roles.choose(incident)
    lifecycle.transition(incident.number, State.DIAGNOSING, actor="agent", title="Looking for the cause")
    return Outcome(Phase.DIAGNOSE, "took the incident", {"title": incident.title})
