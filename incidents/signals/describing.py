"""The schema of what ships in `catalogue/`, for editors and for whoever adds to it:
`python -m incidents.signals.describing > docs/signals.schema.json`."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter

from incidents.signals.entries import DETECTORS, TIMING, Entry
from incidents.signals.words import Spec

ABOUT = (
    "Signals of incidents/signals/catalogue/, what each field means: incidents/signals/base.py. "
    "words.yaml is a list of words, every other file a list of signals."
)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a file of the catalogue: a list of signals, or of words."""
    signal = Entry.model_json_schema(ref_template="#/$defs/{model}")
    word = TypeAdapter(Spec).json_schema(ref_template="#/$defs/{model}") | {"additionalProperties": False}
    defs: dict[str, Any] = signal.pop("$defs", {}) | word.pop("$defs", {})
    signal["properties"]["when"] = _when(defs)
    for one in (signal, word):
        one["properties"]["timing"] = {"anyOf": [{"enum": list(TIMING)}, {"type": "string"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The signals that ship",
        "description": ABOUT,
        "anyOf": [{"type": "array", "items": signal}, {"type": "array", "items": word}],
        "$defs": defs,
    }


def _when(defs: dict[str, Any]) -> dict[str, Any]:
    """One detector with what it takes; its first thing alone where it needs no other, nothing where it needs none."""
    properties: dict[str, Any] = {}
    for name, kind in DETECTORS.items():
        made = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
        defs |= made.pop("$defs", {})
        taken, needed = fields(kind), [f.name for f in fields(kind) if f.default is MISSING]
        forms: list[Any] = [made | {"additionalProperties": False}]
        if taken and needed in ([], [taken[0].name]):
            forms.append(made["properties"][taken[0].name])
        properties[name] = {"anyOf": forms, "description": " ".join((kind.__doc__ or "").split())}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "description": "The detector: when a reading makes the signal true.",
    }


def text() -> str:
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(text(), end="")
