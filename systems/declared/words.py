"""Declared words: what a service says in its log, told as what its manifest says that it is a sign of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import re2

from systems.logs.records import Record
from systems.logs.spoken import spoken
from systems.manifest import Service
from systems.manifest.declared import BLANK
from systems.manifest.watched import WordSpec, as_words, compiled
from systems.readings import Reading, clean

HELD_S = 8.0  # what was said counts for so long
WARNING, ERROR = 1, 2
CONTEXT = "context"
LONGEST = 4000


@dataclass(slots=True)
class _Heard:
    """One word: when it was said last, and when at error level, and in which words that is told."""

    spec: WordSpec
    pattern: Any
    at: float = -1e9
    text: str = ""
    error_at: float = -1e9
    error: str = ""


class Words:
    """The words of one service. What tells no level counts as a warning."""

    def __init__(self, service: Service) -> None:
        self.service = service.name
        self._heard = [_Heard(spec, compiled(spec.pattern)) for spec in service.words]
        self._any = re2.Set.SearchSet(as_words())
        for spec in service.words:
            self._any.Add(spec.pattern)
        self._any.Compile()

    def hear(self, record: Record, now: float) -> None:
        """Take in a record. Nothing is looked for in what is quoted from a caller."""
        rank = WARNING if record.level is None else record.rank
        said = record.said[:LONGEST]
        if rank < WARNING or not self._any.Match(said.encode("utf-8", "replace")):
            return
        said = spoken(said)
        for one in self._heard:
            if found := one.pattern.search(said):
                one.at, one.text = now, self._told(one.spec, found, said)
                if rank >= ERROR:
                    one.error_at, one.error = now, one.text

    def readings(self, now: float) -> list[Reading]:
        """1 or 0 for each: as context when it was said, and at its own grade when it was said at error level."""
        found = []
        for one in self._heard:
            grades = {CONTEXT: (one.at, one.text)}
            if one.spec.opens:
                grades[one.spec.severity] = one.error_at, one.error
            for grade, (at, text) in grades.items():
                holds = now - at < HELD_S
                metric = f"declared.{one.spec.klass}.{grade}"
                found.append(
                    Reading(self.service, metric, float(holds), text if holds else "", one.spec.name)
                )
        return found

    def _told(self, spec: WordSpec, found: Any, said: str) -> str:
        group = next((g for g in found.groups() if g), "") if spec.title else ""
        names = {"service": self.service, "text": group or said.strip()}
        return clean(BLANK.sub(lambda m: names[m[1]], spec.title or "{service} says: {text}"))
