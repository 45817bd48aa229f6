"""A postmortem's parts, typed. Each sentence carries the numbers of the timeline events it rests on."""

from __future__ import annotations

from incidents.typed import Record

PARTS = {
    "what_broke": "What broke",
    "what_was_done": "What was done",
    "why": "Why",
    "prevention": "How to prevent it",
}


class Sentence(Record):
    text: str = ""
    seq: list[int] = []


class Moment(Sentence):
    """`at`: hh:mm:ss, UTC."""

    at: str = ""


class Figure(Record):
    """One number before, while ill and after; None where nothing was measured."""

    name: str
    unit: str = ""
    before: float | None = None
    during: float | None = None
    after: float | None = None


class ActionItem(Record):
    text: str = ""
    owner: str = ""
    done: bool = False


class Sections(Record):
    """The whole of it."""

    what_broke: list[Sentence] = []
    what_was_done: list[Sentence] = []
    why: list[Sentence] = []
    prevention: list[Sentence] = []
    figures: list[Figure] = []
    action_items: list[ActionItem] = []
    timeline: list[Moment] = []

    def part(self, key: str) -> list[Sentence]:
        """The sentences of one of PARTS."""
        found: list[Sentence] = getattr(self, key)
        return found
