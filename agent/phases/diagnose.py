"""Diagnose: rank hypotheses until one leads steadily; ask the check that tells most; or say "I don't know"."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from agent import roles
from agent.context import active_symptoms, is_self_healed
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain
from agent.roles.base import Finding, Opinion, Question
from incidents import evidence, service, timeline
from incidents.evidence import SignalState
from incidents.models import Incident
from incidents.verdict import ACT_AT, NONE
from knowledge import retrieval

TICK_S = 0.9  # look again with the next tick's evidence
GUESS_AT = 0.35  # when patience is over, the best guess must reach this for a low-risk try
SURE_AT = 0.90  # ... and at this it need not be asked about further
STEADY = 2  # looks in a row with the same leader, each on fresh evidence
STEADY_S = (
    1.8  # ... and for this long, unless it is sure: a crash is told from a death only when restarts end
)
PATIENCE = 14  # looks before "I don't know"; slow faults show themselves late
MAX_QUESTIONS = 6


def step(run: Run) -> Outcome:
    memory = run.memory
    states = evidence.snapshot(run.incident.system.slug)
    stamp = evidence.taken_at(run.incident.system.slug)
    if stamp == memory.get("stamp"):
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S / 3)
    memory["stamp"] = stamp
    memory["looks"] = int(memory.get("looks", 0)) + 1
    if is_self_healed(run.incident):
        memory["quiet"] = int(memory.get("quiet", 0)) + 1
        if memory["quiet"] >= STEADY:
            return Outcome(Phase.VERIFY, "the symptoms went away by themselves", {"looks": memory["looks"]})
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)  # what is over says nothing of the cause
    memory["quiet"] = 0
    opinion = roles.diagnoser().diagnose(run.incident, _with_answers(run, states))
    memory["findings"] = [f.as_json() for f in opinion.findings[:6]]
    _publish(run, opinion)
    return _decide(run, opinion)


def _decide(run: Run, opinion: Opinion) -> Outcome:
    """Ask, wait for steadier evidence, plan, or give up."""
    memory, leader = run.memory, opinion.leading
    confident = leader is not None and leader.probability >= ACT_AT
    key = leader.key if leader and confident else ""
    now = timezone.now()
    if key != memory.get("leader"):
        memory["steady"], memory["led_since"] = 0, now.isoformat()
    if key and memory["stamp"] != memory.get("counted"):
        memory["steady"], memory["counted"] = int(memory.get("steady", 0)) + 1, memory["stamp"]
    memory["leader"] = key
    sure = confident and leader is not None and leader.probability >= SURE_AT
    if not sure and (question := _next_question(run, opinion)):
        return _ask(run, question)
    worth_a_try = memory["looks"] >= PATIENCE and _is_best_guess(opinion)
    led_s = (now - datetime.fromisoformat(memory["led_since"])).total_seconds() if key else 0.0
    steady = int(memory.get("steady", 0)) >= STEADY and (sure or led_s >= STEADY_S)
    if leader and ((confident and steady) or worth_a_try):
        key = leader.key
        memory["before"] = sorted(active_symptoms(run.incident))
        _passages(run, opinion.findings[0])
        return Outcome(Phase.PLAN, f"diagnosed {key}", {"probability": opinion.findings[0].probability})
    if memory["looks"] >= PATIENCE and not key:
        return explain.hand_over(run, _why_unknown(opinion))
    return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)


def _is_best_guess(opinion: Opinion) -> bool:
    """Not certain, but likelier than nothing known: what carries little risk may be tried (see act._ask_why)."""
    leader = opinion.leading
    return leader is not None and leader.probability >= max(GUESS_AT, opinion.none_probability)


def _with_answers(run: Run, states: list[SignalState]) -> list[SignalState]:
    """The tick's picture with what this run has asked on top of it."""
    given = [
        SignalState(a["signal"], a["service"], "", a["value"], None, a["text"], None, "check")
        for a in _answers(run)
    ]
    asked = {(a.signal, a.service) for a in given}
    return [*(s for s in states if (s.signal, s.service) not in asked), *given]


def _answers(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run.memory.setdefault("answers", [])
    return found


def _next_question(run: Run, opinion: Opinion) -> Question | None:
    asked = run.memory.setdefault("asked", [])
    if len(asked) >= MAX_QUESTIONS:
        return None
    return next((q for q in opinion.questions if q.key not in asked and q.gain > 0.02), None)


def _ask(run: Run, question: Question) -> Outcome:
    answer = roles.diagnoser().ask(run.incident, question)
    run.memory["asked"].append(question.key)
    text = answer.text[:300]
    _answers(run).append(
        {"signal": answer.signal, "service": answer.service, "value": answer.value, "text": text}
    )
    run.memory["stamp"] = None  # the answer is fresh evidence: look again at once
    said = {True: "yes", False: "no", None: "could not be told"}[answer.value]
    asked = question.title or question.signal.replace("_", " ")
    where = "" if question.service in asked else f" on {question.service}"
    title = f"Checked: {asked}{where}? {said}"
    timeline.record(
        run.incident_id,
        "check",
        title,
        body=answer.text,
        data={
            "signal": question.signal,
            "service": question.service,
            "answer": said,
        },
    )
    return Outcome(Phase.DIAGNOSE, f"asked {question.key}", {"answer": said})


def _publish(run: Run, opinion: Opinion) -> None:
    """Bring the incident up to date; an event only when the order or the odds really changed.

    What is not likely enough to act on is shown as a guess and never called the cause (see incidents/verdict.py)."""
    shown = [f.as_json() for f in opinion.findings[:5]]
    none = {"key": NONE, "title": "None of these", "probability": opinion.none_probability}
    values: dict[str, Any] = {"hypotheses": [*shown, none]}
    leader = opinion.leading
    known = leader is not None and leader.probability >= ACT_AT
    if leader and known:
        values |= {
            "component": leader.component,
            "cause": leader.cause,
            "detail": leader.detail,
            "confidence": leader.probability,
            "summary": leader.summary,
            "category": leader.category,
        }
        if (
            leader.severity
            and not Incident.objects.filter(pk=run.incident_id).exclude(severity_by="").exists()
        ):
            values["severity"] = leader.severity
    else:
        values |= {"component": "", "cause": "", "detail": "", "confidence": None}
    with transaction.atomic():
        Incident.objects.filter(pk=run.incident_id).update(**values)
        run.incident.refresh_from_db()
        if not known:
            service.refresh_head(run.incident)
        print_ = [[f["key"], round(f["probability"], 1)] for f in shown[:3]]
        if print_ != run.memory.get("shown"):
            run.memory["shown"] = print_
            data = {"hypotheses": values["hypotheses"], "questions": [vars(q) for q in opinion.questions[:3]]}
            cause = run.incident.verdict.cause
            title = (
                f"Most likely: {cause}, {leader.probability:.0%}" if leader and known else f"Cause {cause}"
            )
            timeline.record(run.incident_id, "hypotheses", title, data=data)


def _passages(run: Run, leader: Finding) -> None:
    """The runbook passages that speak of what is seen, for the page and the postmortem."""
    symptoms = [s["text"] for s in leader.pro[:5]]
    found = retrieval.search(" ".join([leader.title, *symptoms]), limit=3)
    passages: list[dict[str, Any]] = [
        {"runbook": p.slug, "heading": p.heading, "text": p.text[:600], "score": p.score} for p in found
    ]
    if passages:
        names = ", ".join(dict.fromkeys(str(p["runbook"]) for p in passages))
        timeline.record(
            run.incident_id, "runbook", f"Runbooks that fit: {names}", data={"passages": passages}
        )


def _why_unknown(opinion: Opinion) -> str:
    if opinion.leading is None:
        return "no known cause explains the symptoms"
    return (
        f"no cause is certain enough to act on: the best guess, {opinion.findings[0].title.lower()} on "
        f"{opinion.findings[0].component}, reaches {opinion.findings[0].probability:.0%}"
    )
