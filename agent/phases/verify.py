"""Verify: the probes that found the trouble decide whether it is gone. What the action says counts for nothing."""

from __future__ import annotations

import re

from django.utils import timezone

from actions import policy, reverts
from agent import anew, beside, credit, patience, relapse, roles, solved, unasked, unexplained
from agent import rounds as rounds_
from agent.case import Again, Judgement, Measuring
from agent.context import is_self_healed, key_of, of_others, symptom_key, without_label
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain, heldoff, proving, putback, waiting
from agent.phases import further as further_
from incidents import evidence, lifecycle, timeline
from incidents import service as incidents
from incidents.evidence import Picture, SignalState
from incidents.facts import Measured
from incidents.health import name_of
from incidents.models import State
from incidents.signals import CATALOG
from incidents.verdict import ACT_AT
from knowledge import lessons
from systems import services

TICK_S = 0.9


def step(run: Run) -> Outcome:
    case, slug = run.case, run.incident.system.slug
    if case.again is not None:
        return _look_again(run, case.again)
    if case.measuring is None and (goes_on := _begin(run)) is not None:
        return goes_on
    count, acted = case.measuring, case.acted_at
    assert count is not None
    picture = evidence.picture(slug)
    at = picture.at
    if at is None or at == case.picture or (acted and at <= acted):
        return Outcome(Phase.VERIFY, wait_s=TICK_S / 3)
    case.picture = at
    if beside.acting_on_path(run.incident, services.load(slug)):
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    states, said = _judge(run, picture)
    count.said = said
    if said.state != "recovered" and picture.starved and not _is_plain(states, said):
        count.green_since = None
        return Outcome(Phase.VERIFY, wait_s=TICK_S)  # what is slow or silent now tells nothing of the effect
    patience.note(case, count, states, said.active, at)
    lacking = ""
    if said.state == "recovered":
        count.green_since = count.green_since or timezone.now()
        said, lacking = _over(run, count, said)
    if said.state == "recovered" and not lacking:
        case.proven_at = timezone.now()
        if steps := heldoff.still_behind(run):
            return further_.go_on(run, steps, heldoff.BEHIND)
        return further_.tidy(run, count, states) or _recovered(run, said, picture)
    if lacking:
        _tell_lacking(run, count, lacking)
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    return _still_ill(run, count, states, said)


def _still_ill(run: Run, count: Measuring, states: list[SignalState], said: Judgement) -> Outcome:
    """Whether it may yet get better, and what is done where it does not."""
    case = run.case
    if unexplained.is_back(case, count, said):
        return _not_recovered(run, said)  # nothing is under way that could be waited for
    count.green_since = None
    if patience.is_too_early(count, cleared=said.cleared > 0):
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    why = policy.held(run.incident.system, policy.AGENT)
    if why is not None and not said.cleared and case.attempt and case.attempt.requests:
        waiting.tell_held(run, why, "putting back what brought nothing")
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    if said.cleared and heldoff.is_it(run, states, said):
        return heldoff.tell(run, states)
    return _not_recovered(run, said)


def _begin(run: Run) -> Outcome | None:
    """Begin to measure; not yet where what was put back is not started by anybody."""
    if dead := anew.given_up(run):
        return further_.go_on(run, dead, "It is put back, and its part is not started again by itself")
    run.case.measuring = Measuring(since=timezone.now())
    title = "Measuring whether it helped" if run.case.acted_at else "Measuring whether all is well"
    lifecycle.transition(run.incident_id, State.VERIFYING, actor="agent", title=title)
    return None


def _judge(run: Run, picture: Picture) -> tuple[list[SignalState], Judgement]:
    """What the measurements say of this incident's own trouble: what another one has is judged there."""
    case, theirs = run.case, of_others(run.incident)
    states = [s for s in picture.states if name_of(s) not in theirs]
    states = rounds_.without_ours(case, states, picture.at or timezone.now())
    before = set(case.before) - {symptom_key(*name) for name in theirs}
    silent = [s for s in unasked.among(case.measuring, states) if key_of(s) in before]
    states = [s for s in states if s not in silent]
    said = unasked.told(roles.validator().judge(run.incident, states, before, case.acted_at), silent)
    return states, _unless_changed(run, states, said)


def _is_plain(states: list[SignalState], said: Judgement) -> bool:
    """Whether something that is still wrong shows what no lack of time makes: an exit, a refusal, a changed setting."""
    left = (s for s in states if s.value and key_of(s) in said.ours)
    return any((found := CATALOG.get(s.signal)) is not None and not found.is_timing(s.text) for s in left)


def _tell_lacking(run: Run, count: Measuring, lacking: str) -> None:
    """Why it is not over yet, once for each reason: whoever looks at the page sees nothing wrong any more."""
    kind = re.sub(r"\d+", "#", lacking)
    if lacking != proving.A_FEW and kind not in count.lacking:
        count.lacking.append(kind)
        title = f"All is well now, and is watched for longer: {lacking}"
        timeline.record(run.incident_id, Measured(), title[:500], actor="validator")


def _over(run: Run, count: Measuring, said: Judgement) -> tuple[Judgement, str]:
    """Everything is green now: whether that is proven, and what was taken back still is; and what is still lacking."""
    said, lacking = proving.proven(run, count, said)
    return _is_back(run, said) if said.state == "recovered" and not lacking else (said, lacking)


def _unless_changed(run: Run, states: list[SignalState], said: Judgement) -> Judgement:
    """A changed setting that was taken for the cause, and repaired, must be back."""
    if said.state != "recovered" or not run.case.acted_at:
        return said
    if not (left := heldoff.still_changed(run, states)):
        return said
    words = [CATALOG[s.signal].describe(s) for s in left]
    return said.unwell(words, [key_of(s) for s in left])


def _is_back(run: Run, said: Judgement) -> tuple[Judgement, str]:
    """What was taken back must still be as it was before, read from the target itself."""
    attempt = run.case.attempt
    for item, request in zip(
        attempt.done if attempt else [], attempt.requests if attempt else [], strict=False
    ):
        if item.action == reverts.SLUG:
            back, why = reverts.is_back(request)
            if back is None:
                return said, why
            if not back:
                return said.unwell([why], [f"changed_again@{item.target}"]), ""
    return said, ""


def _recovered(run: Run, said: Judgement, picture: Picture) -> Outcome:
    """Said of our own work only where there was any: else what is measured is that the symptoms are gone."""
    if limits := relapse.limits_changed(run.incident, picture):
        return explain.hand_over(run, f"the symptoms are gone, and {limits[0]}")
    alone = credit.is_none_of_ours(run)
    if not alone:
        _learn(run, worked=True)
    mended = explain.is_mended(run)
    why = f"it had cleared by itself before anything was done; {said.why}" if alone else said.why
    timeline.record(
        run.incident_id,
        Measured(
            outcome="recovered",
            green_since=run.case.measuring.green_since if run.case.measuring else None,
            remaining=said.remaining,
            mended=mended,
        ),
        f"Recovered: {why}" if mended else f"Well, and not by anything done here: {why}",
        actor="validator",
    )
    if not mended and (left := relapse.still_changed(run.incident, picture)):
        return explain.hand_over(run, f"the symptoms are gone, and {left[0]}")
    return Outcome(Phase.EXPLAIN, "recovered", {"why": said.why})


def _not_recovered(run: Run, said: Judgement) -> Outcome:
    """Undo what brought nothing, keep what helped in part, and look again."""
    case = run.case
    if (goes_on := further_.instead(run, said)) is not None:
        return goes_on
    timeline.record(
        run.incident_id,
        Measured(outcome="not_recovered", remaining=said.remaining, new=said.new, cleared=said.cleared),
        f"Not recovered: {said.why}",
        actor="validator",
    )
    if not said.cleared:  # new symptoms beside cleared ones are more likely a second fault than our doing
        putback.begin(run, said.why)
    relapsed = case.measuring.relapsed if case.measuring else ""
    if case.attempt:
        helped = not relapsed and _helped(run, said)
        _learn(run, worked=helped)
        if helped:
            solved.note(case)
        case.tried.append(case.attempt.path.key)
    case.begin_anew()
    case.again = again = Again(why=said.why, relapsed=relapsed)
    return _look_again(run, again)


def _look_again(run: Run, again: Again) -> Outcome:
    """Once all that is taken back is back."""
    if (waits := putback.step(run)) is not None:
        return waits
    run.case.again = None
    if again.relapsed and is_self_healed(
        run.incident, evidence.picture(run.incident.system.slug)
    ):  # no symptom holds that could be looked into
        lead, once = run.case.opinion.leading, not run.case.tried and not run.case.intermittent
        if once and lead is not None and lead.probability >= ACT_AT and lead.paths:
            run.case.intermittent, run.case.looks.leader = again.relapsed, lead.key
            lifecycle.transition(run.incident_id, State.DIAGNOSING, actor="agent", title="Looking again")
            return Outcome(Phase.PLAN, "it still fails now and then, and what leads is not mended yet")
        why = f"it still fails now and then, and why was not found: {again.relapsed}"
        return explain.hand_over(run, why)
    lifecycle.transition(run.incident_id, State.DIAGNOSING, actor="agent", title="Looking again")
    return Outcome(Phase.DIAGNOSE, "not recovered", {"why": again.why})


def _helped(run: Run, said: Judgement) -> bool:
    """Whether what the repaired cause was said to show, and showed until then, is gone: a new process that is as ill
    as the old one is none."""
    found = run.case.acted_on
    shown = solved.signs(run, found) if found else set()
    over = credit.over_before(run)

    def mine(key: str) -> bool:
        return without_label(key) in shown

    expected = [key for key in run.case.before if mine(key) and key not in over]
    return bool(expected) and said.cleared > 0 and not any(mine(key) for key in said.active)


def _learn(run: Run, *, worked: bool) -> None:
    """Outcome statistics come from verified measurements only."""
    attempt = run.case.attempt
    if attempt is None or not attempt.acted_at or attempt.learnt:
        return
    attempt.learnt = True
    finding = run.case.acted_on
    if finding:
        incidents.note_repair(run.incident_id, finding, [s.words for s in attempt.done], helped=worked)
    cause, slug = finding.cause if finding else "", run.incident.system.slug
    for item in attempt.done:
        lessons.record_outcome(cause, item.action, worked=worked, system_slug=slug)
