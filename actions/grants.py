"""Approvals given in advance: for one requester, a scope, listed actions, and until an end.

A grant stands in for a person at a game day, a demo, a schedule of chaos or for one incident, and for nothing else that
happens meanwhile. Whether it covers a request is asked when the request is made, at the claim, and when it is renewed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from actions import audit, policy, registry
from actions.base import ACCESS
from actions.models import ActionRequest, PolicyGrant
from incidents.models import Incident
from systems import services
from systems.manifest import ManifestError
from systems.models import System

Scope = PolicyGrant.Scope
LONGEST_MINUTES = 24 * 60
WIDENING = (
    "widen-access"  # listed beside actions: what lets somebody do more than now is covered by no other name
)


def give(
    system: System,
    *,
    scope: str,
    scope_id: str | int,
    requester: str,
    actions: Sequence[str],
    created_by: str,
    reason: str,
    minutes: float,
) -> PolicyGrant:
    """Approve in advance what would ask a person. Audited; `end` takes it back. `scope_id`: the incident's number, or a
    name of the run. ValueError when something of it is left open: whose requests, for what, which actions, how long."""
    if not 0 < minutes <= LONGEST_MINUTES:
        raise ValueError("a grant lasts between a moment and a day")
    if scope not in Scope.values or not str(scope_id) or not requester:
        raise ValueError("a grant names who asks, and the game day, demo, schedule or incident it is for")
    if scope == Scope.INCIDENT and not _incidents(system, str(scope_id)).exists():
        raise ValueError(f"there is no incident {scope_id} in {system.slug}")
    if WIDENING in actions and scope != Scope.GAME_DAY:
        raise ValueError(
            "who may do more than now is decided by a person: only a game day may say so beforehand"
        )
    unknown = sorted(set(actions) - {*registry.ACTIONS, WIDENING, *_declared(system)})
    if unknown or not actions:
        raise ValueError(f"a grant lists actions by name; {', '.join(unknown) or 'nothing'} is none")
    values = {
        "scope": str(Scope(scope).value),
        "scope_id": str(scope_id),
        "requester": requester,
        "actions": sorted(set(actions)),
        "reason": reason,
    }
    with transaction.atomic():
        row = PolicyGrant.objects.create(
            system=system, created_by=created_by, expires_at=Now() + timedelta(minutes=minutes), **values
        )
        row.refresh_from_db()
        data = {"grant": row.pk, "minutes": minutes, **values}
        audit.append(created_by, "policy.grant", system=system.slug, data=data)
    return row


def _declared(system: System) -> Collection[str]:
    try:
        return registry.of(services.load(system.slug))
    except (services.UnknownSystem, ManifestError):
        return ()


def end(row: PolicyGrant, by: str) -> None:
    """From now on it covers nothing, also not what it approved and has not started."""
    with transaction.atomic():
        if PolicyGrant.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=Now()):
            data = {"grant": row.pk, "name": row.name}
            audit.append(by, "policy.grant.revoked", system=row.system.slug, data=data)


def live() -> QuerySet[PolicyGrant]:
    return PolicyGrant.objects.filter(revoked_at=None, expires_at__gt=Now())


def covers(grant: PolicyGrant, request: ActionRequest) -> bool:
    """Does it approve this request now?"""
    return _covering(request).filter(pk=grant.pk).exists()


def why_not(grant: PolicyGrant, request: ActionRequest) -> str:
    """Empty when it covers the request now; else the plain reason."""
    if covers(grant, request):
        return ""
    over = not live().filter(pk=grant.pk).exists()
    return f"the grant for {grant.name} {'has ended' if over else 'does not cover this'}"


def use(request: ActionRequest) -> PolicyGrant | None:
    """The live grant that covers this request, counted as used; None when a person must decide."""
    found = _covering(request).order_by("expires_at").first()
    if found is None or not _covering(request).filter(pk=found.pk).update(used=F("used") + 1):
        return None
    return found


def _covering(request: ActionRequest) -> QuerySet[PolicyGrant]:
    """Every scope is about an incident that is open: a request outside one is covered by nothing."""
    incident = _incidents(request.system, str(request.incident_id or "")).first()
    # An account may be called like the agent; only a run of the agent has a run's number.
    by_itself = request.requested_by == policy.AGENT and request.run_id is None
    if incident is None or by_itself:
        return PolicyGrant.objects.none()
    of_it = Q(scope=Scope.INCIDENT, scope_id=str(incident.pk))
    since = ~Q(scope=Scope.INCIDENT) & Q(created_at__lt=incident.opened_at)
    wanted = [request.slug]
    if any(effect.startswith(ACCESS) for effect in request.effects):
        wanted.append(WIDENING)
    return live().filter(
        of_it | since,
        system_id=request.system_id,
        requester=request.requested_by,
        actions__contains=wanted,
    )


def _incidents(system: System, number: str) -> QuerySet[Incident]:
    if not number.isdecimal():
        return Incident.objects.none()
    return Incident.objects.filter(pk=int(number), system=system).exclude(state="resolved")
