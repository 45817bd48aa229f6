"""What a group promises: that its members are configured alike, and that one of them is the primary."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from systems.services import LoadedSystem
from systems.state.facts import Fact, Facts, Read, Source
from systems.state.types import ALIKE

HOLDS_S = 4.0  # members are changed one after the other
KINDS = ("config", "env", "release", "limit", "setting")
ROLE = "primary or standby"


class Groups(Source):
    """Compares what other sources read last: nothing is read for it."""

    name = "groups"
    every_s = 2.5

    def __init__(
        self,
        system: LoadedSystem,
        latest: Callable[[], Sequence[Read]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.groups = {name: members for name, members in system.graph.groups.items() if len(members) > 1}
        self.latest, self.clock = latest, clock
        self._known: Read = {}
        self._coming: dict[tuple[str, str], tuple[str, float]] = {}

    async def read(self) -> Read:
        every = self.latest()
        read: Read = {}
        for group, members in self.groups.items():
            facts = self._promises(group, members, every)
            area = group, "promises"
            read[area] = facts if facts != self._known.get(area) else self._known[area]
        self._known = read
        return read

    def _promises(self, group: str, members: Sequence[str], every: Sequence[Read]) -> Facts:
        by_member = {member: _of(member, every) for member in members}
        names = set().union(*by_member.values())
        facts: Facts = {}
        for what in sorted(names):
            told = {m: facts_of.get(what) for m, facts_of in by_member.items()}
            if what == ROLE:
                primaries = [m for m, fact in told.items() if fact is not None and fact.value == "primary"]
                self._say(facts, group, "primaries", f"{len(primaries)} ({', '.join(primaries) or 'none'})")
            elif sum(fact is not None for fact in told.values()) > 1:
                self._say(facts, group, f"{what}, on all members", _compared(told))
        return facts

    def _say(self, facts: Facts, group: str, what: str, value: str) -> None:
        """A value that differs from the one before has to hold for a moment."""
        before = self._known.get((group, "promises"), {}).get(what)
        if before is not None and before.value != value:
            coming, since = self._coming.setdefault((group, what), (value, self.clock()))
            if coming != value:
                self._coming[group, what] = (value, since)
            if self.clock() - since < HOLDS_S:
                facts[what] = before
                return
        self._coming.pop((group, what), None)
        facts[what] = Fact(value, "invariant")


def _of(member: str, every: Sequence[Read]) -> Facts:
    """What is set of a member: the same key of two files is told apart by nothing but the file's kind."""
    found: Facts = {}
    for read in every:
        for (component, _), facts in read.items():
            if component == member:
                found |= {w: f for w, f in facts.items() if f.kind in KINDS or w == ROLE}
    return {what: fact for what, fact in found.items() if member not in what}


def _compared(told: dict[str, Fact | None]) -> str:
    values = {fact.value if fact is not None else None for fact in told.values()}
    if len(values) == 1:
        return ALIKE
    return ", ".join(f"{_shown(fact)} on {member}" for member, fact in sorted(told.items()))


def _shown(fact: Fact | None) -> str:
    if fact is None:
        return "nothing"
    return "a value that is not shown" if fact.secret else fact.value[:60]
