"""The words and signals that people add: all of them, one with its history, and what it would have done."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from incidents.models import Symptom
from knowledge.models import VocabularyEntry, VocabularyRevision
from knowledge.service import EditConflict
from knowledge.vocabulary import service
from knowledge.vocabulary.telling import starter, told
from opsportal.drawing.charts import spark_path
from opsportal.vocabulary import tries
from systems import asked, queries
from systems.doors import VIEW, needs
from systems.manifest import ManifestError
from systems.models import System
from systems.services import UnknownSystem, load

ADD, CHANGE = "knowledge.add_vocabularyentry", "knowledge.change_vocabularyentry"
WEEK = timedelta(days=7)
WIDTH, HEIGHT = 640.0, 90.0  # of the plot
MOST_METRICS = 300


@require_GET
@needs(VIEW)
def index(request: HttpRequest) -> HttpResponse:
    """Every entry, with what it says, whether it is in force, and how often it held."""
    found = service.judged()
    held = Symptom.objects.filter(
        signal__in=[j.row.slug for j in found], first_seen__gt=timezone.now() - WEEK
    )
    counts = dict(held.values_list("signal").annotate(Count("pk")))
    rows = [
        {
            "entry": j.row,
            "told": told(j.spec) if j.spec else "",
            "trouble": j.trouble,
            "held": counts.get(j.row.slug),
        }
        for j in found
    ]
    return render(request, "vocabulary/index.html", {"rows": rows, "may_add": request.user.has_perm(ADD)})


@needs(ADD)
def new(request: HttpRequest) -> HttpResponse:
    kind = "word" if request.GET.get("kind") == "word" else "signal"
    first = System.objects.filter(enabled=True).values_list("slug", flat=True).first() or ""
    return _editor(request, None, starter(kind, first, request.GET.get("metric", "")[:80]))


@needs(VIEW, post=(CHANGE,))
def entry(request: HttpRequest, slug: str) -> HttpResponse:
    """One entry; who may not change it reads it."""
    row = get_object_or_404(VocabularyEntry, slug=slug)
    return _editor(request, row, row.text)


def _editor(request: HttpRequest, row: VocabularyEntry | None, text: str) -> HttpResponse:
    """Show it, or save it. What is wrong keeps the text on the page and names the line."""
    slug, version, note = (row.slug, row.version, "") if row else ("", 0, "")
    status, refused = 200, []
    if request.method == "POST":
        status = 422
        text, note = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("note", "").strip()
        version = asked.number(request.POST.get("version"), "version", version)
        try:
            saved = service.save(slug, text, request.user.get_username(), note, expected_version=version)
            messages.success(
                request, f"Saved as version {saved.version}. It is in force within a few seconds."
            )
            return redirect("vocabulary-entry", slug=saved.slug)
        except service.InvalidEntry as error:
            refused = error.problems
        except EditConflict as error:
            messages.error(request, f"Not saved: {error}. Your text is still below.")
    context: dict[str, Any] = {"row": row, "slug": slug, "text": text, "version": version, "note": note}
    context |= _checked(text, slug)
    context["problems"] = refused or context["problems"]
    context |= {
        "may_edit": request.user.has_perm(CHANGE if row else ADD),
        "systems": System.objects.filter(enabled=True),
        "hours": tries.HOURS,
        "history": list(row.revisions.all()[:3]) if row else [],
    }
    return render(request, "vocabulary/entry.html", context, status=status)


def _checked(text: str, slug: str) -> dict[str, Any]:
    spec, problems = service.problems_of(text, slug)
    return {"problems": problems, "told": told(spec) if spec else ""}


@require_POST
@needs(CHANGE)
def preview(request: HttpRequest) -> HttpResponse:
    """What the text in the editor would be: problems by line, or what it does in words."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    return render(request, "vocabulary/_checked.html", _checked(text, request.POST.get("slug", "")))


@require_POST
@needs(CHANGE)
def switch(request: HttpRequest, slug: str) -> HttpResponse:
    on = request.POST.get("on") == "on"
    get_object_or_404(VocabularyEntry, slug=slug)
    service.switch(slug, on, request.user.get_username(), request.POST.get("note", "").strip())
    words = "It takes part again." if on else "It is switched off: what it held ends within a few seconds."
    messages.success(request, words)
    return redirect(asked.way_back(request.POST.get("next"), f"/settings/vocabulary/{slug}/"))


@require_GET
@needs(VIEW)
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Versions, and the difference between two of them."""
    row = get_object_or_404(VocabularyEntry, slug=slug)
    newer = asked.number(request.GET.get("new"), "new", row.version)
    older = asked.number(request.GET.get("old"), "old", max(1, newer - 1))
    try:
        lines = service.diff(slug, older, newer)
    except VocabularyRevision.DoesNotExist:
        raise Http404("There is no such version.") from None
    context = {"row": row, "versions": row.revisions.all(), "lines": lines, "old": older, "new": newer}
    return render(request, "vocabulary/history.html", context | {"may_edit": request.user.has_perm(CHANGE)})


@require_POST
@needs(CHANGE)
def restore(request: HttpRequest, slug: str, version: int) -> HttpResponse:
    row = get_object_or_404(VocabularyEntry, slug=slug)
    try:
        saved = service.restore(slug, version, request.user.get_username(), expected_version=row.version)
        messages.success(request, f"Version {version} is back, as version {saved.version}.")
    except (service.InvalidEntry, EditConflict, VocabularyRevision.DoesNotExist) as error:
        messages.error(request, f"Not restored: {error}")
    return redirect("vocabulary-entry", slug=slug)


# -- trying it --------------------------------------------------------------------------------------------------


@require_POST
@needs(CHANGE)
def begin(request: HttpRequest) -> HttpResponse:
    """Begin to try the text of the editor over the last hours of a system."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    hours = asked.number(request.POST.get("hours"), "hours", tries.HOURS[0])
    spec, problems = service.problems_of(text, request.POST.get("slug", ""))
    said = "Mend the text first: " + "; ".join(map(str, problems)) if problems else ""
    if hours not in tries.HOURS:
        said = f"hours: one of {', '.join(map(str, tries.HOURS))}"
    context: dict[str, Any] = {}
    if spec is not None and not said:
        try:
            slug = request.POST.get("try_system", "")
            token = tries.start(load(slug), spec, hours, request.user.get_username())
            context = {"token": token, "share": 0.0}
        except (tries.Busy, UnknownSystem, ManifestError) as error:
            said = str(error)
    return render(request, "vocabulary/_tried.html", context or {"trouble": said})


@require_GET
@needs(VIEW)
def tried(request: HttpRequest, token: str) -> HttpResponse:
    """How far it is, or what came of it."""
    found = tries.state(token, request.user.get_username())
    if found is None:
        return render(request, "vocabulary/_tried.html", {"trouble": "That is forgotten: try it again."})
    context: dict[str, Any] = {"token": token} | found
    if "found" in found:
        context |= _drawn(found["found"])
    return render(request, "vocabulary/_tried.html", context)


def _drawn(found: dict[str, Any]) -> dict[str, Any]:
    """The plot: a line of the values, a bar for each time that it held on that series."""
    line, area = spark_path(found["points"], WIDTH, HEIGHT)
    bars = []
    if found["shown"] is not None:
        first, last = found["shown"]
        span = (last - first).total_seconds()
        for one in found["fired"][:200]:
            left = max(0.0, (one["start"] - first).total_seconds() / span * WIDTH)
            end = ((one["end"] or last) - first).total_seconds() / span * WIDTH
            bars.append({"x": round(left, 1), "width": round(max(2.0, end - left), 1)})
    known = [p for p in found["points"] if p is not None]
    return {
        "line": line, "area": area, "bars": bars, "width": WIDTH, "height": HEIGHT,
        "top": max(known, default=None), "low": min(known, default=None),
        "listed": found["fired"][:20], "more": max(0, len(found["fired"]) - 20),
    }  # fmt: skip


@require_GET
@needs(VIEW)
def readings(request: HttpRequest) -> HttpResponse:
    """What is read of a system just now, to choose from."""
    row = get_object_or_404(System, slug=request.GET.get("try_system", ""))
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"parts": set(), "value": None})
    for (part, metric, _), reading in sorted(queries.latest(row).items()):
        if metric.startswith(("log.template", "log.new_template", "declared.")):
            continue
        found[metric]["parts"].add(part)
        found[metric]["value"] = reading.value if found[metric]["value"] is None else found[metric]["value"]
    rows = [
        {"metric": m, "parts": sorted(f["parts"]), "value": f["value"]}
        for m, f in sorted(found.items(), key=lambda item: (not item[0].startswith("own."), item[0]))
    ]
    return render(request, "vocabulary/_readings.html", {"rows": rows[:MOST_METRICS], "system": row})
