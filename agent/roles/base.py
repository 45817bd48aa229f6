"""The three roles, each one small interface, so that each may be the built-in reasoner or a model.

The diagnoser sees evidence and never acts. The executor acts through the action gate and never judges. The
validator sees measurements only, never what the executor says of its own work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.case import Judgement
from incidents.evidence import SignalState
from incidents.findings import Opinion, PlannedStep, Question
from incidents.models import Incident


class Diagnoser(Protocol):
    def diagnose(self, incident: Incident, states: list[SignalState]) -> Opinion: ...

    def ask(self, incident: Incident, question: Question) -> SignalState: ...


@dataclass
class ActionView:
    """Where a requested action stands. `settled` means its outcome will not change any more."""

    id: str
    status: str
    why: str
    message: str = ""

    @property
    def settled(self) -> bool:
        return self.status not in ("waiting", "approved", "running", "unknown")

    @property
    def worked(self) -> bool:
        return self.status == "succeeded"


class Executor(Protocol):
    def propose(
        self, incident: Incident, step: PlannedStep, *, run_id: int, reason: str, ask_why: str
    ) -> ActionView: ...

    def execute(self, request_id: str) -> ActionView: ...

    def look(self, request_id: str) -> ActionView: ...

    def undo(self, request_id: str, *, run_id: int, reason: str) -> ActionView:
        """Ask that a request is taken back: where the request for that stands. `kept`: it is not asked, and why."""
        ...

    def withdraw(self, request_id: str, why: str) -> ActionView:
        """Take back what has not started; where it stands then, whoever was faster."""
        ...


class Validator(Protocol):
    def judge(
        self, incident: Incident, states: list[SignalState], before: set[str], acted_at: datetime | None
    ) -> Judgement: ...
