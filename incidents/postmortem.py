"""The postmortem: what broke, what was done, why, how to prevent it. Every sentence names the events it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from incidents import timeline
from incidents.figures import figures, journey_runs, windows
from incidents.models import Incident, Postmortem, PostmortemRevision, Symptom, TimelineEvent
from incidents.plain import counted
from incidents.typed import plain
from incidents.verdict import Verdict

Kind = TimelineEvent.Kind
Sentence = dict[str, Any]
PARTS = {
    "what_broke": "What broke",
    "what_was_done": "What was done",
    "why": "Why",
    "prevention": "How to prevent it",
}
MAX_NAMED = 6


class Conflict(ValueError):
    """Somebody else has saved a newer version meanwhile."""


def generate(incident_id: int) -> Postmortem:
    """Write the postmortem from the timeline, and keep an earlier one as a revision. Its numbers are measured now."""
    incident = Incident.objects.select_related("system").get(pk=incident_id)
    events = list(incident.events.order_by("seq"))
    symptoms = list(Symptom.objects.filter(incident=incident).order_by("first_seen"))
    sections = {
        "what_broke": _what_broke(incident, events, symptoms),
        "what_was_done": _what_was_done(incident, events),
        "why": _why(incident, events),
        "prevention": _prevention(incident, events),
        "figures": figures(incident, symptoms),
        "action_items": _action_items(incident, events),
        "timeline": _five_lines(events),
    }
    with transaction.atomic():
        found = Postmortem.objects.select_for_update().filter(incident=incident).first()
        if found is None:
            found = Postmortem.objects.create(incident=incident, sections=plain(sections))
            PostmortemRevision.objects.create(
                postmortem=found, version=1, sections=found.sections, author="agent"
            )
        else:
            found = edit(found, sections, "agent")
        timeline.record(
            incident_id,
            Kind.POSTMORTEM,
            f"Postmortem written (version {found.version})",
            data={"version": found.version},
        )
    return found


def is_due(incident_id: int) -> bool:
    """Whether none is written yet, or none since it was opened again."""
    found = Postmortem.objects.filter(incident=incident_id).select_related("incident").first()
    again = found.incident.reopened_at if found else None
    return found is None or (again is not None and found.updated_at < again)


def edit(
    postmortem: Postmortem | int, sections: dict[str, Any], author: str, *, version: int | None = None
) -> Postmortem:
    """Store new sections as the next version. `version`: the one the author started from; Conflict when it is old."""
    pk = postmortem.pk if isinstance(postmortem, Postmortem) else postmortem
    with transaction.atomic():
        found = Postmortem.objects.select_for_update().get(pk=pk)
        if version is not None and version != found.version:
            raise Conflict(f"version {found.version} was saved meanwhile; you started from {version}")
        found.sections = plain(sections)
        found.version += 1
        found.save()
        PostmortemRevision.objects.create(
            postmortem=found, version=found.version, sections=found.sections, author=author
        )
    return found


def markdown(postmortem: Postmortem) -> str:
    """The postmortem as Markdown; numbers in brackets are the incident's timeline events."""
    incident, sections = postmortem.incident, postmortem.sections
    lines = [f"# Postmortem of #{incident.number}: {_escape(incident.verdict.headline)}", ""]
    lines += [
        f"- System: {incident.system.title}",
        f"- Severity: {incident.get_severity_display()}",
        f"- Started: {incident.started_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if incident.resolved_at:
        lines.append(f"- Resolved: {incident.resolved_at:%Y-%m-%d %H:%M:%S} UTC")
    lines.append(f"- Cause: {_escape(incident.verdict.cause)}")
    for key, title in PARTS.items():
        lines += ["", f"## {title}", ""]
        lines += [f"- {_escape(s['text'])}{_links(s.get('seq', []))}" for s in sections.get(key) or []]
    if sections.get("figures"):
        lines += ["", "## Figures", "", "| | before | during | after | |", "|---|---|---|---|---|"]
        for figure in sections["figures"]:
            cells = [_escape(figure["name"]), *(_cell(figure.get(k)) for k in ("before", "during", "after"))]
            lines.append(f"| {' | '.join(cells)} | {figure.get('unit', '')} |")
    if sections.get("action_items"):
        lines += ["", "## What is left to do", ""]
        for item in sections["action_items"]:
            owner = f" ({_escape(item['owner'])})" if item.get("owner") else ""
            lines.append(f"- [{'x' if item.get('done') else ' '}] {_escape(item['text'])}{owner}")
    if sections.get("timeline"):
        lines += ["", "## Timeline", ""]
        lines += [f"- {s['at']} {_escape(s['text'])}{_links(s['seq'])}" for s in sections["timeline"]]
    return "\n".join(lines) + "\n"


to_markdown = markdown


def _what_broke(incident: Incident, events: list[TimelineEvent], symptoms: list[Symptom]) -> list[Sentence]:
    seen = _first_seen(events)
    first = [e.seq for e in events[:1]]
    sentences = [_say(f"{_capital(incident.verdict.headline)}.", _last(events, Kind.HYPOTHESES) or first)]
    if seen:
        named = [e for e in seen if e.data.get("opens", True)][:MAX_NAMED]
        more = len(seen) - len(named)
        tail = f", and {more} more" if more > 0 else ""
        sentences.append(_say(f"Seen: {'; '.join(e.title for e in named)}{tail}.", [e.seq for e in named]))
    failing = sorted({s.label for s in symptoms if s.signal == "journey_failed" and s.label})
    if failing:
        seqs = [e.seq for e in seen if e.data.get("signal") == "journey_failed"]
        sentences.append(_say(f"Customers could not: {', '.join(failing)}.", seqs))
    if seen:
        sentences.append(_say(_runs_words(*journey_runs(incident)), [seen[0].seq]))
    spans = windows(incident)
    if spans.green is not None:
        ends = _last(events, Kind.VERIFY) or _last(events, Kind.CLEARED) or first
        lasted = _lasting(spans.ill_from, spans.green)
        sentences.append(
            _say(f"It began at {spans.ill_from:%H:%M:%S} UTC and was over after {lasted}.", ends)
        )
    return sentences


def _first_seen(events: list[TimelineEvent]) -> list[TimelineEvent]:
    """The first event of each symptom: one that came back is still one."""
    seen = [e for e in reversed(events) if e.kind == Kind.SYMPTOM]
    return sorted({e.data.get("symptom", f"event {e.seq}"): e for e in seen}.values(), key=lambda e: e.seq)


def _runs_words(failed: int, runs: int) -> str:
    """What the readings say, also where too few failed to be a symptom."""
    if not runs:
        return "No customer journey was measured meanwhile."
    if not failed:
        return f"No customer journey failed in {runs} measured runs."
    return f"{failed} of {runs} measured runs of customer journeys failed."


def _what_was_done(incident: Incident, events: list[TimelineEvent]) -> list[Sentence]:
    wanted = (Kind.PLAN, Kind.APPROVAL, Kind.ACTION, Kind.ROLLBACK, Kind.VERIFY, Kind.HANDOVER)
    sentences = [
        _say(f"At {e.at:%H:%M:%S} {_by(e.actor)}: {e.title}.", [e.seq])
        for e in events
        if (e.kind in wanted or e.data.get("kept")) and not _in_passing(e)
    ]
    for event in events:
        if event.kind == Kind.ACTION and (lost := event.data.get("lost")):
            words = ", ".join(counted(n, what) for what, n in lost.items())
            target = f"{event.data.get('action')} on {event.data.get('target')}"
            sentences.append(_say(f"Lost by {target}: {words}.", [event.seq]))
    if not any(e.kind == Kind.ACTION for e in events):
        last = events[-1].seq if events else 0
        sentences.append(_say("Nothing was changed.", [last]))
    return sentences


def _in_passing(event: TimelineEvent) -> bool:
    """The steps in between: what counts is what a person decided and what came of it."""
    status = event.data.get("status")
    alone = event.kind == Kind.APPROVAL and status == "approved" and event.actor == "agent"
    return alone or (event.kind in (Kind.ACTION, Kind.ROLLBACK) and status == "running")


def _why(incident: Incident, events: list[TimelineEvent]) -> list[Sentence]:
    thought = [e for e in events if e.kind == Kind.HYPOTHESES]
    verdict = incident.verdict
    sentences = [_say(_said_of(verdict), [e.seq for e in (thought or events)[-1:]])]
    sentences += _also_repaired(incident, events)
    if not thought or not verdict.bars or not verdict.is_known:
        return sentences
    last, leader = thought[-1], verdict.bars[0]
    texts = [e.text for e in leader.pro][:4]
    if any(texts):
        sentences.append(_say(f"What spoke for it: {'; '.join(t for t in texts if t)}.", [last.seq]))
    against = [e.text for e in leader.con][:2]
    if any(against):
        sentences.append(_say(f"What spoke against it: {'; '.join(t for t in against if t)}.", [last.seq]))
    sentences += [_say(f"{e.title}.", [e.seq]) for e in events if e.kind == Kind.CHECK]
    return sentences


def _said_of(verdict: Verdict) -> str:
    """The cause in one sentence, as sure as it is and no surer."""
    if verdict.standing == "known":
        sure = f" ({100 * verdict.confidence:.1f} % sure)" if verdict.confidence is not None else ""
        return f"The cause was found to be {verdict.diagnosis}: {verdict.cause}{sure}."
    if verdict.standing == "stated":
        return f"{_capital(verdict.cause)}."
    return "The cause is not known." if verdict.standing == "looking" else f"The cause is {verdict.cause}."


def _also_repaired(incident: Incident, events: list[TimelineEvent]) -> list[Sentence]:
    """Every other cause whose repair was measured to have helped."""
    verdict, ends = incident.verdict, _last(events, Kind.VERIFY) or [e.seq for e in events[-1:]]
    told = {verdict.diagnosis} if verdict.standing == "known" else set()
    return [
        _say(
            f"{_capital(r.title)} on {r.component} was a cause too: {', '.join(r.did)} mended it.",
            ends,
        )
        for r in verdict.repaired
        if r.key not in told
    ]


def _prevention(incident: Incident, events: list[TimelineEvent]) -> list[Sentence]:
    return [_say(text, [seq]) for text, seq in _advice(incident, events)]


def _action_items(incident: Incident, events: list[TimelineEvent]) -> list[dict[str, Any]]:
    return [{"text": text, "owner": "", "done": False} for text, _ in _advice(incident, events)]


def _advice(incident: Incident, events: list[TimelineEvent]) -> list[tuple[str, int]]:
    """The runbook's `prevent` of all that was repaired, and as the agent noted it in its events; each once."""
    last = events[-1].seq if events else 0
    found = {text: last for r in incident.verdict.repaired if (text := r.prevent.strip())}
    for event in events:
        prevent = event.data.get("prevent") or ""
        for text in prevent if isinstance(prevent, list) else [prevent]:
            if str(text).strip():
                found[str(text).strip()] = event.seq
    return list(found.items())


def _five_lines(events: list[TimelineEvent]) -> list[Sentence]:
    """First symptom, diagnosis, first action, recovery, end."""
    picks = [
        next((e for e in events if e.kind == Kind.SYMPTOM), None),
        next((e for e in reversed(events) if e.kind == Kind.HYPOTHESES), None),
        next((e for e in events if e.kind == Kind.ACTION), None),
        next((e for e in reversed(events) if e.kind == Kind.VERIFY), None),
        next((e for e in reversed(events) if e.kind == Kind.STATE), None),
    ]
    chosen = sorted({e.seq: e for e in picks if e is not None}.items())
    return [{"at": f"{e.at:%H:%M:%S}", "text": e.title, "seq": [seq]} for seq, e in chosen]


def _say(text: str, seq: Iterable[int]) -> Sentence:
    return {"text": " ".join(text.split()).replace("..", "."), "seq": list(seq)}


def _last(events: list[TimelineEvent], kind: TimelineEvent.Kind) -> list[int]:
    return [e.seq for e in events if e.kind == kind][-1:]


def _by(actor: str) -> str:
    return f"the {actor}" if actor in ("agent", "watcher", "validator") else actor


def _capital(text: str) -> str:
    text = text.rstrip(". ")
    return text[:1].upper() + text[1:]


def _lasting(start: datetime, end: datetime) -> str:
    seconds = max(0, round((end - start).total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"


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
