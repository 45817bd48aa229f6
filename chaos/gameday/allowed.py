"""What a game day may do to the portal around it: approvals for one fault at a time, and the agent on or off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from actions import audit, grants, policy
from actions.models import PolicyGrant
from systems import services
from systems.manifest import ManifestError
from systems.models import System

# What the agent may be allowed beforehand where a fault was put in: what ends, restarts, reroutes or writes back.
# Never what replaces data, schemas or releases.
MENDS = (
    "clear-cache",
    "failover-link",
    "kill-idle-connections",
    "kill-process",
    "kill-session",
    "move-to-dlq",
    "pause-job",
    "purge-temp-files",
    "regenerate-db-creds",
    "regenerate-env",
    "requeue-inflight",
    "reset-circuit-breaker",
    "reset-link",
    "restart-db",
    "restart-service",
    "restore-config",
    "resume-job",
    "revert-change",
    "rolling-restart",
    "rotate-logs",
    "route-to-backup",
    "route-to-primary",
    "switch-to-fallback",
    "switch-to-primary",
    "warm-cache",
)


def declared(system: System) -> list[str]:
    """The system's own actions that say which causes they mend: its people have judged them."""
    try:
        manifest = services.load(system.slug).manifest
    except (services.UnknownSystem, ManifestError):
        return []
    return sorted({spec.name for s in manifest.services.values() for spec in s.actions if spec.mends})


def beforehand(system: System, also: Sequence[str] = ()) -> list[str]:
    """What may be allowed beforehand for a system: what is above, what mends there, and `also`."""
    return list(dict.fromkeys([*MENDS, *declared(system), *also]))


@contextmanager
def approved(
    system: System,
    scope: str,
    scope_id: str,
    *,
    by: str,
    minutes: float,
    also: Sequence[str] = (),
) -> Iterator[PolicyGrant]:
    """Inside, what the agent asks for incidents that open from now on is approved, if it is one of those above, of the
    system's own that mend something, or of `also`."""
    actions = beforehand(system, also)
    grant = grants.give(
        system,
        scope=scope,
        scope_id=scope_id,
        requester=policy.AGENT,
        actions=[*actions, *([grants.WIDENING] if scope == grants.Scope.GAME_DAY else [])],
        created_by=by,
        reason=f"a fault is put in for a {grants.Scope(scope).label}",
        minutes=minutes,
    )
    try:
        yield grant
    finally:
        grants.end(grant, by)


@contextmanager
def agent_set(system: System, on: bool, by: str) -> Iterator[None]:
    """Inside, the agent is on or off for the system. Afterwards it is as before, unless a person has said otherwise."""
    rows = System.objects.filter(pk=system.pk)
    changed = rows.filter(agent_on=not on).update(agent_on=on)
    if changed:
        audit.append(by, f"agent.{'on' if on else 'off'}", system=system.slug)
    try:
        yield
    finally:
        if changed and rows.filter(agent_on=on).update(agent_on=not on):
            audit.append(by, f"agent.{'off' if on else 'on'}", system=system.slug)
