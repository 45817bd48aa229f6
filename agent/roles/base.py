"""The roles, each one small interface, so that each may be built in or a model.

The diagnoser sees evidence and never acts. The planner turns what leads into paths, the reviewer may veto them and adds
none. The executor acts through the action gate and never judges. The validator sees measurements only, never what the
executor says of its own work. The narrator tells what happened from the story, and knows nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.case import Choice, Judgement, Path
from incidents.evidence import Picture, SignalState
from incidents.findings import Finding, Opinion, PlannedStep, Question
from incidents.models import Incident
from incidents.sections import Sections
from incidents.story import Story
from incidents.typed import Record

TAKES_BACK = "revert-change"  # the action by which a change is taken back


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


class Brief(Record):
    """What a planner is given: what is thought, the paths that came to nothing (their keys), of which picture."""

    findings: list[Finding]
    tried: list[str] = []
    picture: datetime | None = None


class Planner(Protocol):
    def plan(self, incident: Incident, brief: Brief) -> Choice: ...


class Draft(Record):
    """What a reviewer is given beside the measurements: the paths, and when an effect of this run was last had."""

    paths: list[Path]
    tried: list[str] = []
    acted_at: datetime | None = None


class Reviewer(Protocol):
    def review(self, incident: Incident, picture: Picture, draft: Draft) -> dict[str, str]:
        """Why paths are not to be taken now, in words, by their keys; {} when nothing is in the way."""
        ...


class Narrator(Protocol):
    def tell(self, story: Story) -> Sections: ...


class Executor(Protocol):
    def propose(
        self,
        incident: Incident,
        step: PlannedStep,
        *,
        run_id: int,
        reason: str,
        ask_why: str,
        runbook: str,
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
