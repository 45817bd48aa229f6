"""What brought nothing is taken back, the newest effect first, each by a request of its own through the gate.

What is kept is said, and why: a state that was bad before, a person's "no", a system that is well by now.
"""

from __future__ import annotations

from actions import policy
from agent import journal, roles
from agent.case import PutBack
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import waiting
from agent.roles.base import ActionView
from incidents import lifecycle, timeline
from incidents.facts import Noted
from incidents.models import State


def begin(run: Run, why: str) -> None:
    """Remember what is to be taken back: all that worked of the path."""
    look = roles.executor().look
    requests = run.case.attempt.requests if run.case.attempt else []
    run.case.put_back = PutBack(requests=[i for i in reversed(requests) if look(i).worked], why=why)
    run.case.waiting.well_since = None


def step(run: Run) -> Outcome | None:
    """The next thing to do or to wait for; None when all is taken back or kept. The undo's id is committed before it
    is run, so that a killed worker finds it again and never asks twice."""
    left = run.case.put_back
    while left and left.requests:
        words = _words_of(run, left.requests[0])
        if left.undo:
            view, outcome = _follow(run, left.undo, words)
            if outcome is not None:
                return outcome
        elif (why := policy.held(run.incident.system, policy.AGENT)) is not None:
            waiting.tell_held(run, why, f"taking back {words}")
            return Outcome(Phase.VERIFY, wait_s=waiting.POLL_S)
        else:
            reason = f"It did not help, and is taken back: {left.why}"
            view = roles.executor().undo(left.requests[0], run_id=run.pk, reason=reason)
            if view.status != "kept":
                left.undo = view.id
                title = f"asked that {words} is taken back"
                return Outcome(Phase.VERIFY, title[:120], {"request": view.id, "status": view.status})
        if not view.worked:
            body = view.why or view.message
            title = f"Kept, not rolled back: {words}: {body}"[:300]
            timeline.record(run.incident_id, Noted(kept=True, why=body), title)
        left.undo = None
        left.requests = left.requests[1:]
    run.case.put_back = None
    return None


def _follow(run: Run, request_id: str, words: str) -> tuple[ActionView, Outcome | None]:
    """Where the undo stands, run when it may be; with an outcome while it is not over."""
    executor = roles.executor()
    view = executor.look(request_id)
    if view.status == "approved":
        with journal.held(run):
            view = executor.execute(request_id)
    if view.status == "waiting":
        title = f"Waiting for a person: taking back {words}"
        lifecycle.transition(run.incident_id, State.WAITING, actor="agent", title=title[:300])
    if view.status in ("waiting", "approved") and waiting.well_again(run):
        view = executor.withdraw(request_id, "the symptoms went away while it waited")
    return view, None if view.settled else Outcome(Phase.VERIFY, wait_s=waiting.POLL_S)


def _words_of(run: Run, request_id: str) -> str:
    """`restart-service on web`."""
    attempt = run.case.attempt
    return attempt.path.steps[attempt.requests.index(request_id)].words if attempt else request_id
