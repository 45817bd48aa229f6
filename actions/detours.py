"""Actions that only hold trouble off: what ends them, when, and whether they were ended."""

from __future__ import annotations

from actions import registry
from actions.models import ActionRequest, Status


def ending(slug: str) -> str | None:
    """The action that ends what this one only holds off; None when it is no detour, or of a manifest's own."""
    action = registry.ACTIONS.get(slug)
    return action.ended_by or None if action else None


def detours() -> list[str]:
    """The actions that only hold trouble off."""
    return [slug for slug, action in registry.ACTIONS.items() if action.ended_by]


def over_when(slug: str) -> str:
    """What tells that a detour is not needed any more; see Action."""
    action = registry.ACTIONS.get(slug)
    return action.over_when if action else ""


def is_ended(request: ActionRequest) -> bool:
    """Whether a detour that was taken does not stand: taken back, or its counterpart has been done since."""
    done = ActionRequest.objects.filter(
        system=request.system_id, status=Status.SUCCEEDED, finished_at__gt=request.finished_at
    )
    counterpart = done.filter(
        slug=ending(request.slug), target=request.target, params=request.params, undo_of=None
    )
    undone = ActionRequest.objects.filter(undo_of=request, status=Status.SUCCEEDED)
    return counterpart.exists() or undone.exists() or request.status != Status.SUCCEEDED
