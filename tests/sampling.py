"""Long lists of cases are taken in parts: each day's runs take another one, and OPS_SAMPLE=all takes everything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def stride(parts: int) -> tuple[int, int]:
    """(where this run begins, how far it steps) through a list of which it takes one of `parts`. OPS_SAMPLE is `all`,
    or the number of the part, to see a failure again."""
    said = os.environ.get("OPS_SAMPLE", "")
    if said == "all":
        return 0, 1
    day = int(said) if said.isdigit() else datetime.now(UTC).toordinal()
    return day % parts, parts


def part(cases: Sequence[T], parts: int) -> Sequence[T]:
    begin, step = stride(parts)
    return cases[begin::step]
