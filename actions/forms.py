"""The parameters of an action as fields of a form, and what was typed into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict

from actions.base import ActionContext, AnyAction

BY_ITSELF = "filled in"  # so the description of a parameter begins that the action finds out


@dataclass(frozen=True)
class Field:
    """One parameter. `choices`: all that it may be now, as it is shown; `listed`: several of them, or several lines."""

    name: str
    kind: Literal["choice", "number", "truth", "text"]
    words: str
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()
    listed: bool = False
    least: float | None = None
    most: float | None = None
    whole: bool = False

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


def fields(action: AnyAction, ctx: ActionContext) -> list[Field]:
    """All that a person may give. Inventories are asked now, so it may raise whatever they do."""
    schema = action.Params.model_json_schema()
    inventory = action.choices(ctx)
    needed = schema.get("required", [])
    return [
        _field(name, item, name in needed, inventory.get(name))
        for name, item in schema.get("properties", {}).items()
        if not str(item.get("description", "")).startswith(BY_ITSELF)
    ]


def _field(name: str, item: Mapping[str, Any], required: bool, inventory: list[str] | None) -> Field:
    kinds = [k for k in item.get("anyOf", [item]) if k.get("type") != "null"]
    shape = kinds[0] if kinds else {}
    listed = shape.get("type") == "array"
    if listed:
        shape = shape.get("items", {})
    given = [shape["const"]] if "const" in shape else shape.get("enum")
    choices = inventory if inventory is not None else given
    kind = shape.get("type")
    return Field(
        name,
        "choice" if choices is not None else "truth" if kind == "boolean" else
        "number" if kind in ("integer", "number") else "text",
        str(item.get("description", "")),
        required,
        item.get("default"),
        tuple(map(str, choices or ())),
        listed,
        shape.get("minimum"),
        shape.get("maximum"),
        kind == "integer",
    )  # fmt: skip


def given(found: list[Field], post: QueryDict) -> dict[str, Any]:
    """What was filled in, as the gate takes it; what was left empty is left out."""
    params: dict[str, Any] = {}
    for field in found:
        values = [v for v in post.getlist(f"p_{field.name}") if v != ""]
        if field.kind == "truth":
            params[field.name] = bool(values)
        elif field.listed and field.kind != "choice":
            values = [line.strip() for text in values for line in text.splitlines() if line.strip()]
        if field.kind != "truth" and values:
            params[field.name] = values if field.listed else values[0]
    return params
