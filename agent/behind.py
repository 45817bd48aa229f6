"""Which changed settings are behind a cause: those that it is, or that may have led to it."""

from __future__ import annotations

import re
from collections.abc import Collection

from agent.reasoner import drastic
from incidents.findings import Finding
from incidents.returned import CHANGE
from incidents.signals import CATALOG
from incidents.verdict import ACT_AT
from knowledge import service as knowledge
from knowledge.spec import RunbookSpec
from systems.graph import SystemGraph
from systems.models import ChangeRow
from systems.state import ledger

OF_SEVERAL = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)+")  # seldom the same by chance


def shown(
    finding: Finding | None, graph: SystemGraph, put_back: Collection[str] = ()
) -> set[tuple[str, str]]:
    """(signal, service) of what speaks for it. Where the change itself is the cause, what else was changed near it is
    shown with it, and is none of it; nor where a changed setting of the part was behind it and was put back (the parts
    that were: `put_back`)."""
    if finding is None:
        return set()
    said = {(e.signal, e.service) for e in finding.pro}
    mine = graph.members(finding.component)
    said = {(signal, service) for signal, service in said if not is_another_setting(signal, finding)}
    was_a_setting = any(is_setting(s) and p in put_back and p in mine for s, p in said)
    if not was_a_setting and not is_of_a_change(finding):
        return {
            (s, part) for s, part in said if not is_setting(s) or part in mine or _is_named(finding, s, part)
        }
    return {(signal, service) for signal, service in said if service in mine}


def _is_named(finding: Finding, signal_id: str, service: str) -> bool:
    """Whether a setting of another part is spoken of: what else speaks for the cause, or what it is about, has the
    part's name or one of several words that stands in what was changed. Else it is only beside it; and that it is ill
    itself says that it needs what is broken."""
    changed = [e.text for e in finding.pro if (e.signal, e.service) == (signal_id, service)]
    others = (e.text for e in finding.pro if not is_setting(e.signal) and e.service != service)
    told = " ".join([finding.detail, *others]).lower()
    own = {finding.component.lower()}
    names = {service.lower(), *(w for text in changed for w in OF_SEVERAL.findall(text.lower()))} - own
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", told) for name in names)


def is_still_gone(finding: Finding | None) -> bool:
    """Whether the change that it blames took something away which has not come back. What needs that seldom shows
    nothing in between, and is no better for it."""
    row = _blamed(finding)
    return row is not None and drastic.bits(ledger.change_of(row)) >= drastic.GREATLY and _stands(row)


def is_still_changed(finding: Finding | None) -> bool:
    """Whether the change that it blames, or follows from, is as it was made: nobody has changed that again."""
    row = _blamed(finding)
    return row is not None and _stands(row)


def _blamed(finding: Finding | None) -> ChangeRow | None:
    blamed = finding.change_id if finding else ""
    return ChangeRow.objects.filter(pk=int(blamed)).first() if blamed.isdecimal() else None


def _stands(row: ChangeRow) -> bool:
    same = ChangeRow.objects.filter(
        system_id=row.system_id, component=row.component, kind=row.kind, what=row.what
    )
    return not same.filter(pk__gt=row.pk).exists()


def is_between(lead: Finding) -> bool:
    """Whether what leads is sure enough, and blames the loss of something that is still lost: who needs it only now and
    then shows nothing in between, and that is no recovery."""
    return lead.probability >= ACT_AT and is_still_gone(lead)


def is_kept(signal_id: str) -> bool:
    """Whether what it says stays so until somebody puts it back."""
    return is_setting(signal_id) or (signal_id in CATALOG and CATALOG[signal_id].put_back)


def is_setting(signal_id: str) -> bool:
    """Whether the signal says that a setting, which has a place to be put back from, is not what it was."""
    signal = CATALOG.get(signal_id)
    return signal is not None and signal.changed and not signal.of_a_limit


def is_of_a_change(finding: Finding) -> bool:
    """Whether it is the change itself that is taken for the cause: one of the ledger, or one that its runbook needs."""
    return finding.cause == CHANGE or any(is_kept(key.partition("@")[0]) for key in _needed(finding))


def is_another_setting(signal_id: str, finding: Finding) -> bool:
    """Whether it says that a setting was changed which its runbook does not need, where it needs one: another may have
    been changed beside it."""
    needed = {key.partition("@")[0] for key in _needed(finding)}
    return is_setting(signal_id) and signal_id not in needed and any(is_setting(s) for s in needed)


def _needed(finding: Finding) -> list[str]:
    spec = spec_of(finding)
    return [*spec.requires, *spec.shows_one_of] if spec else []


def spec_of(finding: Finding) -> RunbookSpec | None:
    return next((s for s in knowledge.active_specs() if s.id == finding.cause), None)
