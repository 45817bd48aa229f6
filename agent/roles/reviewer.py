"""The built-in reviewer: what the measurements, a person's "no" and the gate say against a path. It adds no path."""

from __future__ import annotations

from datetime import datetime

from actions import effectnames
from actions import service as actions
from actions.models import ActionRequest, Status
from agent import statements
from agent.case import Path
from agent.context import only_history
from agent.roles.base import Draft
from incidents.evidence import Picture
from incidents.findings import PlannedStep
from incidents.models import Incident


class CarefulReviewer:
    """Vetoes what cannot be done now, what was refused or failed already, and restarts that would change nothing."""

    def review(self, incident: Incident, picture: Picture, draft: Draft) -> dict[str, str]:
        said = {p.key: _against(incident, picture, p, draft.acted_at) for p in draft.paths}
        return {key: why for key, why in said.items() if why}


def _against(incident: Incident, picture: Picture, path: Path, acted: datetime | None) -> str:
    slug = incident.system.slug
    for item in path.steps:
        if refused := _refused(incident, item):
            return f"{item.words} cannot be done now: {refused}"
    effects = {e for s in path.steps for e in _effects(slug, s)}
    if no := _answered(incident, effects):
        return f"{path.words} is left: {no}"
    units = effectnames.only_restarts(effects)
    if said := statements.forbids_restart(incident, picture, acted, units):
        return f"{path.words} would change nothing: {said}"
    if units and all(only_history(incident, picture, unit) for unit in units):
        return f"{path.words} is not called for: it runs again"
    return ""


def _refused(incident: Incident, step: PlannedStep) -> str:
    slug, number = incident.system.slug, incident.pk
    try:
        shown = actions.preview(slug, step.action, step.target, step.params, agent_for=number)
    except actions.ActionRefused as error:
        return str(error)
    return str(shown.get("refused") or "")


def _answered(incident: Incident, effects: set[str]) -> str:
    """The request of this incident, as it is open now, that was rejected or has failed and would have brought about
    some of the same. That a part could not be started says nothing of a start after something was put back."""
    over = ActionRequest.objects.filter(
        incident=incident.pk,
        requested_at__gte=incident.opened_at,
        run_id__isnull=False,
        undo_of=None,
        status__in=(Status.REJECTED, Status.FAILED),
    )
    for request in over:
        step = PlannedStep(action=request.slug, target=request.target, params=request.params)
        asked = _effects(incident.system.slug, step)
        other = request.status == Status.FAILED and effectnames.is_another_start(asked, effects)
        if effects & asked and not other:
            return f"{step.words} was {request.get_status_display().lower()}"
    return ""


def _effects(slug: str, step: PlannedStep) -> frozenset[str]:
    return actions.effects_of(slug, step.action, step.target, step.params)
