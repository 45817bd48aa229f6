"""The general causes (knowledge/general), which hold for any part of any system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import knowledge
from agent.replay import recorded
from incidents.foreign.signs import CATALOGUE, GRADES
from knowledge.spec import RunbookSpec, split_key

FOLDER = Path(knowledge.__file__).parent / "general"
# How trouble of any cause goes on: at the part itself and at what calls it.
_FOLLOWS = ("refuses", "fails", "slow", "starves", "flow", "words")
_ALSO = ("not_all_ready", "said_times_out", "said_refuses", "said_upstream")
_AT_CALLERS = ("slow_alone",)
_PLACE = ("first_to_change", "stands_out")


@lru_cache(maxsize=1)
def general() -> Sequence[RunbookSpec]:
    """All of them. ValueError when a file cannot be read."""
    return tuple(_with_consequences(spec) for spec in recorded.shipped(FOLDER))


def _with_consequences(spec: RunbookSpec) -> RunbookSpec:
    """Further grades of its own signs, and what follows from trouble at the part and at its callers, are explained
    where they are seen, and never missed."""
    symptoms = dict(spec.symptoms)
    for key in spec.symptoms:
        name, scope = split_key(key)
        for grade in GRADES[1:]:
            if name + grade in CATALOGUE:
                symptoms.setdefault(f"{name}{grade}@{scope}" if scope else name + grade, "possible")
    for key in _consequences():
        symptoms.setdefault(key, "possible")
    return spec.model_copy(update={"symptoms": symptoms})


def _consequences() -> Iterator[str]:
    signs = [
        s.id
        for s in CATALOGUE.values()
        if s.klass in _FOLLOWS and not s.id.startswith(("traffic_more", "network_more"))
    ]
    yield from signs
    yield from (f"{s}@callers" for s in signs)
    yield from _PLACE
    yield from _ALSO
    yield from (f"{s}@callers" for s in _ALSO)
    for sign in _AT_CALLERS:
        yield from (f"{sign}{grade}@callers" for grade in GRADES)
