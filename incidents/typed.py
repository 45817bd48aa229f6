"""JSON columns that are read and written as what they are: pydantic types, not dicts with agreed keys."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform
from pydantic import BaseModel, ConfigDict, TypeAdapter

from systems.readings import clean

TEXT_LIMIT = 20_000


class Record(BaseModel):
    """Base of what is stored. What an older version wrote is read with defaults for what it did not know, and without
    what is no more."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Typed(models.JSONField):
    """A JSON column of one type, `of`; in migrations a plain JSONField, for the type is the program's, not the
    database's. ValidationError when what is written is not of the type. Not for lookups into the JSON."""

    def __init__(self, *args: Any, of: Any = Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapter: TypeAdapter[Any] = TypeAdapter(of)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        if kwargs.get("default") not in (None, list):
            kwargs["default"] = dict  # which is read as the type with all its defaults
        return name, "django.db.models.JSONField", args, kwargs

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        return found if found is None or isinstance(expression, KeyTransform) else self.to_python(found)

    def to_python(self, value: Any) -> Any:
        return self.adapter.validate_python(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "as_sql"):
            return value
        return plain(self.adapter.dump_python(self.to_python(value), mode="json", by_alias=True))


def plain(value: Any) -> Any:
    """`value` as JSON that Postgres accepts: no NUL or control characters, keys as text, the rest as text."""
    if isinstance(value, str):
        return clean(value, TEXT_LIMIT)
    if isinstance(value, dict):
        return {clean(str(k), 200): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(str(value), TEXT_LIMIT)
