"""The incident's life as data: states, legal moves, and one function that makes a move.

    detecting -> diagnosing -> (waiting) -> acting -> verifying -> resolved
                     ^------------------------------------/
    any open state -> handed_over -> resolved, or back to diagnosing

`resolved` is final but for `reopen`: a person brings it back, or its trouble does, with the same explanation and soon
(incidents/returned.py).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from incidents import live, timeline
from incidents.facts import Moved, Noted
from incidents.models import Incident, State, TimelineEvent

S = State
TRANSITIONS: dict[State, frozenset[State]] = {
    S.DETECTING: frozenset({S.DIAGNOSING, S.VERIFYING, S.HANDED_OVER, S.RESOLVED}),
    S.DIAGNOSING: frozenset({S.WAITING, S.ACTING, S.VERIFYING, S.HANDED_OVER, S.RESOLVED}),
    S.WAITING: frozenset({S.DIAGNOSING, S.ACTING, S.VERIFYING, S.HANDED_OVER, S.RESOLVED}),
    # What has been started must be measured, or given to a person, before the incident can close.
    S.ACTING: frozenset({S.DIAGNOSING, S.WAITING, S.VERIFYING, S.HANDED_OVER}),
    S.VERIFYING: frozenset({S.DIAGNOSING, S.WAITING, S.ACTING, S.HANDED_OVER, S.RESOLVED}),
    S.HANDED_OVER: frozenset({S.DIAGNOSING, S.VERIFYING, S.RESOLVED}),
    S.RESOLVED: frozenset(),
}

NOTHING = Moved()
REOPENED = frozenset({S.HANDED_OVER, S.DIAGNOSING})  # where a resolved one may be brought back to


class IllegalTransition(ValueError):
    """The move is not in the table."""


def transition(
    incident_id: int,
    to: State,
    *,
    expect: State | Collection[State] | None = None,
    actor: str = "agent",
    title: str = "",
    body: str = "",
    facts: Moved = NOTHING,
) -> TimelineEvent | None:
    """Move the incident to `to`: one compare-and-set, with its timeline event in the same transaction.

    None when nothing had to be done: it is in `to` already, or not in `expect`. IllegalTransition when the table
    has no such move from its present state, Incident.DoesNotExist when there is none."""
    to = State(to)
    sources = [state for state, targets in TRANSITIONS.items() if to in targets]
    if expect is not None:
        wanted = {expect} if isinstance(expect, str) else set(expect)
        sources = [state for state in sources if state in wanted]
    with transaction.atomic():
        # The row is locked first, so that the event can say where the move came from.
        before = State(
            Incident.objects.select_for_update().values_list("state", flat=True).get(pk=incident_id)
        )
        values: dict[str, Any] = {"state": to}
        if to == State.RESOLVED:
            values["resolved_at"] = Now()
        if not Incident.objects.filter(pk=incident_id, state__in=sources).update(**values):
            if before == to or expect is not None:
                return None
            raise IllegalTransition(f"incident #{incident_id} cannot go from {before.label} to {to.label}")
        said = facts.model_copy(update={"source": before.value, "to": to.value})
        event = timeline.record(incident_id, said, title or to.label, body=body, actor=actor)
        live.publish("dashboard", {"kind": "incident", "number": incident_id, "state": to.value})
    return event


def reopen(
    incident_id: int,
    to: State,
    *,
    values: dict[str, Any],
    actor: str,
    title: str,
    body: str = "",
    facts: Moved = NOTHING,
) -> TimelineEvent | None:
    """A resolved incident is brought back, with what else is so then (`values`): one compare-and-set, with its timeline
    event. None when it is not resolved. IntegrityError when another open incident has its fingerprint."""
    if to not in REOPENED:
        raise IllegalTransition(f"a resolved incident cannot go to {to.label}")
    with transaction.atomic():
        closed = Incident.objects.filter(pk=incident_id, state=S.RESOLVED)
        if not closed.update(state=to, resolved_at=None, reopened_at=Now(), **values):
            return None
        said = facts.model_copy(update={"source": S.RESOLVED.value, "to": to.value})
        event = timeline.record(incident_id, said, title, body=body, actor=actor)
        live.publish("dashboard", {"kind": "incident", "number": incident_id, "state": to.value})
    return event


def amend(
    incident_id: int,
    expect: dict[str, Any],
    values: dict[str, Any],
    *,
    actor: str,
    title: str,
    body: str = "",
    facts: Noted,
) -> TimelineEvent | None:
    """Change fields other than the state, with a line of the timeline. None when it is not as in `expect`."""
    with transaction.atomic():
        if not Incident.objects.filter(pk=incident_id, **expect).update(**values):
            return None
        event = timeline.record(incident_id, facts, title, body=body, actor=actor)
        live.publish("dashboard", {"kind": "incident", "number": incident_id})
    return event
