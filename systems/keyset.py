"""Pages by the place of their last row, a time and a key: none is repeated or left out while rows come and go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.core.exceptions import BadRequest
from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
_PLACE = re.compile(r"(\d{1,16})_([0-9a-f]{32}|\d{1,18})", re.ASCII)
Place = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """`more`: what the address of the next page says; empty when there is none."""

    rows: Sequence[M]
    more: str

    def __iter__(self) -> Iterator[M]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page(rows: QuerySet[M], size: int, time: str) -> Page[M]:
    """The first `size` of rows that are ordered by `time` and their key."""
    found = list(rows[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return Page(found[:size], f"{(getattr(last, time) - EPOCH) // MICRO}_{_key(last)}" if last else "")


def _key(row: Model) -> str:
    key = row.pk
    return str(getattr(key, "hex", key))


def place(text: str | None, name: str) -> Place | None:
    """Where a page begins, as `more` wrote it; None when nothing was asked for. BadRequest says what to mend."""
    typed = (text or "").strip()
    if not typed:
        return None
    found = _PLACE.fullmatch(typed)
    if found is None or int(found[1]) > 7 * 10**15:  # the year 2191
        raise BadRequest(f"{name}: this is no place in the list; start again from its beginning")
    return EPOCH + int(found[1]) * MICRO, found[2]


def beyond(time: str, after: Place, *, down: bool = False) -> Q:
    """What comes after that place; `down`: in the order from the latest on."""
    at, key = after
    than = "lt" if down else "gt"
    near: dict[str, Any] = {f"{time}__{than}e": at}  # what the index can begin with
    return Q(**near) & (Q(**{f"{time}__{than}": at}) | Q(**{time: at, f"pk__{than}": key}))
