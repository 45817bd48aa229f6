"""What is held to be the cause of an incident, from one place: pages, lists, postmortem and REST all read this.

Below the acting threshold nothing is called the cause; a cause whose repair was tried and did not help is not it
either; and what a part itself says outright is not replaced by what is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from incidents.findings import NONE, Evidence, Finding, Named, Repair
from incidents.plain import sure

ACT_AT = 0.60  # a cause must be at least this probable to be called the cause, and to be acted on
NAMED_AT = 0.05  # a best guess below this is not worth a name
NOTE_SHOWN = 200  # of what a person wrote on closing it

Standing = Literal["looking", "known", "stated", "guess", "unknown", "refuted", "told"]


class Bar(Finding):
    """A finding as it is shown, its evidence strongest first. `refuted`: its repair was tried and did not help.
    `more`: what does not fit on the card."""

    refuted: bool = False
    more: list[Evidence] = []


@dataclass(frozen=True)
class Verdict:
    """The diagnosis as it stands, for showing. Everything here agrees with everything else here.

    `standing`: looking (nothing thought yet), known (at or above ACT_AT), stated (a part says it itself), guess and
    unknown (below), refuted (its repair was tried and did not help), told (the person who closed it says what it was).
    `headline`: one sentence for titles and lists, without a full stop: what is wrong where that is known, else what is
    seen and "cause not known yet: best guess ... (34 %)".
    `cause`: the same for a line of its own that is about the cause alone.
    `component`: the suspected service or group, "" unless known or stated. `diagnosis`: `component:cause[:detail]`,
    "" unless known. `probability`: 0..1 of the first bar, None while looking.
    `confidence`: the same, but None unless known: "so sure" may only be said of what is called the cause.
    `bars`: what is thought, the first one leading, "none of these" last.
    `repaired`, `failed`: what was repaired with success, and what was taken for the cause and was not.
    """

    standing: Standing
    headline: str
    cause: str
    component: str = ""
    diagnosis: str = ""
    probability: float | None = None
    bars: list[Bar] = field(default_factory=list)
    repaired: list[Repair] = field(default_factory=list)
    failed: list[Repair] = field(default_factory=list)

    @property
    def confidence(self) -> float | None:
        return self.probability if self.standing == "known" else None

    @property
    def is_known(self) -> bool:
        return self.standing in ("known", "stated")


class Row(Protocol):
    """The fields of an incident that are read here."""

    title: Any
    summary: Any
    component: Any
    cause: Any
    confidence: Any
    hypotheses: Any
    repairs: Any
    closed_by: Any
    closing_note: Any

    @property
    def diagnosis(self) -> str: ...


def of(incident: Row) -> Verdict:
    """The verdict of an incident as its row has it."""
    helped = [r for r in incident.repairs if r.mended]
    cured = {r.key for r in helped}
    failed = [r for r in incident.repairs if not r.helped and r.key not in cured]
    bars = [_bar(f, {r.key for r in failed}) for f in incident.hypotheses]
    lead = next((b for b in bars if b.key != NONE), None)
    tried = "".join(f"; {_was(r)}" for r in failed[-1:])
    seen = incident.title.rstrip(". ")
    shown: dict[str, Any] = {"bars": bars, "repaired": helped, "failed": failed}
    if incident.closing_note:  # whoever mended it knows better than whoever thought about it
        note = " ".join(str(incident.closing_note).split()).rstrip(". ")
        note = note if len(note) <= NOTE_SHOWN else note[: NOTE_SHOWN - 1].rstrip() + "…"
        cause = f"as {incident.closed_by} says: {note}"
        return Verdict("told", f"{seen}; cause, {cause}", cause, **shown)
    if lead is None and incident.cause:  # written down by a person, or by an import
        words = Named(component=incident.component, title=incident.cause.replace("_", " "))
        headline = incident.summary.rstrip(". ") or seen
        return Verdict(
            "known",
            headline,
            _named(words),
            incident.component,
            incident.diagnosis,
            incident.confidence,
            **shown,
        )
    if lead is None:
        looking = not bars
        cause = "not known yet" if looking else f"not known yet: no known cause fits{tried}"
        headline = seen if looking else f"{seen}; cause {cause}"
        return Verdict("looking" if looking else "unknown", headline, cause, **shown)
    shown["probability"] = lead.probability
    place: dict[str, Any] = {"component": lead.component}
    summary = (lead.summary or lead.title).rstrip(". ")
    if lead.refuted:
        cause = f"not known yet: {_was(lead)}"
        return Verdict("refuted", f"{seen}; cause {cause}", cause, **shown)
    if lead.stated:
        return Verdict("stated", summary, f"what {lead.component} itself says: {summary}", **place, **shown)
    if lead.probability >= ACT_AT:
        return Verdict("known", summary, _named(lead), diagnosis=lead.key, **place, **shown)
    guess = f"best guess {_named(lead)} ({sure(lead.probability)})"
    named = lead.probability >= NAMED_AT
    cause = f"not known yet: {guess if named else 'no known cause fits'}{tried}"
    return Verdict("guess" if named else "unknown", f"{seen}; cause {cause}", cause, **shown)


def _bar(finding: Finding, refuted: set[str]) -> Bar:
    fields = dict(finding) | {
        "title": finding.title or finding.key,
        "pro": sorted(finding.pro, key=_weight),
        "con": sorted(finding.con, key=_weight),
    }
    return Bar(**fields, refuted=finding.key in refuted)


def _weight(item: Evidence) -> float:
    return -abs(item.weight)


def _named(lead: Named) -> str:
    title = lead.title.rstrip(". ")
    plain = title[1:2].islower()  # not an abbreviation
    where = f" on {lead.component}" if lead.component else ""
    return f"{title[:1].lower() if plain else title[:1]}{title[1:]}{where}"


def _was(lead: Named) -> str:
    return f"{_named(lead)} was taken for the cause, but its repair did not help"
