"""The way of an incident as chips: what was done and came of it, where it is now, and what is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from incidents.facts import Measured, Moved
from incidents.models import Incident, State, TimelineEvent
from incidents.timeline import told

Chip = dict[str, str]
WAY = [State.DETECTING, State.DIAGNOSING, State.WAITING, State.ACTING, State.VERIFYING]
WORDS = {
    State.DETECTING: "Detect",
    State.DIAGNOSING: "Diagnose",
    State.WAITING: "Ask you",
    State.ACTING: "Act",
    State.VERIFYING: "Verify",
}
DONE, NOT_DONE, NOW, LATER = "done", "not", "now", ""
ANSWERS = {
    "rejected": ("You said no", NOT_DONE),
    "expired": ("Asked: no answer", NOT_DONE),
    "cancelled": ("Asked: withdrawn", NOT_DONE),
}


def steps(incident: Incident, events: Sequence[TimelineEvent], requests: Iterable[Any]) -> list[Chip]:
    """`events` newest first. A step is ticked only when it was gone, and did what it is for; one that is still to come
    is shown while the agent is on its way."""
    moves = list(told(events, Moved))
    gone = {State.DETECTING, *(m.source for m in moves), *(m.to for m in moves)}
    here, asked = State(incident.state), list(requests)
    under_way = here in WAY
    chips = []
    for place, step in enumerate(WAY):
        if step == here:
            chips.append(_chip(WORDS[step], NOW))
        elif step in gone:
            chips.append(_outcome(step, events, asked))
        elif under_way and step != State.WAITING and place > WAY.index(here):
            chips.append(_chip(WORDS[step], LATER))
    return [*chips, *_end(incident, here, events)]


def _chip(word: str, tone: str) -> Chip:
    return {"word": word, "tone": tone, "icon": {DONE: "check", NOT_DONE: "x"}.get(tone, "")}


def _outcome(step: State, events: Sequence[TimelineEvent], requests: list[Any]) -> Chip:
    """What came of a step that is over."""
    if step == State.WAITING:
        answered = [r.status for r in requests if getattr(r, "decision", None) or r.status in ANSWERS]
        return _chip(*ANSWERS.get(answered[-1] if answered else "", ("Asked you", DONE)))
    if step == State.ACTING:
        worked = any(r.status == "succeeded" for r in requests)
        return _chip("Act", DONE) if worked else _chip("Act: nothing that worked", NOT_DONE)
    if step == State.VERIFYING:
        said = next(told(events, Measured), None)
        if said is None:
            return _chip("Verify: not finished", NOT_DONE)
        return _chip("Verify", DONE) if said.green_since else _chip("Verify: not recovered", NOT_DONE)
    return _chip(WORDS[step], DONE)


def _end(incident: Incident, here: State, events: Sequence[TimelineEvent]) -> list[Chip]:
    if here == State.HANDED_OVER:
        whose = f"With {incident.owner.get_username()}" if incident.owner else "Handed over"
        return [_chip(whose, "now warn")]
    if here != State.RESOLVED:
        return [_chip("Resolved", LATER)]
    if incident.merged_into_id:
        return [_chip(f"Merged into #{incident.merged_into_id}", DONE)]
    closing = (e for e in events if isinstance(e.facts, Moved) and e.facts.to == State.RESOLVED)
    last = next(closing, None)
    by = f" by {last.actor}" if last and isinstance(last.facts, Moved) and last.facts.person else ""
    return [_chip(f"Resolved{by}", DONE)]
