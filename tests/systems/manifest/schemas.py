"""A validator of what our JSON Schema uses, and no more: it must be able to say no."""

from __future__ import annotations

import re
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
    "array": (list,), "object": (dict,),
}  # fmt: skip
KNOWN = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum", "examples",
    "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
    "minProperties", "minimum", "pattern", "patternProperties", "properties", "propertyNames", "required", "title",
    "type",
}  # fmt: skip


def wrongs(schema: dict[str, Any], item: Any, root: dict[str, Any] | None = None, at: str = "") -> list[str]:
    """Where and why `item` is not of the schema; [] when it is."""
    root = schema if root is None else root
    assert set(schema) <= KNOWN, (
        f"the schema at {at} uses what this validator does not know: {set(schema) - KNOWN}"
    )
    if "$ref" in schema:
        return wrongs(root["$defs"][schema["$ref"].rpartition("/")[2]], item, root, at)
    if "anyOf" in schema:
        tried = [wrongs(one, item, root, at) for one in schema["anyOf"]]
        if [] not in tried or "properties" not in schema:
            return [] if [] in tried else min(tried, key=len)
    if "type" in schema:
        is_flag = isinstance(item, bool) and schema["type"] != "boolean"
        if is_flag or not isinstance(item, TYPES[schema["type"]]):
            return [f"{at}: is no {schema['type']}"]
    found = []
    if item not in schema.get("enum", [item]) or item != schema.get("const", item):
        found.append(f"{at}: is none of those")
    if isinstance(item, str):
        if not re.search(schema.get("pattern", ""), item) or len(item) < schema.get("minLength", 0):
            found.append(f"{at}: does not look right")
    elif isinstance(item, list):
        if len(item) < schema.get("minItems", 0):
            found.append(f"{at}: too few")
        for n, one in enumerate(item):
            found += wrongs(schema.get("items", {}), one, root, f"{at}.{n}")
    elif isinstance(item, dict):
        found += _of_mapping(schema, item, root, at)
    elif isinstance(item, int | float):
        small = item < schema.get("minimum", item) or item <= schema.get("exclusiveMinimum", item - 1)
        if small or item > schema.get("maximum", item):
            found.append(f"{at}: out of range")
    return found


def _of_mapping(schema: dict[str, Any], item: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    found = [f"{at}.{key}: is missing" for key in schema.get("required", []) if key not in item]
    for key, value in item.items():
        of_pattern = [s for p, s in schema.get("patternProperties", {}).items() if re.search(p, str(key))]
        known = schema.get("properties", {}).get(key) or next(
            iter(of_pattern), schema.get("additionalProperties", True)
        )
        if known is False:
            found.append(f"{at}.{key}: unknown key")
        elif isinstance(known, dict):
            found += wrongs(known, value, root, f"{at}.{key}")
    return found
