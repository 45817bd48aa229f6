"""May the agent act on a system? The one place that turns it on and off, whatever the door: page, API, command line."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q

from actions import audit, policy, renewal
from actions.models import ActionRequest, AuditEntry, Status
from incidents import timeline
from incidents.facts import Noted
from incidents.models import OPEN_STATES, Incident
from systems.models import System

RIGHT = "systems.change_system"  # who may turn it, at every door
ON, OFF = "agent.on", "agent.off"


def turn_agent(system: System, on: bool, by: str, why: str = "") -> int:
    """Turn the agent on or off. Off: what it asked for there and has not been started is withdrawn, in the same
    transaction; what runs ends. Returns how many requests were withdrawn.

    Audited each time it is said, told on the open incidents only when it changes something."""
    with transaction.atomic():
        row = System.objects.select_for_update(no_key=True).get(pk=system.pk)
        changed = row.agent_on != on
        System.objects.filter(pk=row.pk).update(agent_on=on)
        audit.append(by, ON if on else OFF, system=row.slug, data={"why": why, "changed": changed})
        words = f"{by} turned the agent {'on' if on else 'off'} for {row.slug}" + (f": {why}" if why else "")
        if changed:
            for pk in Incident.objects.filter(system=row, state__in=OPEN_STATES).values_list("pk", flat=True):
                timeline.record(pk, Noted(), words[:500], actor=by)
        gone = 0 if on else _withdraw(row, by, f"withdrawn: {words}")
    system.agent_on = on
    return gone


def _withdraw(system: System, by: str, why: str) -> int:
    pending = Q(requested_by=policy.AGENT, status__in=(Status.WAITING, Status.APPROVED))
    mine = ActionRequest.objects.filter(pending, system=system).select_related("system", "incident")
    return sum(renewal.withdraw(request, by, why) for request in mine.order_by("requested_at"))


def last_turned(system: str) -> dict[str, Any] | None:
    """Who turned it last, when, and why: keys by, at, on, why. None while nobody has."""
    row = AuditEntry.objects.filter(system=system, verb__in=(ON, OFF)).order_by("-seq").first()
    if row is None:
        return None
    return {"by": row.actor, "at": row.at, "on": row.verb == ON, "why": row.data.get("why", "")}
