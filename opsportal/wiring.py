"""Who tells whom, across apps that must not import each other. The only place where such hooks are set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from django.db import transaction

from actions import audit
from actions import events as action_events
from actions import service as gate
from actions.models import ActionRequest, Status
from agent import journal, roles
from agent import service as agent
from agent.tasks import advance
from incidents import detection, people, postmortem
from incidents import service as incidents
from incidents.signals import CATALOG
from knowledge import validation
from knowledge.spec import RunbookSpec
from knowledge.vocabulary import service as vocabulary
from systems import services
from systems.manifest import Manifest, checks
from systems.ticks import Handler

log = logging.getLogger(__name__)


def connect() -> None:
    """Called once per process, when all apps are loaded."""
    journal.on_wake(_send)
    incidents.on_opened[:] = [agent.on_opened]
    people.on_act[:] = [_withdraw, _audit, _start_or_end_run]
    action_events.on_decided[:] = [_wake_run]
    action_events.on_finished[:] = [_wake_run]
    postmortem.narrator[:] = [roles.narrate]
    validation.register(actions=_action_names, declared=_declared_names, check=_ranks_first)
    checks.further[:] = [_names_taken]
    vocabulary.on_change[:] = [_audit_word]
    CATALOG.source = vocabulary.entries


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


def _withdraw(act: people.Act) -> None:
    """What an incident still waits for ends with it."""
    if act.verb not in (people.RESOLVED, people.MERGED):
        return
    why = f"#{act.incident.number} was {act.verb} by {act.by}"
    asked = ActionRequest.objects.filter(incident=act.incident, status__in=[Status.WAITING, Status.APPROVED])
    # all of them are locked before the first is written to the audit log: whoever decides on one locks in this order
    for pk in list(asked.select_for_update().order_by("pk").values_list("pk", flat=True)):
        if not gate.cancel(pk, act.by, why):
            raise people.NotPossible("what it waits for has just been decided or started; look again")


def _audit(act: people.Act) -> None:
    found = act.incident
    audit.append(
        act.by,
        f"incident.{act.verb}",
        system=found.system.slug,
        target=found.verdict.component,
        incident=found.number,
        outcome=act.verb,
        data={"note": act.note, "state": found.state, **act.data},
    )


def _audit_word(change: vocabulary.Change) -> None:
    row = change.entry
    audit.append(
        change.by,
        f"vocabulary.{change.verb}",
        system=row.system_slug,
        target=row.slug,
        outcome=change.verb,
        data={"kind": row.kind, "version": row.version, "note": change.note, "text": row.text[:4000]},
    )


def _start_or_end_run(act: people.Act) -> None:
    if act.verb == people.REOPENED and act.data["to"] == "agent":
        journal.start(act.incident.number)
    elif act.verb in (people.RESOLVED, people.MERGED):
        transaction.on_commit(
            lambda: journal.wake_incident(act.incident.number)
        )  # it finds it closed, and ends


def _action_names() -> list[str]:
    from actions.registry import ACTIONS, ALIASES  # the whole catalogue: only where runbooks are validated

    return [*ACTIONS, *ALIASES]


def _declared_names() -> set[str]:
    """Of every system: elsewhere such a step does not apply."""
    from actions import registry

    return {name for system in services.load_all() for name in registry.of(system)}


def _names_taken(manifest: Manifest) -> Iterator[checks.Trouble]:
    from actions import registry

    return registry.taken(manifest)


def _ranks_first(spec: RunbookSpec, others: Sequence[RunbookSpec]) -> list[tuple[str, str, str]]:
    from agent.reasoner.selftest import check

    return check(spec, others)
