"""What is thought of an incident: one model from the reasoner's answer through the database to every page."""

from __future__ import annotations

from typing import Any

from pydantic import computed_field

from incidents.typed import Record

NONE = "none"  # the key of "none of these"


class Evidence(Record):
    """One observation in plain words, for or against a finding. `weight`: bits, negative against. `missing`: it says
    that its signal was expected and is not there."""

    text: str = ""
    weight: float = 0.0
    source: str = ""
    signal: str = ""
    service: str = ""
    missing: bool = False


class PlannedStep(Record):
    """One action of a path, with what it is given."""

    action: str
    target: str
    params: dict[str, Any] = {}

    @property
    def words(self) -> str:
        return f"{self.action} on {self.target}"

    @property
    def key(self) -> str:
        """The same words for the same step: `kill-session@db pid=7`."""
        given = "".join(f" {name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.action}@{self.target}{given}"


class Named(Record):
    """A cause on a component, by its names; without any it is "none of these"."""

    component: str = ""
    cause: str = ""
    detail: str = ""
    title: str = ""
    summary: str = ""
    prevent: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def key(self) -> str:
        return ":".join(p for p in (self.component, self.cause, self.detail) if p) or NONE


class Finding(Named):
    """One hypothesis: a cause on a component, how likely (0 to 1), what speaks for and against it, and what would mend
    it, the author's first choice first. `stated`: a part's own words; no probability, no path. `change_id`: of the
    ledger, the change it blames, and `change_kind` what kind that is; "": none."""

    probability: float = 0.0
    pro: list[Evidence] = []
    con: list[Evidence] = []
    category: str = ""
    severity: str = ""
    paths: list[list[PlannedStep]] = []
    stated: bool = False
    change_id: str = ""
    change_kind: str = ""


def none_of_these(probability: float) -> Finding:
    return Finding(title="None of these", probability=probability)


def somewhere_in(part: str, probability: float) -> Finding:
    """Something is wrong there, and what it is is not known."""
    return Finding(component=part, title="Something that is not known", probability=probability)


class Question(Record):
    """A check that would tell the leading findings apart, and how much it is expected to tell (in bits)."""

    signal: str
    service: str
    gain: float = 0.0
    title: str = ""

    @property
    def key(self) -> str:
        return f"{self.signal}@{self.service}"


class Opinion(Record):
    """Ranked findings, the probability that none of them is it, and what to ask next. `place`: the part in which it is,
    where that is surer than any finding."""

    findings: list[Finding] = []
    none_probability: float = 1.0
    questions: list[Question] = []
    place: Finding | None = None

    @property
    def leading(self) -> Finding | None:
        first = self.findings[0] if self.findings else None
        return first if first is not None and (first.stated or first.probability > 0) else None


class Repair(Named):
    """What verified measurements said of a repair: what was done for this cause helped, or did not. `held`: what helped
    has not come back since; `returned`: how often it has, with this cause."""

    did: list[str] = []
    helped: bool = False
    held: bool = True
    returned: int = 0

    @property
    def mended(self) -> bool:
        return self.helped and self.held
