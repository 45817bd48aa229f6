"""A replay against what was really wrong, and against what was thought live. Nothing here feeds back into a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from agent.replay import Replayed, Said
from incidents.bundles import Bundle
from incidents.verdict import ACT_AT

CHANGE = "change"  # the cause of a diagnosis that blames a change of the ledger, which is its detail
KNOWN = "known"  # what a case is of unless its answer says otherwise; "quiet": nothing is wrong


@dataclass(frozen=True)
class Line:
    """One bundle's row. `right`: component and cause of the first diagnosis; where nothing is wrong, that no incident
    opened; None without an answer."""

    name: str
    replayed: Replayed
    answer: Mapping[str, Any] | None
    live: str  # the first diagnosis that was called the cause live, `component:cause[:detail]`

    @property
    def kind(self) -> str:
        return str(self.answer.get("kind", KNOWN)) if self.answer is not None else ""

    @property
    def right(self) -> bool | None:
        return self._right(self.replayed.first)

    @property
    def last_right(self) -> bool | None:
        return self._right(self.replayed.last)

    def _right(self, said: Said | None) -> bool | None:
        if self.answer is None:
            return None
        return is_right(said, self.answer) if self.answer["components"] else self.replayed.opened_at is None

    @property
    def as_live(self) -> bool | None:
        """Whether the first diagnosis is the same as live; None where nothing was called the cause live."""
        return self.live == (self.replayed.first.key if self.replayed.first else "") if self.live else None

    def as_json(self) -> dict[str, Any]:
        return {
            "bundle": self.name, **asdict(self.replayed), "answer": self.answer, "live": self.live,
            "right": self.right, "last_right": self.last_right, "as_live": self.as_live,
        }  # fmt: skip


def is_right(said: Said | None, answer: Mapping[str, Any]) -> bool:
    """A cause of "" among the right ones: the part is right, and no runbook is named for it. A change that is blamed is
    right where it is the one that was made."""
    if said is None or said.component not in answer["components"]:
        return False
    if said.blames and any(made["what"] in said.blames for made in answer.get("changed", ())):
        return True
    return said.cause != CHANGE and said.cause in answer["causes"]


def first_live(bundle: Bundle) -> str:
    """The first diagnosis of the recording that was called the cause; "" when there was none."""
    for event in bundle.timeline:
        if event["kind"] != "hypotheses" or datetime.fromisoformat(event["at"]) < bundle.time(
            bundle.trouble_from
        ):
            continue
        bars: Sequence[Mapping[str, Any]] = event["data"].get("hypotheses", [])
        lead = next((h for h in bars if h.get("key") != "none"), None)
        if lead is not None and (lead.get("stated") or float(lead.get("probability") or 0) >= ACT_AT):
            return str(lead["key"])
    return ""
