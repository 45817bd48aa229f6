"""The agent's loop, whole: observe, diagnose, plan, act, verify, explain.

`advance` claims a run, does committed steps until one has to wait, and gives the run back. What it waits for (the next
tick's evidence, a person's decision) wakes it again. Nothing is held in memory between steps: see agent/journal.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from agent import journal
from agent.journal import LeaseLost, Outcome
from agent.models import Phase, Run
from agent.phases import act, diagnose, explain, observe, plan, verify
from incidents import lifecycle, timeline
from incidents.facts import Noted
from incidents.models import OPEN_STATES, Incident, State

log = logging.getLogger(__name__)

RETRY_S = 3.0
MAX_ERRORS = 5

PHASES: dict[str, Callable[[Run], Outcome]] = {
    Phase.OBSERVE: observe.step,  # let the evidence settle
    Phase.DIAGNOSE: diagnose.step,  # rank hypotheses; ask a discriminating check; or say "I don't know"
    Phase.PLAN: plan.step,  # the cheapest untried path of the credible hypotheses, with its dry run
    Phase.ACT: act.step,  # one step of the path through the gate; wait for a person where it is risky
    Phase.VERIFY: verify.step,  # by measurement only; roll back and re-diagnose when it did not help
    Phase.EXPLAIN: explain.step,  # postmortem, lesson, outcome statistics
}


def advance(run_id: int) -> None:
    """Move one run on as far as it can go now. Safe to call any number of times from any number of workers."""
    run = journal.claim(run_id)
    if run is None:
        return
    try:
        while run.phase != Phase.DONE:
            started = timezone.now()
            outcome = stop_for_person(run) or PHASES[run.phase](run)
            journal.commit(run, outcome, started)
            if outcome.wait_s is not None or outcome.phase == Phase.DONE:
                return
    except LeaseLost:
        log.info("run %s continues on another worker", run_id)
    except Exception as error:
        log.exception("run %s failed in %s", run_id, run.phase)
        recover(run, error, timezone.now())


def stop_for_person(run: Run) -> Outcome | None:
    """A person who takes over ends the run at the next step boundary.

    An incident that is closed already stops it too, unless only its explanation is left: a worker may have been killed
    between closing and writing."""
    incident = Incident.objects.only("agent_stopped", "state").get(pk=run.incident_id)
    if incident.agent_stopped or (not incident.is_open and run.phase != Phase.EXPLAIN):

        def leave() -> None:  # a step that was under way may have moved it after it was taken over
            open_ = [State(s) for s in OPEN_STATES]
            lifecycle.transition(run.incident_id, State.HANDED_OVER, expect=open_, title="With a person now")

        return Outcome(Phase.DONE, "stopped", {"state": incident.state}, ended="stopped", within=leave)
    return None


def recover(run: Run, error: Exception, at: datetime) -> None:
    """Try the step again a few times; then hand over rather than go round for ever."""
    run.refresh_from_db(fields=["case", "phase", "lease_token"])
    run.case.errors += 1
    if run.case.errors < MAX_ERRORS:
        Run.objects.filter(pk=run.pk).update(case=run.case)
        journal.release(run, RETRY_S)
        return
    reason = f"the agent itself failed in {run.phase}: {type(error).__name__}: {error}"
    timeline.record(run.incident_id, Noted(), "The agent could not go on", body=reason)
    try:
        journal.commit(run, explain.hand_over(run, reason[:300]), at)
    except LeaseLost:
        log.info("run %s continues on another worker", run.pk)
