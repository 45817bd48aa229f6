"""Diagnose: rank hypotheses until one leads steadily; ask the check that tells most; or say "I don't know"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction

from agent import behind, doubt, intermittent, looks, returns, roles, solved, statements, tried
from agent.case import Answer, Case, Shown
from agent.context import active_symptoms, is_self_healed, left_of_history, of_others, without
from agent.journal import Outcome
from agent.looks import STEADY, SURE_AT
from agent.models import Phase, Run
from agent.phases import explain
from incidents import evidence, gravity, plain, service, timeline
from incidents.evidence import Picture, SignalState
from incidents.facts import Checked, Passage, Passages, Weighed
from incidents.findings import Finding, Opinion, Question, none_of_these
from incidents.models import Incident
from incidents.verdict import ACT_AT, NAMED_AT
from knowledge import retrieval
from systems import services
from systems.services import LoadedSystem

TICK_S = 0.9  # look again with the next tick's evidence
GUESS_AT = 0.35  # what was asked for keeps its reason down to this
STEADY_SAID = 8  # ... before what a part says itself is handed over: what we can read has been read by then
AFTER_NO = 3  # looks after a "no", a refusal or a failure, before anything is asked again
PATIENCE = 14  # looks before "I don't know"; slow faults show themselves late
HEALED = (
    60  # looks at most while all that is left is the memory of a crash: longer than any signal remembers one
)
MAX_QUESTIONS = 6
SAID: dict[bool | None, Literal["yes", "no", "could not be told"]] = {
    True: "yes",
    False: "no",
    None: "could not be told",
}
KEPT, SHOWN = 6, 5  # findings in the case file, and on the page


def step(run: Run) -> Outcome:
    case, slug = run.case, run.incident.system.slug
    picture = evidence.picture(slug)
    if picture.at == case.picture:
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S / 3)
    turn = turn_of(
        case,
        picture.at,
        healed=is_self_healed(run.incident, picture),
        history=lambda: left_of_history(run.incident, picture),
    )
    if turn == "over" and (lead := case.opinion.leading) is not None and behind.is_between(lead):
        case.looks.ill += 1  # else nobody would ever give up looking for a way
        return Outcome(Phase.PLAN, "nothing shows just now, and what it blames is still gone")
    if turn == "over" and solved.go_on(run):
        return Outcome(
            Phase.VERIFY, "what was left went by itself, and what was mended is measured to its end"
        )
    if turn == "over":
        return returns.look(run, over=True) or Outcome(
            Phase.VERIFY, "the symptoms went away by themselves", {"looks": case.looks.ill}
        )
    if turn == "wait":
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
    found = opinion(run, picture)
    case.opinion = found.model_copy(update={"findings": found.findings[:KEPT]})
    _publish(run, found)
    if turn == "watch":
        return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)
    return _decide(run, picture, found)


def turn_of(
    case: Case, picture: datetime | None, *, healed: bool, history: Callable[[], int]
) -> Literal["look", "watch", "wait", "over"]:
    """What a new picture is good for; counts it. `healed`: no symptom holds any more, `history`: how many hold, all of
    which tell of a run that has ended; 0: others do. To `watch` is to say what is thought and to do nothing; what
    lapses then takes no word back. No I/O but what `history` does."""
    count, case.picture = case.looks, picture
    fresh = looks.is_fresh(picture, count.last)
    if fresh:
        count.last = picture
        _count(case)
    count.well = count.well + 1 if healed else 0
    if healed:  # what is over says nothing of the cause
        return "over" if count.well >= STEADY else "wait"
    if count.all < HEALED and (held := history()):
        count.past = max(count.past, held)
        return "watch" if held == count.past else "wait"  # it runs again; whether it stays so is soon seen
    count.ill += fresh
    return "look"


def _count(case: Case) -> None:
    """One more fresh look, since the beginning and since the last path that came to nothing."""
    count, closed = case.looks, len(case.tried)
    count.all += 1
    if closed != count.closed:
        count.closed, count.since_closed, count.steady = closed, 0, 0
    count.since_closed += 1


def is_due(case: Case) -> bool:
    """Whether enough was looked at since the last "no", refusal or failure to decide anew."""
    closed = len(case.tried)
    return not closed or (closed == case.looks.closed and case.looks.since_closed >= AFTER_NO)


def opinion(run: Run, picture: Picture) -> Opinion:
    """What is to be thought of a picture: the diagnoser's answer, less what we brought about ourselves, less what was
    tried in vain, and after what the parts say themselves."""
    system = services.load(run.incident.system.slug)
    mine = without(picture.states, of_others(run.incident))
    if not run.case.acted:
        mine = intermittent.kept(run.incident, mine, picture.at)
    return weigh(
        system,
        with_answers(mine, run.case.answers),
        lambda told: roles.diagnoser(run).diagnose(run.incident, told),
        acts=doubt.acts(run.incident),
        failed=doubt.failed(run.incident),
        said=statements.standing(run.incident, picture, run.case.acted_at),
    )


def weigh(
    system: LoadedSystem,
    states: list[SignalState],
    think: Callable[[list[SignalState]], Opinion],
    *,
    acts: Sequence[doubt.Act],
    failed: Mapping[str, float],
    said: Sequence[statements.Statement],
) -> Opinion:
    """One opinion from the evidence, what was done, what did not help and what the parts say, as far as nothing that
    was tried itself speaks against it: the same for a run and for a replay. No I/O but what `think` does."""
    believed = tried.without_refuted(system.graph, doubt.without_own_doing(acts, system, states))
    thought = doubt.fallen(failed, think(believed))
    heard = [s for s in said if not tried.is_refuted(s.signal, s.service, s.text, system.graph, states)]
    return statements.heard(heard, system, thought)


@dataclass(frozen=True)
class Next:
    """What a look leads to: `look` again, `ask` the question, `plan` for the leader, or `hand_over` and why."""

    what: Literal["look", "ask", "plan", "hand_over"]
    question: Question | None = None
    why: str = ""


def _decide(run: Run, picture: Picture, found: Opinion) -> Outcome:
    """Ask, wait for steadier evidence, plan, or give up."""
    step, leader = decide(run.case, found), found.leading
    if step.question:
        return ask(run, step.question)
    if step.what in ("plan", "hand_over") and (back := returns.look(run)) is not None:
        return back
    if step.what == "plan" and leader and (often := returns.too_often(run.incident, leader)):
        return explain.hand_over(run, often)
    if step.what == "hand_over" and leader and (number := solved.hand_on(run, leader)) is not None:
        return Outcome(Phase.VERIFY, f"what still holds is another trouble, now #{number}")
    if step.what == "hand_over":
        return explain.hand_over(run, step.why)
    if step.what == "plan" and leader:
        run.case.before = sorted(active_symptoms(picture, of_others(run.incident)))
        _passages(run, leader)
        return Outcome(Phase.PLAN, f"diagnosed {leader.key}", {"probability": leader.probability})
    return Outcome(Phase.DIAGNOSE, wait_s=TICK_S)


def decide(case: Case, found: Opinion) -> Next:
    """What to do with an opinion; counts in the case how steady it is. No I/O."""
    count = case.looks
    leader = found.leading
    confident = leader is not None and (leader.stated or leader.probability >= ACT_AT)
    key = leader.key if leader and confident else ""
    if key != count.leader:
        count.steady = 0
    count.leader = key
    if key and looks.is_fresh(case.picture, count.counted):
        looks.count(case, found)
    sure = leader is not None and leader.probability >= SURE_AT
    if not sure and (question := next_question(case, found)):
        return Next("ask", question)
    steady = count.steady
    if leader and leader.stated:
        if steady >= STEADY_SAID:
            why = f"{leader.component} says itself what is wrong: {leader.title}"
            return Next("hand_over", why=why)
    elif leader and confident:
        if steady >= looks.asked_of(leader) and is_due(case):
            return Next("plan")
    elif count.ill >= PATIENCE:
        return Next("hand_over", why=_why_unknown(found))
    return Next("look")


def with_answers(states: list[SignalState], answers: Sequence[Answer]) -> list[SignalState]:
    """The tick's picture with what was asked on top of it."""
    given = [SignalState(a.signal, a.service, "", a.value, None, a.text, None, "check") for a in answers]
    asked = {(a.signal, a.service) for a in given}
    return [*(s for s in states if (s.signal, s.service) not in asked), *given]


def next_question(case: Case, opinion: Opinion) -> Question | None:
    asked = case.asked
    if len(asked) >= MAX_QUESTIONS:
        return None
    return next((q for q in opinion.questions if q.key not in asked and q.gain > 0.02), None)


def ask(run: Run, question: Question) -> Outcome:
    answer = roles.diagnoser(run).ask(run.incident, question)
    run.case.answers.append(
        Answer(signal=question.signal, service=question.service, value=answer.value, text=answer.text[:300])
    )
    run.case.picture = None  # the answer is fresh evidence: look again at once
    said = SAID[answer.value]
    asked = question.title or question.signal.replace("_", " ")
    where = "" if question.service in asked else f" on {question.service}"
    title = f"Checked: {asked}{where}? {said}"
    facts = Checked(signal=question.signal, service=question.service, answer=said)

    def tell() -> None:
        timeline.record(run.incident_id, facts, title, body=answer.text)

    return Outcome(Phase.DIAGNOSE, f"asked {question.key}", {"answer": said}, within=tell)


def _publish(run: Run, opinion: Opinion) -> None:
    """Bring the incident up to date; an event only when the order or the odds really changed.

    What is not likely enough to act on is shown as a guess and never called the cause (see incidents/verdict.py)."""
    bars = [*opinion.findings[:SHOWN], none_of_these(opinion.none_probability)]
    values: dict[str, Any] = {"hypotheses": bars}
    leader = opinion.leading
    known = leader is not None and looks.is_called(leader, run.case)
    if leader and (known or leader.stated):
        values |= {
            "component": leader.component,
            "cause": leader.cause,
            "detail": leader.detail,
            "confidence": leader.probability if known else None,
            "summary": leader.summary,
            "category": leader.category,
        }
        if (
            leader.severity
            and not Incident.objects.filter(pk=run.incident_id).exclude(severity_by="").exists()
        ):
            values["severity"] = gravity.worse(leader.severity, gravity.felt_by_users(run.incident))
    else:
        values |= {"component": "", "cause": "", "detail": "", "confidence": None}
    with transaction.atomic():
        Incident.objects.filter(pk=run.incident_id).update(**values)
        run.incident.refresh_from_db()
        if not known:
            service.refresh_head(run.incident)
        shown = [Shown(key=f.key, probability=round(f.probability, 1)) for f in opinion.findings[:3]]
        shown += [Shown(key="known", probability=1.0)] if known else []  # what is said so is said anew
        if shown != run.case.shown:
            run.case.shown = shown
            facts = Weighed(hypotheses=bars, questions=opinion.questions[:3])
            cause = run.incident.verdict.cause
            title = (
                f"Most likely: {cause}, {plain.sure(leader.probability)}"
                if leader and known
                else f"Cause {cause}"
            )
            timeline.record(run.incident_id, facts, title)


def _passages(run: Run, leader: Finding) -> None:
    """The runbook passages that speak of what is seen, for the page and the postmortem; once for each cause."""
    if run.case.read_of == leader.key:
        return
    run.case.read_of = leader.key
    symptoms = [s.text for s in leader.pro[:5]]
    found = retrieval.search(" ".join([leader.title, *symptoms]), limit=3)
    passages = [Passage(runbook=p.slug, heading=p.heading, text=p.text[:600], score=p.score) for p in found]
    if passages:
        names = ", ".join(dict.fromkeys(p.runbook for p in passages))
        timeline.record(run.incident_id, Passages(passages=passages), f"Runbooks that fit: {names}")


def _why_unknown(found: Opinion) -> str:
    if found.place is not None:
        where, p = found.place.component, found.place.probability
        if p >= ACT_AT:
            return f"what it is is not known; it is in {where}, as far as can be told ({plain.sure(p)})"
        return f"what it is is not known; if one part has it, that is most likely {where} ({plain.sure(p)})"
    likely = [f for f in found.findings if f.probability >= NAMED_AT]
    if not likely:
        return "no known cause explains the symptoms"
    best = likely[0]
    return (
        f"no cause is certain enough to act on: the best guess, {best.title.lower()} on {best.component}, "
        f"reaches {plain.sure(best.probability)}"
    )
