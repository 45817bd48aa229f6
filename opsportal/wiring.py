"""Who tells whom, across apps that must not import each other. The only place where such hooks are set."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from actions import events as action_events
from actions.models import ActionRequest
from agent import journal
from agent import service as agent
from agent.tasks import advance
from incidents import detection
from incidents import service as incidents
from knowledge import validation
from knowledge.spec import RunbookSpec
from systems.ticks import Handler

log = logging.getLogger(__name__)


def connect() -> None:
    """Called once per process, when all apps are loaded."""
    journal.on_wake(_send)
    incidents.on_opened[:] = [agent.on_opened]
    action_events.on_decided[:] = [_wake_run]
    action_events.on_finished[:] = [_wake_run]
    validation.register(actions=_action_names, check=_ranks_first)


def tick_handlers() -> list[Handler]:
    """Who gets the watcher's ticks, in order: the one place where observing meets detecting."""
    return [detection.on_tick]


def sweep() -> None:
    """What the watcher does between ticks: wake the runs that are due, whose wake-ups may have got lost."""
    agent.sweep()


def _send(run_id: int) -> None:
    """A wake-up that gets lost only costs time: the sweep of the next second sends it again."""
    try:
        advance.apply_async(args=[run_id], retry=False)
    except Exception as error:  # the broker may be down, in whatever way
        log.warning("the wake-up of run %s is lost until the next sweep: %s", run_id, error)


def _wake_run(request: ActionRequest) -> None:
    agent.on_decided(request.incident_id)


def _action_names() -> list[str]:
    from actions.registry import ACTIONS, ALIASES  # the whole catalogue: only where runbooks are validated

    return [*ACTIONS, *ALIASES]


def _ranks_first(spec: RunbookSpec, others: Sequence[RunbookSpec]) -> list[tuple[str, str, str]]:
    from agent.reasoner.selftest import check

    return check(spec, others)
