"""What a diagnosis of a bundle says, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from incidents.foreign import times
from incidents.foreign.facts import Told

Outcome = Literal["cause", "healthy", "unknown"]


@dataclass(frozen=True)
class Suspect:
    """A cause on a component. `pro` and `con` in plain words, the strongest first."""

    component: str
    cause: str
    title: str
    category: str
    probability: float
    pro: tuple[str, ...] = ()
    con: tuple[str, ...] = ()
    change: Told | None = None
    since: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "component": self.component,
            "cause": self.cause,
            "category": self.category,
            "probability": round(self.probability, 4),
            "change": change_json(self.change),
            "evidence": [*self.pro, *(f"against: {text}" for text in self.con)],
        }


def change_json(change: Told | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {"id": change.id, "kind": change.kind, "at": times.as_datetime(change.at).isoformat()}


@dataclass
class Result:
    """`why` is one sentence for the verdict. `history`: what was said and is over, with the reason. `shown`: what
    a page draws: rows of (component, sign, seconds since 1970)."""

    verdict: Outcome
    why: str
    suspects: list[Suspect] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    forms: dict[str, int] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)
    onsets: list[tuple[str, str, float]] = field(default_factory=list)
    changes: list[Told] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "hypotheses": [s.as_json() for s in self.suspects],
            "seconds": round(self.seconds, 3),
        }
