"""Runbook pages: search that says why, reading, editing with live preview, history, diff, restore."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.db.models import F, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET, require_POST

from knowledge import retrieval, service
from knowledge.models import OutcomeStat, Runbook, RunbookRevision
from systems import asked
from systems.doors import VIEW, needs

HITS = 12
EXCERPT = 340
_MARKS = re.compile(r"\*\*|`|^[-*] +", re.M)
MIN_SHOWN = 0.25
STARTER = """---
id: my_cause
title: What is broken, in a few words
category: application
applies_to: [http]
prior: 0.02
symptoms:
  http_errors: usual
summary: "{component} does not do what it should"
actions:
  - {action: restart-service, target: "{component}"}
---
# What it looks like
"""


@require_GET
@needs(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """All runbooks by category, or the passages that fit a search."""
    text = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"q": text}
    if text:
        shown = [_shown(hit, text) for hit in retrieval.search(text, HITS)]
        context["hits"] = [h for place, h in enumerate(shown) if place == 0 or _close(h["hit"], h["words"])]
    else:
        rates = _rates()
        groups: dict[str, list[Runbook]] = defaultdict(list)
        for book in Runbook.objects.defer("text").order_by("title"):
            book.rate = rates.get(book.slug)  # type: ignore[attr-defined]
            groups[book.category or "other"].append(book)
        context["groups"] = sorted(groups.items())
    part = "knowledge/_list.html" if request.headers.get("HX-Request") else "knowledge/index.html"
    return render(request, part, context)


def _rates() -> dict[str, dict[str, int]]:
    """Cause -> how often its fixes worked."""
    rows = OutcomeStat.objects.values("cause").annotate(
        worked=Sum("successes"), tries=Sum(F("successes") + F("failures"))
    )
    return {r["cause"]: {"worked": r["worked"], "tries": r["tries"]} for r in rows}


def _shown(hit: retrieval.Hit, query: str) -> dict[str, Any]:
    """A hit with the reasons it matched and its passage, the words of the query marked."""
    words: list[str] = re.findall(r"[A-Za-z0-9_]{3,}", query)
    lower = f"{hit.title} {hit.heading} {hit.text}".lower()
    found = list(dict.fromkeys(w for w in words if w.lower() in lower))
    return {"hit": hit, "words": found, "excerpt": _marked(_around(hit.text, found), found)}


def _close(hit: retrieval.Hit, words: list[str]) -> bool:
    """Whether a person would see why it is there: near in meaning, or words in common."""
    return bool(hit.exact or words) or hit.cosine is None or hit.cosine >= MIN_SHOWN


def _around(text: str, words: list[str]) -> str:
    """The part of the passage where the first word of the query stands."""
    places = [p for w in words if (p := text.lower().find(w.lower())) >= 0]
    start = max(0, min(places, default=0) - 80)
    cut = _MARKS.sub("", text[start : start + EXCERPT])
    return ("… " if start else "") + cut + (" …" if start + EXCERPT < len(text) else "")


def _marked(text: str, words: list[str]) -> SafeString:
    if not words:
        return escape(text)
    pieces = re.split("(" + "|".join(re.escape(w) for w in words) + ")", text, flags=re.IGNORECASE)
    safe = ((mark_safe(f"<mark>{escape(p)}</mark>") if i % 2 else escape(p),) for i, p in enumerate(pieces))  # noqa: S308
    return format_html_join("", "{}", safe)


def _book(slug: str) -> Runbook:
    return get_object_or_404(Runbook, slug=slug)


@require_GET
@needs(VIEW)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    book = _book(slug)
    context = {
        "book": book,
        "html": mark_safe(service.preview_html(book.text)),  # noqa: S308 - sanitised by nh3
        "usage": service.usage(slug),
        "may_edit": request.user.has_perm("knowledge.change_runbook"),
        "history": service.history(slug)[:3],
    }
    return render(request, "knowledge/detail.html", context)


@needs("knowledge.change_runbook")
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    book = _book(slug)
    return _editor(request, slug, book.text, book.version)


@needs("knowledge.add_runbook")
def new(request: HttpRequest) -> HttpResponse:
    return _editor(request, "", STARTER, 0)


def _editor(request: HttpRequest, slug: str, text: str, version: int) -> HttpResponse:
    """Show the editor, or save. What is wrong keeps the text on the page and names the line."""
    note, problems = "", []
    if request.method == "POST":
        text, note = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("note", "").strip()
        wanted = slug or _id_of(text)
        expected = request.POST.get("version", "")
        version = asked.number(expected, "version", version)
        try:
            book = service.save(wanted, text, request.user.get_username(), note, expected_version=version)
            messages.success(request, f"Saved as version {book.version}. The next diagnosis uses it.")
            return redirect("runbook", slug=book.slug)
        except service.InvalidRunbook as error:
            problems = error.problems
        except service.EditConflict as error:
            messages.error(request, f"Not saved: {error}. Your text is still below.")
    if not problems:
        problems = service.validate(text, slug or None)
    context = {"slug": slug, "text": text, "version": version, "note": note, "problems": problems}
    context["html"] = mark_safe(service.preview_html(text))  # noqa: S308 - sanitised by nh3
    return render(request, "knowledge/edit.html", context, status=422 if request.method == "POST" else 200)


def _id_of(text: str) -> str:
    found = re.search(r"^id:\s*[\"']?([\w-]+)", text, re.MULTILINE)
    return found.group(1) if found else ""


@require_POST
@needs("knowledge.change_runbook")
def preview(request: HttpRequest) -> HttpResponse:
    """What the text in the editor would be: problems by line, and the prose."""
    text, slug = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("slug", "")
    context = {"problems": service.validate(text, slug or None)}
    html = mark_safe(service.preview_html(text))  # noqa: S308 - sanitised by nh3
    return render(request, "knowledge/_preview.html", {**context, "html": html})


@require_GET
@needs(VIEW)
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Versions, and the difference between two of them."""
    before = asked.number(request.GET["before"], "before") if request.GET.get("before") else None
    book, versions = _book(slug), service.history(slug, before)
    new_version = asked.number(request.GET.get("new"), "new", book.version)
    old_version = asked.number(request.GET.get("old"), "old", max(1, new_version - 1))
    try:
        lines = service.diff(slug, old_version, new_version)
    except RunbookRevision.DoesNotExist:
        raise Http404("There is no such version.") from None
    context = {"book": book, "versions": versions, "lines": lines, "old": old_version, "new": new_version}
    context["may_edit"] = request.user.has_perm("knowledge.change_runbook")
    context |= {
        "before": before,
        "older": versions[-1].version if versions and versions[-1].version > 1 else None,
    }
    return render(request, "knowledge/history.html", context)


@require_POST
@needs("knowledge.change_runbook")
def restore(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    book = _book(slug)
    try:
        saved = service.restore(slug, version, request.user.get_username(), expected_version=book.version)
        messages.success(request, f"Version {version} is back, as version {saved.version}.")
    except (service.InvalidRunbook, service.EditConflict, RunbookRevision.DoesNotExist) as error:
        messages.error(request, f"Not restored: {error}")
    return redirect("runbook", slug=slug)


@require_POST
@needs("knowledge.change_runbook")
def enable(request: HttpRequest, slug: str) -> HttpResponse:
    book = _book(slug)
    service.set_enabled(slug, not book.enabled)
    messages.success(
        request,
        "It takes part in diagnosis again."
        if not book.enabled
        else "It is set aside: diagnosis and search leave it out.",
    )
    return redirect("runbook", slug=slug)
