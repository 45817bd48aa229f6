"""What a diagnosis of a bundle says, and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from incidents.foreign import times
from incidents.foreign.facts import Told
from systems.redact import Redactor

MOST_DRAWN = 400  # edges, onsets and changes that are handed to a page

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
        """What a caller asks for; shapes of secrets in texts are masked."""
        said: dict[str, Any] = Redactor().json([s.as_json() for s in self.suspects])
        return {"verdict": self.verdict, "hypotheses": said, "seconds": round(self.seconds, 3)}

    def whole(self) -> dict[str, Any]:
        """All that a page shows, as plain data: times are seconds since 1970 UTC."""
        suspects = [
            {
                **asdict(s),
                "pro": list(s.pro),
                "con": list(s.con),
                "change": asdict(s.change) if s.change else None,
            }
            for s in self.suspects
        ]
        edges = sorted([a, b] for a, others in self.needs.items() for b in others)
        found: dict[str, Any] = Redactor().json(
            {
                "verdict": self.verdict, "why": self.why, "suspects": suspects, "history": self.history,
                "notes": self.notes, "forms": self.forms, "edges": edges[:MOST_DRAWN],
                "onsets": [list(o) for o in self.onsets[:MOST_DRAWN]],
                "changes": [asdict(c) for c in self.changes[-MOST_DRAWN:]], "seconds": self.seconds,
            }
        )  # fmt: skip
        return found
