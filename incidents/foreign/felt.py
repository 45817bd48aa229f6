"""What is over, and was felt: a failover that passed, and that others suffered from while it went on, is what an
incident was about although all is well again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from incidents.foreign.said import OF_OTHERS, Said

# What comes and goes by itself, and is not there to be found afterwards.
PASSING = frozenset({"said_failover"})
BEFORE_S, AFTER_S = 30.0, 180.0  # around it, others begin to complain
_PLACE = re.compile(r"\b([a-z][\w.-]*):\d{2,5}\b", re.IGNORECASE)  # a host and its port
LEAST = 3  # complaints: fewer are made at any time


def with_felt(said: Sequence[Said], start: float | None) -> list[Said]:
    """The statements, with what was felt and the complaints of it standing again. `start`: when what was measured left
    normal, where it did."""
    passed = [s for s in said if s.sign in PASSING and not s.stands and s.first is not None]
    complaints = {id(p): [c for c in said if _complains(c, p)] for p in passed}
    felt = {i for i, found in complaints.items() if sum(c.count for c in found) >= LEAST}
    felt |= {id(p) for p in passed if start is not None and _near(start, p)}
    heard = {id(c) for p in passed if id(p) in felt for c in complaints[id(p)]}
    return [_standing(s) if id(s) in felt | heard and not s.stands else s for s in said]


def _standing(said: Said) -> Said:
    return replace(said, stands=True, text=f"{said.text} (over: {said.why})"[:400], why="")


def _complains(other: Said, passed: Said) -> bool:
    """Whether it is another part's own error, about somebody it calls, that began while that went on."""
    return (
        other.sign in OF_OTHERS
        and other.sure
        and other.source == "log"
        and other.component != passed.component
        and (other.about == passed.component or (not other.about and _may_mean(other.text, passed.component)))
        and other.first is not None
        and _near(other.first, passed)
    )


def _may_mean(text: str, component: str) -> bool:
    """Whether what a sentence names as not answering, where it names one, is the component."""
    return all(place.lower().startswith(component.lower()) for place in _PLACE.findall(text))


def _near(at: float, passed: Said) -> bool:
    first = passed.first or 0.0
    return first - BEFORE_S <= at <= max(passed.last or first, first) + AFTER_S
