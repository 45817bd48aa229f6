"""Held off, not cured: what was done ended the symptoms, and a changed setting behind them is as it was.

A paused job or an ended process keeps trouble away for as long as it lasts. That is no recovery, and it is not nothing
either: the setting is put back, and then the job runs again. Where it cannot be, a person is told what holds the
trouble off, and what is still to be put right.
"""

from __future__ import annotations

from actions import effectnames
from actions import service as actions
from agent import behind, patience
from agent.case import Judgement
from agent.journal import Outcome
from agent.models import Run
from agent.phases import explain, further
from agent.roles.base import TAKES_BACK
from incidents import service as incidents
from incidents import timeline
from incidents.evidence import SignalState
from incidents.facts import Measured
from incidents.findings import Finding, PlannedStep
from incidents.returned import CHANGE
from incidents.signals import CATALOG
from systems import services

BEHIND = "The symptoms are gone, and what is behind them is still so"


def still_changed(run: Run, states: list[SignalState]) -> list[SignalState]:
    """The changed settings that spoke for what was acted on, and are still changed; and what is still gone. Of a change
    that is itself the cause and was taken back it is read from the target whether it is back; what else differs there
    is none of it."""
    slug, acted_on = run.incident.system.slug, run.case.acted_on
    done = run.case.attempt.done if run.case.attempt else []
    if acted_on is not None and acted_on.cause == CHANGE and any(s.action == TAKES_BACK for s in done):
        return []
    back = {
        s.target for s in done if effectnames.writes(actions.effects_of(slug, s.action, s.target, s.params))
    }
    shown = behind.shown(acted_on, services.load(slug).graph, back)
    return [s for s in states if s.value and behind.is_kept(s.signal) and (s.signal, s.service) in shown]


def is_it(run: Run, states: list[SignalState], said: Judgement) -> bool:
    """Nothing but a changed setting is left, and the cause that was acted on is not the setting itself: that one
    would have to be back for its repair to have helped."""
    left = {CATALOG[s.signal].describe(s) for s in still_changed(run, states)}
    return bool(left) and {*said.remaining, *said.new} <= left and not _is_a_setting(run.case.acted_on)


def _is_a_setting(finding: Finding | None) -> bool:
    return finding is None or behind.is_of_a_change(finding) or behind.spec_of(finding) is None


def cure(run: Run, left: list[SignalState]) -> list[PlannedStep]:
    """What puts the settings back and then ends what only held the trouble off; nothing where one of them cannot be
    put back by an action, or it was tried, or somebody has something against it."""
    slug = run.incident.system.slug
    if not run.incident.system.agent_on:
        return []
    steps: list[PlannedStep] = []
    for state in left:
        action = actions.putting_back(state.signal)
        there = actions.resolve_targets(slug, action, state.service, {}) if action else []
        if action is None or not there:
            return []
        steps += [PlannedStep(action=action, target=target) for target in there]
    for held in run.case.attempt.done if run.case.attempt else []:
        if ending := actions.ending(held.action):
            steps.append(PlannedStep(action=ending, target=held.target, params=held.params))
    new = list({s.key: s for s in steps}.values())
    return [] if further.was_tried(run, new) or further.vetoed(run, new) else new


def still_behind(run: Run) -> list[PlannedStep]:
    """What takes back the change that evidently led to a trend, by the ledger still as it was made, where a process was
    merely started anew: that sets a trend back and does not end it."""
    finding, attempt, slug = run.case.acted_on, run.case.attempt, run.incident.system.slug
    if finding is None or attempt is None or not attempt.done or not run.incident.system.agent_on:
        return []
    if not patience.shows_again_s(run.case.before) or not behind.is_still_changed(finding):
        return []
    done = {e for s in attempt.done for e in actions.effects_of(slug, s.action, s.target, s.params)}
    back = (
        path
        for path in finding.paths
        if any(s.action == TAKES_BACK and s.params.get("change") == finding.change_id for s in path)
    )
    path = next(back, [])
    written = effectnames.writes(done) or not path
    return [] if written or further.was_tried(run, path) or further.vetoed(run, path) else path


def tell(run: Run, states: list[SignalState]) -> Outcome:
    """Go on to what is behind it; else say what helped and what is left, and give it to a person. Nothing is learnt: it
    is not known to be a cure."""
    if steps := cure(run, still_changed(run, states)):
        return further.go_on(run, steps, BEHIND)
    left = "; ".join(CATALOG[s.signal].describe(s) for s in still_changed(run, states))
    did = [s.words for s in run.case.attempt.done] if run.case.attempt else []
    incidents.note_repair(run.incident_id, run.case.acted_on or Finding(), did, helped=True)
    timeline.record(
        run.incident_id,
        Measured(outcome="held_off", remaining=[left]),
        f"Held off, not cured: the symptoms are gone, and {left}",
        actor="validator",
    )
    return explain.hand_over(
        run, f"{', '.join(did)} ended the symptoms; what is behind them is still so: {left}"
    )
