"""Spans, summed up as they come: how long each component took, alone and with what it called, which ended in an error,
and who called whom."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator

MOST_SPANS = 700_000  # of more, only who called whom is no longer learned
MOST_KEPT = 4_000_000
NO_NUMBER = -1


class SpanBook:
    """`durations` in seconds. `own_*`: without what its children took, or answered wrongly, themselves."""

    def __init__(self) -> None:
        self.count = 0
        self.names: list[str] = []
        self._number: dict[str, int] = {}
        self._component = array("l")
        self._at = array("d")
        self._took = array("d")
        self._failed = array("b")
        self._parent: list[str] = []
        self._place: dict[str, int] = {}  # span id -> row
        self.peers: dict[tuple[str, str], int] = defaultdict(int)  # calls to what writes no spans itself
        self.texts: dict[str, dict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )  # what failing spans said

    def add(
        self,
        component: str,
        at: float,
        took: float,
        *,
        span: str = "",
        parent: str = "",
        failed: bool = False,
        peer: str = "",
        text: str = "",
    ) -> None:
        if self.count >= MOST_KEPT:
            return
        self.count += 1
        number = self._number.get(component)
        if number is None:
            number = self._number[component] = len(self.names)
            self.names.append(component)
        self._component.append(number)
        self._at.append(at)
        self._took.append(took)
        self._failed.append(failed)
        if self.count <= MOST_SPANS:
            self._parent.append(parent)
            if span:
                self._place[span] = self.count - 1
        if peer and peer != component and len(self.peers) < 20_000:
            self.peers[component, peer] += 1
        if failed and text and len(self.texts[component]) < 200:
            self.texts[component][text[:300]] += 1

    def edges(self) -> set[tuple[str, str]]:
        """(caller, called), from parents, and from the peers that clients name."""
        found = set()
        for row, parent in enumerate(self._parent):
            place = self._place.get(parent, NO_NUMBER) if parent else NO_NUMBER
            if place != NO_NUMBER and self._component[place] != self._component[row]:
                found.add((self._component[place], self._component[row]))
        named = {(self.names[a], self.names[b]) for a, b in found}
        return named | set(self.peers)

    def rows(self) -> Iterator[tuple[str, float, float, float, bool, bool]]:
        """(component, at, took, took alone, failed, failed by itself) of every span that enters a component: one whose
        parent is the same component's is part of it."""
        inside = array("d", bytes(8 * self.count))
        blamed = bytearray(self.count)
        entry = bytearray(b"\1") * self.count
        for row, parent in enumerate(self._parent):
            place = self._place.get(parent, NO_NUMBER) if parent else NO_NUMBER
            if place in (NO_NUMBER, row):
                continue
            if self._component[place] == self._component[row]:
                entry[row] = 0
            self._hand_up(row, place, inside, blamed)
        for row in range(self.count):
            if entry[row]:
                failed = bool(self._failed[row])
                alone = max(self._took[row] - inside[row], 0.0)
                yield (
                    self.names[self._component[row]], self._at[row], self._took[row], alone,
                    failed, failed and not blamed[row],
                )  # fmt: skip

    def _hand_up(self, row: int, place: int, inside: array[float], blamed: bytearray) -> None:
        """What a call to another component took is taken off every span of the caller that holds it."""
        if self._component[place] == self._component[row]:
            return
        component, steps = self._component[place], 0
        while place != NO_NUMBER and steps < 50 and self._component[place] == component:
            inside[place] += self._took[row]
            if self._failed[row]:
                blamed[place] = 1
            parent = self._parent[place] if place < len(self._parent) else ""
            place = self._place.get(parent, NO_NUMBER) if parent else NO_NUMBER
            steps += 1
