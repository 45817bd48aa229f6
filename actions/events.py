"""Who else hears of a request: the incident's timeline, open pages, and whoever hooked in (the agent's wake-up)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction

from actions import audit
from actions.models import ActionRequest
from incidents import live, timeline
from incidents.facts import Acted, Asked, RolledBack

log = logging.getLogger(__name__)

Hook = Callable[[ActionRequest], None]
on_proposed: list[Hook] = []
on_decided: list[Hook] = []
on_finished: list[Hook] = []


def fire(hooks: list[Hook], request: ActionRequest) -> None:
    """Call the hooks once the transaction is committed. A hook that fails is logged and changes nothing."""

    def run() -> None:
        for hook in list(hooks):
            try:
                hook(request)
            except Exception:
                log.exception("hook %r failed for request %s", hook, request.pk)

    transaction.on_commit(run)


def tell(
    request: ActionRequest,
    of: type[Asked],
    title: str,
    *,
    actor: str,
    body: str = "",
    more: dict[str, Any] | None = None,
    quietly: bool = False,
) -> None:
    """A timeline event, when the request belongs to an incident (not `quietly`), with `more` facts; and a hint to the
    approvals page."""
    if request.undo_of_id is not None and of is Acted:
        of = RolledBack
    if request.incident_id is not None and not quietly:
        facts = of(
            request=str(request.pk),
            action=request.slug,
            target=request.target,
            params=request.params,
            status=request.status,
            risk=request.risk,
            lost=(request.result or {}).get("lost") or {},
            **(more or {}),
        )
        timeline.record(request.incident_id, facts, title, body=body, actor=actor)
    live.publish("approvals", {"kind": request.status, "seq": str(request.pk)})


def chain(request: ActionRequest, actor: str, verb: str, data: dict[str, Any] | None = None) -> None:
    """The audit row of a change of a request, in the caller's transaction."""
    audit.append(
        actor,
        verb,
        system=request.system.slug,
        target=request.target,
        incident=request.incident_id,
        request_id=request.pk,
        outcome=request.status,
        data={
            "action": request.slug,
            "params": request.params,
            "risk": request.risk,
            "why": request.status_why,
            "digest": request.digest,
            "for": request.requested_by,
            **({"undo_of": str(request.undo_of_id)} if request.undo_of_id else {}),
            **(data or {}),
        },
    )
