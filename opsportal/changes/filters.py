"""Which changes are asked for, as an address says it, and a page of them: newest first, by keyset."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core.exceptions import BadRequest
from django.db.models import Q, QuerySet
from django.utils import timezone

from systems import asked
from systems.manifest import ManifestError
from systems.models import ChangeRow, System
from systems.services import LoadedSystem, UnknownSystem, load
from systems.state.types import RUNTIME

PAGE = 50
WITHIN = {"1h": "The last hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
_HOURS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720}
ACTORS = {
    "ours": "The portal itself",
    "person": "A person",
    RUNTIME: "What keeps it running",
    "unknown": "Not known",
}
_CURSOR = re.compile(r"(\d{1,17})-(\d{1,18})", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty texts and None: not asked for. `component`: a service, a group with its members, or a system's own name.
    `before`: the last row of the page before (when it was first seen, its key)."""

    system: str = ""
    component: str = ""
    kind: str = ""
    source: str = ""
    actor: str = ""
    within: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filter:
        """BadRequest says what to mend."""
        texts = ("system", "component", "kind", "source", "actor", "within")
        words = {name: (given.get(name) or "").strip().replace("\0", "")[:80] for name in texts}
        return cls(
            **words,
            since=asked.moment(given.get("since"), "since"),
            until=asked.moment(given.get("until"), "until"),
            before=_cursor(given.get("before")),
        )

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the system and the place in the list is asked for."""
        return any((self.component, self.kind, self.source, self.actor, self.within, self.since, self.until))

    def rows(self) -> QuerySet[ChangeRow]:
        """All that fit, newest first."""
        found = ChangeRow.objects.select_related("system").order_by("-first_new", "-pk")
        if self.system:
            found = found.filter(system__slug=self.system)
        if self.component:
            found = found.filter(component__in=meant(self.system, self.component))
        if self.kind:
            found = found.filter(kind=self.kind)
        if self.source:
            found = found.filter(source=self.source)
        if self.actor:
            found = found.filter(actor="" if self.actor == "unknown" else self.actor)
        if self.within in _HOURS:
            found = found.filter(first_new__gte=timezone.now() - timedelta(hours=_HOURS[self.within]))
        if self.since:
            found = found.filter(first_new__gte=self.since)
        if self.until:
            found = found.filter(last_old__lte=self.until)
        return found

    def page(self) -> Page:
        found = self.rows()
        if self.before is not None:
            at, key = self.before
            found = found.filter(Q(first_new__lt=at) | Q(first_new=at, pk__lt=key), first_new__lte=at)
        rows = list(found[: PAGE + 1])
        return Page(rows[:PAGE], len(rows) > PAGE)


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[ChangeRow]
    has_older: bool

    @property
    def older(self) -> str:
        """What the next page's address says as `before`; empty when there is none."""
        if not self.has_older:
            return ""
        last = self.rows[-1]
        return f"{(last.first_new - EPOCH) // MICRO}-{last.pk}"

    @property
    def stamp(self) -> str:
        """The same as long as the rows look the same."""
        seen = [(r.pk, r.first_new, r.effective_at, r.pending, r.after, r.actor) for r in self.rows]
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def _cursor(text: str | None) -> tuple[datetime, int] | None:
    typed = (text or "").strip()
    if not typed:
        return None
    found = _CURSOR.fullmatch(typed)
    if found is None or int(found[1]) > 7 * 10**15:  # the year 2191
        raise BadRequest("before: this is no place in the list; start again from its newest")
    return EPOCH + int(found[1]) * MICRO, int(found[2])


def meant(slug: str, component: str) -> list[str]:
    """The names that changes of `component` may be told under: itself, a group's members, a member's group."""
    names = {component}
    for system in loaded_systems(slug):
        names |= {*system.graph.members(component), system.graph.component(component)}
    return sorted(names)


def loaded_systems(slug: str = "") -> list[LoadedSystem]:
    """The one system, or all that are under care; without those whose manifest cannot be read."""
    rows = System.objects.filter(slug=slug) if slug else System.objects.filter(enabled=True)
    found = []
    for name in rows.values_list("slug", flat=True):
        try:
            found.append(load(name))
        except (ManifestError, UnknownSystem, OSError):
            continue
    return found
