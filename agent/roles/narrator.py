"""The built-in narrator: what broke, what was done, why, how to prevent it. Every sentence names its events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from incidents.facts import (
    Acted,
    Asked,
    Checked,
    HandedOver,
    Measured,
    Moved,
    Noted,
    Planned,
    RolledBack,
    Seen,
    Weighed,
)
from incidents.plain import counted, sure
from incidents.sections import ActionItem, Moment, Sections, Sentence
from incidents.story import Cause, Event, Story, TakenBack

MAX_NAMED = 6
DONE = (Planned, Asked, Acted, RolledBack, Measured, HandedOver)


class PlainNarrator:
    """Plain sentences from the facts of the events, in their order. It adds nothing that is not in the story."""

    def tell(self, story: Story) -> Sections:
        advice = _advice(story)
        return Sections(
            what_broke=_what_broke(story),
            what_was_done=_what_was_done(story),
            why=_why(story),
            prevention=[_say(text, [seq]) for text, seq in advice],
            figures=story.figures,
            action_items=[ActionItem(text=text) for text, _ in advice],
            timeline=_five_lines(story.events),
        )


def _what_broke(story: Story) -> list[Sentence]:
    events, seen = story.events, _first_seen(story.events)
    first = [e.seq for e in events[:1]]
    sentences = [
        _say(f"{_capital(story.cause.headline)}.", _last(events, Weighed) or first),
        *_came_back(story),
    ]
    if seen:
        named = [e for e, facts in seen if facts.opens][:MAX_NAMED]
        more = len(seen) - len(named)
        tail = f", and {more} more" if more > 0 else ""
        sentences.append(_say(f"Seen: {'; '.join(e.title for e in named)}{tail}.", [e.seq for e in named]))
    if story.could_not:
        seqs = [e.seq for e, facts in seen if facts.signal == "journey_failed"]
        sentences.append(_say(f"Customers could not: {', '.join(story.could_not)}.", seqs))
    if seen:
        sentences.append(_say(_runs_words(story.failed_runs, story.runs), [seen[0][0].seq]))
    if story.green is not None:
        ends = _last(events, Measured) or [e.seq for e in events if e.kind == "cleared"][-1:] or first
        lasted = _lasting(story.ill_from, story.green)
        began = f"{'The last time it' if story.openings else 'It'} began at {story.ill_from:%H:%M:%S} UTC"
        sentences.append(_say(f"{began} and was over after {lasted}.", ends))
    return sentences


def _came_back(story: Story) -> list[Sentence]:
    """When it was open before, and that it came back; each by the event of its return."""
    returns = {e.facts.back_as: e.seq for e in story.events if isinstance(e.facts, Moved) and e.facts.back_as}
    if not story.openings:
        return []
    spells = [f"{o.started_at:%H:%M:%S} UTC for {o.seconds:.0f} s" for o in story.openings]
    seqs = [returns[o.back_as] for o in story.openings if o.back_as in returns]
    times = counted(len(spells), "times")
    return [
        _say(
            f"It came back {times} after it was over; before that it was open from {', from '.join(spells)}.",
            seqs,
        )
    ]


def _first_seen(events: list[Event]) -> list[tuple[Event, Seen]]:
    """The first event of each symptom: one that came back is still one, also in an incident that came back."""
    found: dict[object, tuple[Event, Seen]] = {}
    for event in events:
        if event.kind == Seen.kind and isinstance(event.facts, Seen):
            name = (event.facts.signal, event.facts.service, event.facts.label)
            found.setdefault(name if event.facts.signal else event.seq, (event, event.facts))
    return list(found.values())


def _runs_words(failed: int, runs: int) -> str:
    """What the readings say, also where too few failed to be a symptom."""
    if not runs:
        return "No customer journey was measured meanwhile."
    if not failed:
        return f"No customer journey failed in {runs} measured runs."
    return f"{failed} of {runs} measured runs of customer journeys failed."


def _what_was_done(story: Story) -> list[Sentence]:
    events, back = story.events, story.cause.taken_back
    sentences = [
        _say(f"At {e.at:%H:%M:%S} {_by(e.actor)}: {e.title}.", [e.seq]) for e in events if _is_deed(e)
    ]
    acted = [(e, e.facts) for e in events if isinstance(e.facts, Acted)]
    for event, facts in acted:
        if facts.lost:
            words = ", ".join(counted(n, what) for what, n in facts.lost.items())
            sentences.append(_say(f"Lost by {facts.words}: {words}.", [event.seq]))
    last = [events[-1].seq if events else 0]
    theirs = back is not None and back.actor != "ours"
    if not acted:
        sentences.append(_say("The agent changed nothing." if theirs else "Nothing was changed.", last))
    if back is not None and theirs:
        who = "a person" if back.actor == "person" else "somebody (who is not known)"
        sentences.append(
            _say(f"At {back.at:%H:%M:%S} {who} took the suspected change back: {back.words}.", last)
        )
    return sentences


def _is_deed(event: Event) -> bool:
    """Not the steps in between: what counts is what a person decided and what came of it."""
    facts = event.facts
    if isinstance(facts, Acted | RolledBack):
        return facts.status != "running"
    if isinstance(facts, Asked):
        return not (facts.status == "approved" and event.actor == "agent")
    return isinstance(facts, DONE) or (isinstance(facts, Noted) and facts.kept)


def _why(story: Story) -> list[Sentence]:
    events, cause = story.events, story.cause
    thought = [e for e in events if isinstance(e.facts, Weighed)]
    sentences = [_say(_said_of(cause), [e.seq for e in (thought or events)[-1:]])]
    if cause.change:
        sentences.append(_say(f"What it points to: {cause.change}.", [e.seq for e in thought[-1:]]))
    if cause.taken_back is not None:
        sentences.append(_say(_after(cause.taken_back), [e.seq for e in events[-1:]]))
    sentences += _also_repaired(story)
    if not thought or not cause.is_known:
        return sentences
    last = thought[-1].seq
    if texts := [e.text for e in cause.pro[:4] if e.text]:
        sentences.append(_say(f"What spoke for it: {'; '.join(texts)}.", [last]))
    if texts := [e.text for e in cause.con[:2] if e.text]:
        sentences.append(_say(f"What spoke against it: {'; '.join(texts)}.", [last]))
    sentences += [_say(f"{e.title}.", [e.seq]) for e in events if isinstance(e.facts, Checked)]
    return sentences


def _said_of(cause: Cause) -> str:
    """The cause in one sentence, as sure as it is and no surer."""
    if cause.standing == "known":
        how = f" ({sure(cause.confidence)} sure)" if cause.confidence is not None else ""
        return f"The cause was found to be {cause.diagnosis}: {cause.words}{how}."
    if cause.standing == "stated":
        return f"{_capital(cause.words)}."
    return "The cause is not known." if cause.standing == "looking" else f"The cause is {cause.words}."


def _after(back: TakenBack) -> str:
    """What the end of the change says of the diagnosis, which was made before it."""
    gone = f"That change was taken back at {back.at:%H:%M:%S} UTC"
    if back.over:
        return f"{gone}, and the trouble was over after it: that speaks for it more than was known at the diagnosis."
    return f"{gone}; the trouble was not seen to end by that."


def _also_repaired(story: Story) -> list[Sentence]:
    """Every other cause whose repair was measured to have helped."""
    cause, ends = story.cause, _last(story.events, Measured) or [e.seq for e in story.events[-1:]]
    told = {cause.diagnosis} if cause.standing == "known" else set()
    return [
        _say(f"{_capital(r.title)} on {r.component} was a cause too: {', '.join(r.did)} mended it.", ends)
        for r in cause.repaired
        if r.key not in told
    ]


def _advice(story: Story) -> list[tuple[str, int]]:
    """The runbook's `prevent` of all that was repaired, and as the agent noted it in its events; each once."""
    last = story.events[-1].seq if story.events else 0
    found = {text: last for r in story.cause.repaired if (text := r.prevent.strip())}
    for event in story.events:
        if isinstance(event.facts, Moved | Planned) and (text := event.facts.prevent.strip()):
            found[text] = event.seq
    return list(found.items())


def _five_lines(events: list[Event]) -> list[Moment]:
    """First symptom, diagnosis, first action, recovery, end."""
    backwards = events[::-1]
    picks = [
        next((e for e in events if e.kind == Seen.kind), None),
        next((e for e in backwards if isinstance(e.facts, Weighed)), None),
        next((e for e in events if isinstance(e.facts, Acted)), None),
        next((e for e in backwards if isinstance(e.facts, Measured)), None),
        next((e for e in backwards if isinstance(e.facts, Moved)), None),
    ]
    chosen = sorted({e.seq: e for e in picks if e is not None}.items())
    return [Moment(at=f"{e.at:%H:%M:%S}", text=e.title, seq=[seq]) for seq, e in chosen]


def _say(text: str, seq: Iterable[int]) -> Sentence:
    return Sentence(text=" ".join(text.split()).replace("..", "."), seq=list(seq))


def _last(events: list[Event], of: type[Weighed | Measured]) -> list[int]:
    return [e.seq for e in events if isinstance(e.facts, of)][-1:]


def _by(actor: str) -> str:
    return f"the {actor}" if actor in ("agent", "watcher", "validator") else actor


def _capital(text: str) -> str:
    text = text.rstrip(". ")
    return text[:1].upper() + text[1:]


def _lasting(start: datetime, end: datetime) -> str:
    seconds = max(0, round((end - start).total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"
