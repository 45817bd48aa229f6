"""What another run does to the same system meanwhile, as far as it bears on this one."""

from __future__ import annotations

from actions.models import ActionRequest, Status
from incidents.models import Incident, Symptom
from systems.services import LoadedSystem


def acting_on_path(incident: Incident, system: LoadedSystem) -> str:
    """An action of another incident that is under way on what this one's parts are or need, in words; "" for none.
    What is measured meanwhile says nothing of this one's own effect."""
    running = ActionRequest.objects.filter(system=incident.system_id, status=Status.RUNNING)
    others = list(running.exclude(incident=None).exclude(incident=incident.pk).order_by("claimed_at"))
    if not others:
        return ""
    mine = set(Symptom.objects.filter(incident=incident, opens=True).values_list("service", flat=True))
    path = mine | set(system.graph.dependencies(sorted(mine)))
    for one in others:
        if path & set(system.graph.members(one.target)):
            return f"#{one.incident_id} is doing {one.slug} on {one.target}"
    return ""
