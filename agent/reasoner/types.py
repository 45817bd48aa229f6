"""What goes into and comes out of the reasoner. Plain data; bits are base-2 log likelihood ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol


class State(Protocol):
    """One signal on one service as it stands: True, False, or None when its source could not be read."""

    @property
    def signal(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def value(self) -> bool | None: ...
    @property
    def reading_value(self) -> float | None: ...
    @property
    def text(self) -> str: ...


class Change(Protocol):
    """Something settled that became something else, between `last_old` and `first_new`; as the ledger has it."""

    @property
    def id(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def thing(self) -> str: ...
    @property
    def before(self) -> str | None: ...
    @property
    def after(self) -> str | None: ...
    @property
    def last_old(self) -> datetime: ...
    @property
    def first_new(self) -> datetime: ...
    @property
    def effective_at(self) -> datetime | None: ...
    @property
    def pending(self) -> bool: ...
    @property
    def actor(self) -> str: ...
    @property
    def words(self) -> str: ...


class SignalInfo(Protocol):
    """What the catalogue says of a signal. `leak`: chance that it holds with nothing wrong."""

    @property
    def leak(self) -> float: ...
    @property
    def cost(self) -> float: ...
    @property
    def source(self) -> str: ...
    @property
    def title(self) -> str: ...


Catalog = Mapping[str, SignalInfo]


@dataclass(frozen=True)
class Evidence:
    """One observation, for (bits > 0) or against (bits < 0) a hypothesis, in plain words. `missing`: it says of its
    signal that it is not there."""

    signal: str
    service: str
    text: str
    bits: float
    source: str = ""
    missing: bool = False


@dataclass(frozen=True)
class PlannedStep:
    action: str
    target: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NextCheck:
    """A question worth asking: expected information in bits, per unit of cost."""

    signal: str
    service: str
    gain_bits: float
    cost: float
    title: str = ""

    @property
    def score(self) -> float:
        return self.gain_bits / max(self.cost, 0.05)


@dataclass(frozen=True)
class Hypothesis:
    """One cause on one component. `probability` is marginal: alone or together with another cause."""

    component: str
    cause: str
    detail: str
    probability: float
    title: str
    summary: str
    members: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    category: str = ""
    severity: str = ""
    prevent: str = ""
    evidence_for: tuple[Evidence, ...] = ()
    evidence_against: tuple[Evidence, ...] = ()
    paths: tuple[tuple[PlannedStep, ...], ...] = ()
    together_with: tuple[str, ...] = ()
    kind: Literal["known", "change"] = "known"
    change: Change | None = None
    change_bits: float = 0.0  # what tells that a named cause follows from it
    is_taken_back: bool = True  # whether it is mended with that change

    @property
    def key(self) -> str:
        return ":".join(p for p in (self.component, self.cause, self.detail) if p)


@dataclass(frozen=True)
class Diagnosis:
    """Causes by marginal probability, and `leading`: the single most probable set (empty = none of these).

    `suspect`: the part in which an unknown cause would most probably be, and how probable that is. `place`: the same
    for any cause, known or not."""

    hypotheses: tuple[Hypothesis, ...]
    none_probability: float
    next_checks: tuple[NextCheck, ...]
    elapsed_ms: float
    leading: tuple[Hypothesis, ...] = ()
    unexplained: tuple[Evidence, ...] = ()
    suspect: tuple[str, float] = ("", 0.0)
    place: tuple[str, float] = ("", 0.0)

    @property
    def next_check(self) -> NextCheck | None:
        return self.next_checks[0] if self.next_checks else None

    @property
    def is_unknown(self) -> bool:
        """No known cause is more probable than 'none of these'."""
        return not self.hypotheses or self.none_probability >= self.hypotheses[0].probability


Learned = Mapping[tuple[str, str], tuple[float, float]]
Boosts = Mapping[str, float]
Priors = Mapping[str, float]
States = Sequence[State]
