"""The general causes (knowledge/general), which hold for any part of any system."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import knowledge
from agent.replay import recorded
from incidents.foreign.signs import CATALOGUE, GRADES
from knowledge.spec import RunbookSpec, split_key

FOLDER = Path(knowledge.__file__).parent / "general"
_PLACE = ("first_to_change", "stands_out")


@lru_cache(maxsize=1)
def general() -> Sequence[RunbookSpec]:
    """All of them. ValueError when a file cannot be read."""
    return tuple(_with_grades(spec) for spec in recorded.shipped(FOLDER))


def _with_grades(spec: RunbookSpec) -> RunbookSpec:
    """Further grades of its own signs, and that it stands out, are explained where they are seen, and never missed."""
    symptoms = dict(spec.symptoms)
    for key in spec.symptoms:
        name, scope = split_key(key)
        for grade in GRADES[1:]:
            if name + grade in CATALOGUE:
                symptoms.setdefault(f"{name}{grade}@{scope}" if scope else name + grade, "possible")
    for key in _PLACE:
        symptoms.setdefault(key, "possible")
    return spec.model_copy(update={"symptoms": symptoms})
