"""What probes return."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT_LIMIT = 500
LABEL_LIMIT = 200

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement of one service. `value` None means the source could not be read: unknown, not bad."""

    service: str
    metric: str
    value: float | None
    text: str = ""
    label: str = ""


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Make text from outside printable: no ANSI sequences, NUL, other control or direction marks; cut to `limit`."""
    text = _CONTROL.sub("", _ANSI.sub("", text[: limit * 8])).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
