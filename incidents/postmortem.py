"""The postmortem as it is kept: written by whoever narrates, edited by people, shown as Markdown."""

from __future__ import annotations

from django.db import transaction

from incidents import story, timeline
from incidents.facts import Written
from incidents.models import Incident, Postmortem, PostmortemRevision
from incidents.sections import PARTS, Sections
from incidents.story import Narrate

# Who tells the story; set once where the apps are wired together.
narrator: list[Narrate] = []


class Conflict(ValueError):
    """Somebody else has saved a newer version meanwhile."""


def generate(incident_id: int) -> Postmortem:
    """Have the incident told, and keep an earlier postmortem as a revision."""
    incident = Incident.objects.select_related("system").get(pk=incident_id)
    sections = narrator[0](story.of(incident))
    with transaction.atomic():
        found = Postmortem.objects.select_for_update().filter(incident=incident).first()
        if found is None:
            found = Postmortem.objects.create(incident=incident, sections=sections)
            PostmortemRevision.objects.create(postmortem=found, version=1, sections=sections, author="agent")
        else:
            found = edit(found, sections, "agent")
        title = f"Postmortem written (version {found.version})"
        timeline.record(incident_id, Written(version=found.version), title)
    return found


def is_due(incident_id: int) -> bool:
    """Whether none is written yet, or none since it was opened again."""
    found = Postmortem.objects.filter(incident=incident_id).select_related("incident").first()
    again = found.incident.reopened_at if found else None
    return found is None or (again is not None and found.updated_at < again)


def edit(
    postmortem: Postmortem | int, sections: Sections, author: str, *, version: int | None = None
) -> Postmortem:
    """Store new sections as the next version. `version`: the one the author started from; Conflict when it is old."""
    pk = postmortem.pk if isinstance(postmortem, Postmortem) else postmortem
    with transaction.atomic():
        found = Postmortem.objects.select_for_update().get(pk=pk)
        if version is not None and version != found.version:
            raise Conflict(f"version {found.version} was saved meanwhile; you started from {version}")
        found.sections = sections
        found.version += 1
        found.save()
        PostmortemRevision.objects.create(
            postmortem=found, version=found.version, sections=sections, author=author
        )
    return found


def markdown(postmortem: Postmortem) -> str:
    """The postmortem as Markdown; numbers in brackets are the incident's timeline events."""
    incident, sections = postmortem.incident, postmortem.sections
    openings = enumerate(incident.all_openings)
    lines = [f"# Postmortem of #{incident.number}: {_escape(incident.verdict.headline)}", ""]
    lines += [
        f"- System: {incident.system.title}",
        f"- Severity: {incident.get_severity_display()}",
        *(
            f"- {'Came back' if place else 'Started'}: {o.started_at:%Y-%m-%d %H:%M:%S} UTC"
            for place, o in openings
        ),
    ]
    if incident.resolved_at:
        lines.append(f"- Resolved: {incident.resolved_at:%Y-%m-%d %H:%M:%S} UTC")
    lines.append(f"- Cause: {_escape(incident.verdict.cause)}")
    for key, title in PARTS.items():
        lines += ["", f"## {title}", ""]
        lines += [f"- {_escape(s.text)}{_links(s.seq)}" for s in sections.part(key)]
    if sections.figures:
        lines += ["", "## Figures", "", "| | before | during | after | |", "|---|---|---|---|---|"]
        for figure in sections.figures:
            cells = [_escape(figure.name), *(_cell(v) for v in (figure.before, figure.during, figure.after))]
            lines.append(f"| {' | '.join(cells)} | {figure.unit} |")
    if sections.action_items:
        lines += ["", "## What is left to do", ""]
        for item in sections.action_items:
            owner = f" ({_escape(item.owner)})" if item.owner else ""
            lines.append(f"- [{'x' if item.done else ' '}] {_escape(item.text)}{owner}")
    if sections.timeline:
        lines += ["", "## Timeline", ""]
        lines += [f"- {s.at} {_escape(s.text)}{_links(s.seq)}" for s in sections.timeline]
    return "\n".join(lines) + "\n"


def _links(seqs: list[int]) -> str:
    return f" [{', '.join(map(str, seqs))}]" if seqs else ""


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _escape(text: str) -> str:
    """Text from outside must not become markup: no HTML, no images or links, no table cells."""
    text = " ".join(str(text).split()).replace("\\", "\\\\")
    for mark in "`*_[]|<>!#":
        text = text.replace(mark, "\\" + mark)
    return text
