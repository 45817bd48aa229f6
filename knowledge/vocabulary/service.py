"""Entries of the vocabulary: saved with their history, switched on and off, and handed to whoever judges.

Each change is a new revision, in one transaction with what `on_change` does (the audit log); nothing is deleted.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Sum

from incidents.signals import CATALOG
from incidents.signals.added import Entry
from knowledge.document import Problem
from knowledge.models import VocabularyEntry, VocabularyRevision
from knowledge.service import EditConflict
from knowledge.vocabulary.spec import Spec, Word, parse
from systems import patterns
from systems.models import System

MOST = 200  # entries
MOST_WORK = 60_000  # steps of all patterns that are looked for together

log = logging.getLogger(__name__)
_seen: list[Any] = []  # what `entries` was told of last


class InvalidEntry(ValueError):
    """The text has errors; `problems` says which and where."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


@dataclass(frozen=True)
class Change:
    """What somebody did to an entry. `verb`: added, changed, on, off."""

    entry: VocabularyEntry
    by: str
    verb: str
    note: str


on_change: list[Callable[[Change], None]] = []


@dataclass(frozen=True)
class Judged:
    """A stored entry, and why it takes no part although it is switched on; "" when nothing keeps it."""

    row: VocabularyEntry
    spec: Spec | None
    trouble: str = ""

    @property
    def in_force(self) -> bool:
        return self.row.enabled and not self.trouble


# -- what is in force -------------------------------------------------------------------------------------------


def judged(rows: Iterable[VocabularyEntry] | None = None) -> list[Judged]:
    """Every entry by itself: what is wrong with one is its own trouble, and stops no other."""
    found: list[Judged] = []
    work = 0
    for row in VocabularyEntry.objects.all() if rows is None else rows:
        spec, problems = parse(row.text)
        if spec is None or spec.id != row.slug:
            found.append(Judged(row, None, "; ".join(map(str, problems)) or f"its id is not {row.slug}"))
            continue
        size = work_of(spec) if row.enabled else 0
        if work + size > MOST_WORK:
            found.append(Judged(row, spec, "its patterns are too much beside those of the others"))
            continue
        work += size
        found.append(Judged(row, spec))
    return found


def work_of(spec: Spec) -> int:
    """Steps of its patterns; 0 of a signal."""
    if not isinstance(spec, Word):
        return 0
    return sum(patterns.work(p) for p in (*spec.patterns, *spec.calm, *spec.but))


def entries() -> list[Entry] | None:
    """For `CATALOG`: all that can be used, or None when nothing changed since it was asked last."""
    stamp = VocabularyEntry.objects.aggregate(
        at=Max("updated_at"), count=Count("pk"), versions=Sum("version"), newest=Max("pk")
    )
    if _seen == [stamp]:
        return None
    found = [made for j in judged() if (made := _made(j)) is not None]
    _seen[:] = [stamp]
    return found


def _made(one: Judged) -> Entry | None:
    try:
        return one.spec.entry(on=one.in_force) if one.spec is not None else None
    except Exception:  # whatever one of them does, the others are in force
        log.exception("the entry %s cannot be used", one.row.slug)
        return None


# -- changes ----------------------------------------------------------------------------------------------------


def problems_of(text: str, slug: str = "") -> tuple[Spec | None, list[Problem]]:
    """What is wrong with the text as entry `slug` ("": a new one)."""
    spec, problems = parse(text)
    if spec is None:
        return None, problems
    if slug and spec.id != slug:
        problems.append(Problem(1, f"the id must stay {slug!r}: what incidents told names it"))
    if spec.system and not System.objects.filter(slug=spec.system).exists():
        known = ", ".join(System.objects.values_list("slug", flat=True)) or "none yet"
        problems.append(Problem(1, f"system: there is no {spec.system!r} under care; there is: {known}"))
    others = VocabularyEntry.objects.exclude(slug=slug or spec.id)
    used = sum(
        work_of(j.spec) for j in judged(others.filter(enabled=True, kind="word")) if j.spec is not None
    )
    if used + work_of(spec) > MOST_WORK:
        problems.append(
            Problem(1, "its patterns are too much beside those of the others: fewer, or narrower ones")
        )
    if not slug and others.count() >= MOST:
        problems.append(Problem(1, f"there are {MOST} entries: change one that is switched off instead"))
    return spec, problems


def save(slug: str, text: str, author: str, note: str = "", *, expected_version: int) -> VocabularyEntry:
    """Save an edit, or a new entry with `expected_version` 0. InvalidEntry, or EditConflict when it is stale."""
    text = text.replace("\r\n", "\n")
    spec, problems = problems_of(text, slug)
    if spec is None or problems:
        raise InvalidEntry(problems)
    with transaction.atomic():
        row = VocabularyEntry.objects.select_for_update().filter(slug=spec.id).first()
        if (row.version if row else 0) != expected_version:
            if row and not expected_version:
                raise InvalidEntry(
                    [Problem(1, f"the id {spec.id!r} is taken: change that entry, or call it otherwise")]
                )
            raise EditConflict(row.version if row else 0)
        verb = "changed" if row else "added"
        row = row or VocabularyEntry(slug=spec.id, version=0)
        row.kind, row.system_slug, row.text = spec.kind, spec.system, text
        return _write(row, author, verb, note)


def switch(slug: str, on: bool, author: str, note: str = "") -> VocabularyEntry:
    """Let it take part, or not. What is as it should be already is left alone."""
    with transaction.atomic():
        row = VocabularyEntry.objects.select_for_update().get(slug=slug)
        if row.enabled == on:
            return row
        row.enabled = on
        return _write(row, author, "on" if on else "off", note or f"switched {'on' if on else 'off'}")


def _write(row: VocabularyEntry, author: str, verb: str, note: str) -> VocabularyEntry:
    row.version += 1
    row.save()
    VocabularyRevision.objects.create(
        entry=row, version=row.version, text=row.text, enabled=row.enabled, author=author, note=note[:300]
    )
    for hook in on_change:
        hook(Change(row, author, verb, note[:300]))
    transaction.on_commit(lambda: CATALOG.refresh(at_once=True))
    return row


def restore(slug: str, version: int, author: str, *, expected_version: int) -> VocabularyEntry:
    """Save an old version's text as the newest one."""
    old = VocabularyRevision.objects.get(entry__slug=slug, version=version)
    return save(slug, old.text, author, f"restored version {version}", expected_version=expected_version)


def diff(slug: str, old: int, new: int) -> list[str]:
    """Unified diff lines between two versions. VocabularyRevision.DoesNotExist for an unknown one."""
    versions = VocabularyRevision.objects.filter(entry__slug=slug)
    a, b = versions.get(version=old), versions.get(version=new)
    names = (f"{slug} v{old}", f"{slug} v{new}")
    return list(difflib.unified_diff(a.text.splitlines(), b.text.splitlines(), *names, lineterm=""))
