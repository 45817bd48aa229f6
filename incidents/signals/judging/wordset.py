"""All patterns of words.yaml as one automaton: a text is read once, however many patterns there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import re2

from incidents.signals.words import Spec, specs
from systems.logs.reading import is_access, level_of, read
from systems.logs.records import Record
from systems.logs.spoken import spoken

LONGEST = 4000
WARNING = 1  # the rank from which words count
TAKEN_BACK = -1


class WordSet:
    """Which signals a text is a sign of."""

    def __init__(self, entries: Sequence[Spec]) -> None:
        self._specs = entries
        self._of: list[
            tuple[int, int]
        ] = []  # of each pattern: whose it is, and the least rank at which it counts
        self._set = re2.Set.SearchSet(_options())
        for number, spec in enumerate(entries):
            for patterns, least in ((spec.patterns, WARNING), (spec.calm, 0), (spec.but, TAKEN_BACK)):
                for pattern in patterns:
                    self._set.Add(pattern)
                    self._of.append((number, least))
        self._set.Compile()

    def of_text(self, text: str, rank: int | None) -> tuple[str, ...]:
        """The signals of what a part says. `rank` None: it says no level, which is no outright error and need not be
        chatter."""
        rank = WARNING if rank is None else rank
        hits: set[int] = set()
        not_so: set[int] = set()
        raw = text[:LONGEST].encode("utf-8", "replace")
        if not self._set.Match(raw):  # most lines: what is quoted in them need not be found
            return ()
        for index in self._set.Match(spoken(text[:LONGEST]).encode("utf-8", "replace")) or ():
            number, least = self._of[index]
            if least == TAKEN_BACK:
                not_so.add(number)
            elif least <= rank:
                hits.add(number)
        return tuple(self._specs[n].id for n in sorted(hits - not_so))

    def of_line(self, text: str) -> tuple[str, ...]:
        """The signals of a line as it is kept; none of a line that tells of a request."""
        if is_access(text):
            return ()
        level = level_of(text)
        return self.of_text(read(text).line.body, None if level is None else level.rank)

    def of_record(self, record: Record) -> tuple[str, ...]:
        """The signals of a whole record."""
        if record.access is not None:
            return ()
        return self.of_text(record.said, None if record.level is None else record.rank)


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = 1 << 28
    return options


@lru_cache(maxsize=1)
def wordset() -> WordSet:
    """The set of all entries, made once."""
    return WordSet(specs())
