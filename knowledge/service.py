"""Runbooks: seeds, editing with history, and the specs the reasoner works with."""

from __future__ import annotations

import difflib
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nh3
from django.db import transaction
from django.db.models import Count, Max, Q
from markdown_it import MarkdownIt

from knowledge import chunks, validation
from knowledge.document import Problem, read
from knowledge.models import OutcomeStat, Runbook, RunbookRevision
from knowledge.spec import RunbookSpec

SEEDS = Path(__file__).parent / "seed"
_cache: dict[str, Any] = {}
_lock = threading.Lock()


class InvalidRunbook(ValueError):
    """The text has errors; `problems` says which and where."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(p) for p in problems if p.level == "error"))


class EditConflict(RuntimeError):
    """Somebody saved another version in the meantime; `current` is it."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"version {current} was saved in the meantime; look at the difference and try again")


@dataclass
class Loaded:
    """What loading the seeds did, by slug."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load_seeds(folder: Path = SEEDS) -> Loaded:
    """Create missing runbooks; update those nobody has edited since they were loaded. InvalidRunbook on a bad seed."""
    done = Loaded()
    for path in sorted(folder.glob("*.md")):
        text = path.read_text("utf-8")
        spec, problems = validation.problems_of(text)
        if spec is None or any(p.level == "error" for p in problems):
            raise InvalidRunbook([Problem(p.line, f"{path.name}: {p.message}", p.level) for p in problems])
        with transaction.atomic():
            book = Runbook.objects.select_for_update().filter(slug=spec.id).first()
            if book is None:
                _write(Runbook(slug=spec.id, version=0), text, spec, "system", "shipped", seeded=True)
                done.created.append(spec.id)
            elif book.seeded_sha == _sha(text):
                done.kept.append(spec.id)
            elif book.seeded_sha and book.seeded_sha == _sha(book.text):
                _write(book, text, spec, "system", "updated with the portal", seeded=True)
                done.updated.append(spec.id)
            else:
                done.kept.append(spec.id)
    return done


def _write(
    book: Runbook, text: str, spec: RunbookSpec, author: str, note: str, *, seeded: bool = False
) -> Runbook:
    book.text, book.title, book.category = text, spec.title, spec.category
    book.spec = spec.model_dump(mode="json")
    book.version += 1
    if seeded:
        book.seeded_sha = _sha(text)
    book.save()
    RunbookRevision.objects.create(
        runbook=book, version=book.version, text=text, author=author, note=note[:300]
    )
    chunks.index(book)
    return book


def validate(text: str, slug: str | None = None) -> list[Problem]:
    """Every problem with the text as runbook `slug` (None: a new one); errors forbid saving, warnings don't."""
    spec, problems = validation.problems_of(text, [s for s in active_specs() if s.id != slug])
    if spec is not None and slug and spec.id != slug:
        problems.append(Problem(read(text).line_of(("id",)), f"the id must stay {slug!r}"))
    return problems


def save(slug: str, text: str, author: str, note: str = "", *, expected_version: int) -> Runbook:
    """Save an edit, or a new runbook with expected_version 0. InvalidRunbook, or EditConflict when it is stale."""
    text = text.replace("\r\n", "\n")
    problems = validate(text, slug)
    if errors := [p for p in problems if p.level == "error"]:
        raise InvalidRunbook(errors)
    spec, _ = validation.problems_of(text)
    if spec is None:
        raise InvalidRunbook(problems)
    with transaction.atomic():
        book = Runbook.objects.select_for_update().filter(slug=slug).first()
        current = book.version if book else 0
        if current != expected_version:
            raise EditConflict(current)
        return _write(book or Runbook(slug=slug, version=0), text, spec, author, note)


def set_enabled(slug: str, enabled: bool) -> None:
    """A runbook that is not enabled takes no part in diagnosis and search."""
    book = Runbook.objects.get(slug=slug)
    book.enabled = enabled
    book.save(update_fields=["enabled", "updated_at"])


def history(slug: str, before: int | None = None, most: int = 50) -> list[RunbookRevision]:
    """Versions, the newest first, without their texts; those before a number."""
    found = RunbookRevision.objects.filter(runbook__slug=slug).defer("text")
    return list((found if before is None else found.filter(version__lt=before))[:most])


def diff(slug: str, old: int, new: int) -> list[str]:
    """Unified diff lines between two versions. RunbookRevision.DoesNotExist for an unknown one."""
    versions = RunbookRevision.objects.filter(runbook__slug=slug)
    a, b = versions.get(version=old), versions.get(version=new)
    names = (f"{slug} v{old}", f"{slug} v{new}")
    return list(difflib.unified_diff(a.text.splitlines(), b.text.splitlines(), *names, lineterm=""))


def restore(slug: str, version: int, author: str, *, expected_version: int) -> Runbook:
    """Save an old version's text as the newest one."""
    old = RunbookRevision.objects.get(runbook__slug=slug, version=version)
    note = f"restored version {version}"
    return save(slug, old.text, author, note, expected_version=expected_version)


def preview_html(text: str) -> str:
    """The prose as safe HTML: no scripts, no remote images, links without referrer."""
    html = (
        MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(read(text).body)
    )
    return nh3.clean(html, tags=nh3.ALLOWED_TAGS - {"img"}, link_rel="noopener noreferrer nofollow")


def usage(slug: str) -> dict[str, Any]:
    """How often the cause was found, and how its fixes did: for the runbook's page."""
    from knowledge.models import Lesson

    seen = Lesson.objects.filter(cause=slug)
    totals = seen.aggregate(
        times=Count("pk"), recovered=Count("pk", filter=Q(recovered=True)), last=Max("at")
    )
    fixes = OutcomeStat.objects.filter(cause=slug).order_by("action")
    return {
        **totals,
        "fixes": [{"action": f.action, "worked": f.successes, "failed": f.failures} for f in fixes],
        "incidents": list(seen.values_list("incident_number", flat=True)[:10]),
    }


def edition(slug: str) -> str:
    """The runbook with its version, `process_dead v3`; "" when there is none."""
    version = Runbook.objects.filter(slug=slug).values_list("version", flat=True).first()
    return f"{slug} v{version}" if version is not None else ""


def active_specs() -> Sequence[RunbookSpec]:
    """Specs of all enabled runbooks. An edit anywhere shows at the next call: only the parsing is cached."""
    newest = Runbook.objects.aggregate(
        at=Max("updated_at"), total=Count("pk"), enabled=Count("pk", filter=Q(enabled=True)), v=Max("pk")
    )
    with _lock:
        if _cache.get("stamp") != newest:
            rows = Runbook.objects.filter(enabled=True).order_by("slug").values_list("spec", flat=True)
            _cache["specs"] = tuple(RunbookSpec.model_validate(s) for s in rows)
            _cache["stamp"] = newest
        found: tuple[RunbookSpec, ...] = _cache["specs"]
    return found
