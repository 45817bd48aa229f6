"""What each kind of timeline event says, typed. Pages, postmortem and figures read these, never words of a title."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError

from incidents.findings import Finding, PlannedStep, Question
from incidents.typed import Record, plain


class Facts(Record):
    """Base of all. `kind`: of the event that carries them."""

    kind: ClassVar[str]

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is not said."""
        found: dict[str, Any] = plain(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))
        return found


class Seen(Facts):
    """A symptom began. `back`: it had been over before, in this incident. `opens`: it may open one by itself."""

    kind = "symptom"
    symptom: int | None = None
    signal: str = ""
    service: str = ""
    label: str = ""
    value: float | None = None
    first_seen: datetime | None = None
    opens: bool = True
    back: bool = False


class Cleared(Seen):
    """A symptom is over."""

    kind = "cleared"


class Unread(Seen):
    """A symptom cannot be read any more, and was not seen to end."""

    kind = "unread"


class Moved(Facts):
    """The incident went from one state to another. `person`: because a person said so, with `note`. `prevent`: what
    would keep it from coming back, as the agent has it; `acted`: what it did. `flaps`: it came back, for the so many-th
    time, `back_as` that number."""

    kind = "state"
    source: str = Field(default="", alias="from")
    to: str = ""
    person: bool = False
    note: str = ""
    follows: int | None = None  # number of the incident that was resolved shortly before
    merged_into: int | None = None
    back_as: int | None = None
    flaps: int = 0
    prevent: str = ""
    acted: list[str] = []


class Weighed(Facts):
    """What is thought, "none of these" last, and what would tell it apart."""

    kind = "hypotheses"
    hypotheses: list[Finding] = []
    questions: list[Question] = []


class Checked(Facts):
    """A check was asked and answered."""

    kind = "check"
    signal: str = ""
    service: str = ""
    answer: Literal["yes", "no", "could not be told"] = "could not be told"


class Passage(Record):
    """A part of a runbook."""

    runbook: str
    heading: str = ""
    text: str = ""
    score: float = 0.0


class Passages(Facts):
    """Parts of runbooks that speak of what is seen."""

    kind = "runbook"
    passages: list[Passage] = []


class DryRun(PlannedStep):
    """A step with what it would do, as the gate previews it, and its risk."""

    preview: dict[str, Any] = {}
    risk: str = ""


class Candidate(Record):
    """A path that was weighed: its steps in words, how likely it works (0 to 1), the seconds it is expected to cost,
    what of these stands for what would be lost, and the highest risk of a step."""

    steps: list[str]
    p_success: float = 0.0
    cost: float = 0.0
    loss: float = 0.0
    risk: str = ""


class Planned(Facts):
    """`taken`: this is tried next. `shown`: it would be asked for, where the agent only watches. `closed`: the path
    came to nothing. `waits`: something is in the way of the next step. `nothing`: no repair is called for.

    `fallbacks`: other paths, their steps in words; `candidates`: all that were weighed, the chosen one first;
    `skipped`: why others were left out."""

    kind = "plan"
    what: Literal["taken", "shown", "closed", "waits", "nothing", ""] = ""
    steps: list[DryRun] = []
    cost: float | None = None
    p_success: float | None = None
    fallbacks: list[list[str]] = []
    candidates: list[Candidate] = []
    skipped: list[str] = []
    finding: Finding | None = None
    prevent: str = ""


class Asked(Facts):
    """Where a request for an action stands: asked for, decided, reminded of. `lost`: what was lost by it, counted."""

    kind = "approval"
    request: str = ""
    action: str = ""
    target: str = ""
    params: dict[str, Any] = {}
    status: str = ""
    risk: str = ""
    lost: dict[str, int | None] = {}
    undo_of: str = ""
    preview: dict[str, Any] = {}
    reminder: int = 0
    changed: bool = False
    unsure: str = ""

    @property
    def words(self) -> str:
        return f"{self.action} on {self.target}"


class Acted(Asked):
    """An action was started, or is over."""

    kind = "action"


class RolledBack(Asked):
    """The same of what takes an action back."""

    kind = "rollback"


class Measured(Facts):
    """What the measurements say after an effect, or without one. `recovered` with all green since `green_since`;
    `mended`: by something the agent did; `held_off`: the symptoms are gone and what caused them is not.

    `cleared`: how many symptoms have gone; `remaining` and `new`: those that hold, in words."""

    kind = "verify"
    outcome: Literal["recovered", "held_off", "not_recovered", ""] = ""
    green_since: datetime | None = None
    mended: bool = False
    cleared: int = 0
    remaining: list[str] = []
    new: list[str] = []


class Noted(Facts):
    """A remark. `kept`: an effect that is not taken back, and why. The rest is what a person did beside the states."""

    kind = "note"
    kept: bool = False
    why: str = ""
    person: bool = False
    owner: str | None = None
    severity: str = ""
    was: str = ""
    merged: int | None = None
    beside: int | None = None  # the incident to or from which symptoms went
    symptoms: list[str] = []


class HandedOver(Facts):
    """Everything that was found, for whoever takes it over."""

    kind = "handover"
    why: str = ""
    findings: list[Finding] = []
    tried: list[str] = []
    asked: list[str] = []
    seen: list[str] = []


class Written(Facts):
    """The postmortem has a new version."""

    kind = "postmortem"
    version: int = 1


KINDS: dict[str, type[Facts]] = {
    found.kind: found
    for found in (
        Seen, Cleared, Unread, Moved, Weighed, Checked, Passages, Planned, Asked, Acted, RolledBack, Measured, Noted,
        HandedOver, Written,
    )
}  # fmt: skip


def read(kind: str, data: dict[str, Any]) -> Facts:
    """The facts of a stored event. Of one that an older version wrote in another shape, what can still be read."""
    of = KINDS[kind]
    try:
        return of.model_validate(data)
    except ValidationError as error:
        wrong = {str(e["loc"][0]) for e in error.errors() if e["loc"]}
        return of.model_validate({k: v for k, v in data.items() if k not in wrong})
