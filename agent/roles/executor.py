"""The built-in executor: every effect goes through the action gate; it holds no rights of its own."""

from __future__ import annotations

from dataclasses import replace

from actions import service
from actions.models import ActionRequest
from agent.roles.base import ActionView
from incidents.findings import PlannedStep
from incidents.models import Incident

ACTOR = "agent"


class GateExecutor:
    """Asks the gate, runs what was approved, and reads back where a request stands."""

    def propose(
        self,
        incident: Incident,
        step: PlannedStep,
        *,
        run_id: int,
        reason: str,
        ask_why: str,
        runbook: str,
    ) -> ActionView:
        request = service.propose(
            incident.system.slug,
            step.action,
            step.target,
            step.params,
            requested_by=ACTOR,
            incident_id=incident.number,
            run_id=run_id,
            reason=reason,
            ask_why=ask_why,
            runbook=runbook,
        )
        return _view(request)

    def execute(self, request_id: str) -> ActionView:
        return _view(service.execute(request_id))

    def look(self, request_id: str) -> ActionView:
        return _view(ActionRequest.objects.get(pk=request_id))

    def undo(self, request_id: str, *, run_id: int, reason: str) -> ActionView:
        """Only a state that was not known to be bad is put back; else it is not even asked for."""
        seen = ActionRequest.objects.only("undo").get(pk=request_id)
        if seen.undo is None:
            return replace(self.look(request_id), status="kept", why="it left nothing that could be put back")
        if why := service.not_to_be_rolled_back(request_id):
            return replace(self.look(request_id), status="kept", why=why)
        try:
            return _view(service.undo(request_id, requested_by=ACTOR, run_id=run_id, reason=reason))
        except service.ActionRefused as error:
            return replace(self.look(request_id), status="kept", why=str(error))

    def withdraw(self, request_id: str, why: str) -> ActionView:
        service.cancel(request_id, ACTOR, f"withdrawn: {why}")
        return self.look(request_id)


def _view(request: ActionRequest) -> ActionView:
    message = str((request.result or {}).get("message", ""))
    return ActionView(str(request.pk), request.status, request.status_why, message)
