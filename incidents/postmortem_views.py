"""The postmortem page: read, edit with history, markdown."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from incidents import changed, people, postmortem
from incidents.models import Incident, Postmortem
from incidents.sections import PARTS, ActionItem, Sections, Sentence
from systems import asked
from systems.doors import VIEW, needs


def _found(number: int) -> tuple[Incident, Postmortem]:
    incident = get_object_or_404(Incident.objects.select_related("system", "owner", "postmortem"), pk=number)
    try:
        return incident, incident.postmortem
    except Postmortem.DoesNotExist:
        raise Http404("There is no postmortem yet; it is written when the incident is resolved.") from None


def _shown(sections: Sections) -> list[dict[str, Any]]:
    return [{"key": key, "title": title, "sentences": sections.part(key)} for key, title in PARTS.items()]


@require_GET
@needs(VIEW)
def show(request: HttpRequest, number: int) -> HttpResponse:
    """The postmortem, or an earlier version of it with `?version=`."""
    incident, found = _found(number)
    revisions = list(found.revisions.all())
    wanted = request.GET.get("version", "")
    old = next((r for r in revisions if str(r.version) == wanted and r.version != found.version), None)
    sections = old.sections if old else found.sections
    context = {
        "incident": incident,
        "pm": found,
        "old": old,
        "revisions": revisions,
        "parts": _shown(sections),
        "figures": sections.figures,
        "items": sections.action_items,
        "timeline": sections.timeline,
        "events": {e.seq: e for e in incident.events.filter(seq__in=_cited(sections))},
        "around": changed.shown_to(request.user, incident),
        "may_edit": request.user.has_perm("incidents.respond_incident"),
    }
    return render(request, "incidents/postmortem.html", context)


def _cited(sections: Sections) -> set[int]:
    """The numbers of the events that it rests on."""
    told = [s for key in PARTS for s in sections.part(key)]
    return {number for sentence in [*told, *sections.timeline] for number in sentence.seq}


@require_GET
@needs(VIEW)
def markdown(request: HttpRequest, number: int) -> HttpResponse:
    incident, found = _found(number)
    people.take_postmortem(number, request.user)  # type: ignore[arg-type]
    response = HttpResponse(postmortem.markdown(found), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="postmortem-{incident.number}.md"'
    return response


@needs("incidents.respond_incident")
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """One line per sentence; a sentence keeps the links to its events while its text stays the same."""
    incident, found = _found(number)
    if request.method == "POST":
        told: dict[str, Any] = {
            key: _sentences(request.POST.get(key, ""), found.sections.part(key)) for key in PARTS
        }
        sections = found.sections.model_copy(update={**told, "action_items": _items(request)})
        started = request.POST.get("version", "")
        version = asked.number(started, "version") if started else None
        try:
            postmortem.edit(found.pk, sections, request.user.get_username(), version=version)
            messages.success(request, "Saved. The earlier version stays in the history.")
            return redirect("postmortem", number=number)
        except postmortem.Conflict as error:
            messages.error(
                request, f"Not saved: {error}. Your text is still below; saving again replaces theirs."
            )
            found.sections = sections
    context = {"incident": incident, "pm": found, "parts": _shown(found.sections)}
    context["items"] = [*found.sections.action_items, ActionItem(), ActionItem()]
    return render(request, "incidents/postmortem_edit.html", context)


def _sentences(text: str, before: list[Sentence]) -> list[Sentence]:
    """Lines to sentences. `text [3, 5]` at the end of a line links to events 3 and 5."""
    known = {s.text: s.seq for s in before}
    found: list[Sentence] = []
    for line in text.splitlines():
        words, numbers = _links(line.strip())
        if words:
            found.append(Sentence(text=words, seq=numbers or known.get(words, [])))
    return found


def _links(line: str) -> tuple[str, list[int]]:
    if line.endswith("]") and "[" in line:
        words, _, tail = line[:-1].rpartition("[")
        numbers = [n.strip() for n in tail.split(",")]
        if all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
            return words.strip(), [int(n) for n in numbers]
    return line, []


def _items(request: HttpRequest) -> list[ActionItem]:
    texts, owners = request.POST.getlist("item_text"), request.POST.getlist("item_owner")
    done = set(request.POST.getlist("item_done"))
    rows = zip(texts, owners, strict=False)
    return [
        ActionItem(text=t.strip(), owner=o.strip(), done=str(n) in done)
        for n, (t, o) in enumerate(rows)
        if t.strip()
    ]
