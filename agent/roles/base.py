"""The three roles, each one small interface, so that each may be the built-in reasoner or a model.

The diagnoser sees evidence and never acts. The executor acts through the action gate and never judges. The
validator sees measurements only, never what the executor says of its own work.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from incidents.evidence import SignalState
from incidents.models import Incident


@dataclass
class Finding:
    """One hypothesis in JSON-able form. `pro` and `con` are [{"text", "weight", "source", "signal", "service"}]."""

    component: str
    cause: str
    detail: str
    title: str
    summary: str
    probability: float
    pro: list[dict[str, Any]] = field(default_factory=list)
    con: list[dict[str, Any]] = field(default_factory=list)
    category: str = ""
    severity: str = ""
    prevent: str = ""
    verify: list[str] = field(default_factory=list)
    paths: list[list[dict[str, Any]]] = field(default_factory=list)
    stated: bool = False  # a part's own words; no probability, no path

    @property
    def key(self) -> str:
        return ":".join(p for p in (self.component, self.cause, self.detail) if p)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "key": self.key}


@dataclass
class Question:
    """A check that would tell the leading hypotheses apart, and how much it is expected to tell (in bits)."""

    signal: str
    service: str
    gain: float
    title: str = ""

    @property
    def key(self) -> str:
        return f"{self.signal}@{self.service}"


@dataclass
class Opinion:
    """Ranked findings, the probability that none of them is it, and what to ask next."""

    findings: list[Finding]
    none_probability: float
    questions: list[Question] = field(default_factory=list)

    @property
    def leading(self) -> Finding | None:
        first = self.findings[0] if self.findings else None
        return first if first is not None and (first.stated or first.probability > 0) else None


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
        self, incident: Incident, step: dict[str, Any], *, run_id: int, reason: str, ask_why: str
    ) -> ActionView: ...

    def execute(self, request_id: str) -> ActionView: ...

    def look(self, request_id: str) -> ActionView: ...

    def undo(self, request_id: str, *, run_id: int, reason: str) -> ActionView:
        """Ask that a request is taken back: where the request for that stands. `kept`: it is not asked, and why."""
        ...

    def withdraw(self, request_id: str, why: str) -> ActionView:
        """Take back what has not started; where it stands then, whoever was faster."""
        ...


@dataclass
class Verdict:
    """What the measurements say. `remaining` and `new` are plain sentences, `active` the keys of what still holds."""

    state: Literal["recovered", "holding", "unwell"]
    why: str
    remaining: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    cleared: int = 0
    active: list[str] = field(default_factory=list)


class Validator(Protocol):
    def judge(
        self, incident: Incident, states: list[SignalState], before: set[str], acted_at: datetime | None
    ) -> Verdict: ...
