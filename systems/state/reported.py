"""Changes that somebody tells us: deploys, flags, commits and maintenance, from CI/CD. Their texts are data."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from systems import redact
from systems.models import ChangeRow
from systems.services import LoadedSystem
from systems.state import kept
from systems.state.ledger import change_of
from systems.state.types import REPORTED, Change
from systems.state.words import sentence
from systems.visible import UNSEEN

SOURCE = "reported"
AHEAD = timedelta(minutes=2)  # a caller's clock may be off

WHAT, OWNER = 300, 80  # characters kept


class Refused(ValueError):
    """It cannot be taken; the message says what to mend."""


class Different(Refused):
    """The same id was reported before, with something else in it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a caller tells. `ref`: its own id, the same for the same thing. `component`: a service or group, "" for the
    whole system. `until`: when it was over, or will be."""

    ref: str
    kind: str
    what: str
    component: str = ""
    before: str | None = None
    after: str | None = None
    at: datetime | None = None
    until: datetime | None = None
    title: str = ""
    owner: str = "ci"


def report(system: LoadedSystem, told: Report) -> tuple[Change, bool]:
    """Keep it; returns the change, and whether it is new. The same again changes nothing. Refused or Different."""
    assert system.id is not None
    _check(system, told)
    fields = kept.fields_of(system.id, _change(system, told))
    key = {name: fields.pop(name) for name in ("system_id", "source", "ref")}
    row, is_new = ChangeRow.objects.get_or_create(**key, defaults=fields)
    same = ("component", "kind", "what", "before", "after", *(("first_new", "last_old") if told.at else ()))
    if not is_new and any(getattr(row, name) != fields[name] for name in same):
        raise Different(f"{told.ref} was reported before, and differently: {row.words}")
    return change_of(row), is_new


def _check(system: LoadedSystem, told: Report) -> None:
    if told.kind not in REPORTED:
        raise Refused(
            f"kind: there are {', '.join(REPORTED)}; what the portal sees by itself is not reported"
        )
    known = [*system.services, *system.graph.groups]
    if told.component and told.component not in known:
        near = difflib.get_close_matches(told.component, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known))}"
        raise Refused(f"component: {system.slug} has no {told.component!r}{hint}")
    if UNSEEN.search(told.ref):
        raise Refused("id: it holds a sign that is not seen (a control character, or a mark of direction)")
    now = timezone.now()
    for name, at in (("at", told.at), ("until", told.until)):
        if at is not None and at.tzinfo is None:
            raise Refused(f"{name}: a time has its zone, such as 2026-01-05T12:00:00Z")
        if at is not None and told.kind != "maintenance" and at > now + AHEAD:
            raise Refused(f"{name}: that is still to come; only maintenance is announced")
    if told.at is not None and told.at < now - kept.KEEP:
        raise Refused(f"at: older than is kept ({kept.KEEP.days} days)")
    if told.until is not None and told.until < (told.at or now):
        raise Refused("until: before it began")


def _change(system: LoadedSystem, told: Report) -> Change:
    hide = redact.for_system(system)
    began = told.at or timezone.now()
    what, title = _line(hide.text(told.what), WHAT), _line(hide.text(told.title), WHAT)
    before, after = (None if v is None else hide.text(v) for v in (told.before, told.after))
    component = told.component or system.slug
    return Change(
        "", component, told.kind, what, before, after, began, told.until or began, effective_at=began, source=SOURCE,
        owner=_line(hide.text(told.owner), OWNER), words=_words(told.kind, component, what, before, after, title),
        ref=told.ref,
    )  # fmt: skip


def _line(text: str, most: int) -> str:
    """One line; what was written out may have made it longer than is kept."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _words(kind: str, component: str, what: str, before: str | None, after: str | None, title: str) -> str:
    tail = f": {title}" if title else ""
    if kind == "flag":
        return sentence(component, what, before, after) + tail
    if kind == "deploy":
        return f"{what} of {component} was deployed" + (f", after {before}" if before else "") + tail
    if kind == "commit":
        return f"commit {what} of {component}{tail}"
    return f"maintenance of {component}{tail or f': {what}'}"
