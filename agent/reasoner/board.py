"""The evidence, arranged by (signal, service), with what the catalogue knows of each signal."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.reasoner.types import Catalog, SignalInfo, State, States

DEFAULT_LEAK = 0.02
MIN_LEAK, MAX_LEAK = 0.001, 0.9
DEFAULT_COST = 1.0
OF_ANYTHING = ("setting", "config", "env", "limit")  # kinds of change that say nothing of what was changed
ENTAILED = 0.1  # what comes with another sign anyway tells that much of what it tells alone
UNSURE = 0.8  # what one sentence, or a starved watcher, says counts this much of what is sure
SLACK_S = 3.0  # onsets closer than this have no order
ORDER_S = (
    1.0  # ... but what a change, still unmade when it was last looked at, cannot have brought about before
)


@dataclass
class Node:
    """One signal on one service, all labels together: True when any label holds. Times in seconds since the epoch."""

    signal: str
    service: str
    value: bool | None
    leak: float
    klass: str = "words"
    source: str = ""
    specific: bool = False  # brought about by few things only: which, the catalogue says
    outright: bool = False  # the part's own word for what is wrong with it
    ends: bool = False  # its process has ended, or does
    changed: bool = False  # the sign of a change: it explains, and asks for no explanation
    lag_s: float = SLACK_S
    states: list[State] = field(default_factory=list)
    weight: float = 1.0  # several true nodes of one signal are not independent: each counts less
    onset: float | None = None
    since: float | None = None  # of the sign of a change: when what changed was last seen as before
    is_journey: bool = False
    noted: bool = True  # a symptom that people see; the others only speak to the diagnosis

    def holding(self) -> list[State]:
        return [s for s in self.states if s.value]

    def is_from_before(self, moment: float) -> bool:
        """Whether it was last read before then: what it was says nothing of since. A probe that still waits for its
        answer has not found that there is none."""
        if self.source != "probe":
            return False
        times = [_time(getattr(s, "fresh", None)) for s in self.states]
        return all(t is not None and t < moment for t in times)


@dataclass
class Board:
    """All nodes. `true` are the ones to be explained, in a fixed order; signs of changes are not among them."""

    nodes: dict[tuple[str, str], Node]
    by_signal: dict[str, list[Node]]
    true: list[Node]
    index: dict[tuple[str, str], int]
    catalog: Catalog
    leaks: Mapping[str, float] = field(default_factory=dict)
    settled: float = 1.0
    about: dict[int, frozenset[str]] = field(
        default_factory=dict
    )  # of whom a true node speaks, as far as asked
    _by_class: dict[str, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes.values():
            self._by_class.setdefault(node.klass, []).append(node)

    def get(self, signal: str, service: str) -> Node | None:
        return self.nodes.get((signal, service))

    def of_class(self, klass: str) -> list[Node]:
        return self._by_class.get(klass, [])

    def leak(self, signal: str) -> float:
        return _leak(self.catalog.get(signal), self.leaks.get(signal))

    def cost(self, signal: str) -> float:
        info = self.catalog.get(signal)
        return DEFAULT_COST if info is None else max(float(info.cost), 0.05)

    def source(self, signal: str) -> str:
        info = self.catalog.get(signal)
        return "" if info is None else str(info.source)

    def moved_by(self, signal: str) -> Collection[str]:
        """The kinds of change that bring a signal about by themselves."""
        found: Collection[str] = getattr(self.catalog.get(signal), "moved_by", ())
        return found

    def is_moved_by(self, signal: str, kind: str, what: str) -> bool:
        """Whether a change of this kind, to a thing of this name, brings a signal about by itself."""
        named: str = getattr(self.catalog.get(signal), "by_name", "")
        fits = kind not in OF_ANYTHING or not named or re.search(named, what, re.IGNORECASE) is not None
        return fits and kind in self.moved_by(signal)

    def may_lead_to(self, signal: str, kind: str, what: str) -> bool:
        """Whether a change of this kind, to a setting of this name, may bring a signal about in the long run."""
        named: str = getattr(self.catalog.get(signal), "led_by", "")
        return bool(named) and kind in OF_ANYTHING and re.search(named, what, re.IGNORECASE) is not None

    def entailed(self, signal: str) -> Collection[str]:
        """The signals of the same part that come with a signal, whatever its cause: those tell little beside it."""
        found: Collection[str] = getattr(self.catalog.get(signal), "entails", ())
        return found

    def fills(self, signal: str) -> bool:
        """Whether a signal tells how much is kept in its part."""
        return bool(getattr(self.catalog.get(signal), "fills", False))

    def signs_of(self, kind: str) -> list[str]:
        """The signals that are the sign of a change of this kind."""
        return [
            name
            for name, info in self.catalog.items()
            if getattr(info, "changed", False) and kind in self.moved_by(name)
        ]


def _leak(info: SignalInfo | None, measured: float | None) -> float:
    """The chance that a signal holds with nothing wrong: measured on this system, or else as the catalogue has it."""
    given = DEFAULT_LEAK if info is None else float(info.leak)
    return min(max(given if measured is None else measured, MIN_LEAK), MAX_LEAK)


def arrange(
    states: States,
    catalog: Catalog,
    leaks: Mapping[str, float] | None = None,
    settled: float = 1.0,
) -> Board:
    """Put states of all labels of a signal on a service together; unknown ones never count as absent.

    `leaks`: by signal, as measured in the quiet of this system. `settled` as for `reasoner.diagnose`."""
    known = leaks or {}
    nodes: dict[tuple[str, str], Node] = {}
    facts: dict[str, dict[str, Any]] = {}  # of a signal on any service
    for state in states:
        key = (state.signal, state.service)
        node = nodes.get(key)
        if node is None:
            if state.signal not in facts:
                facts[state.signal] = _facts(state.signal, catalog.get(state.signal), known)
            node = nodes[key] = Node(state.signal, state.service, None, **facts[state.signal])
        node.states.append(state)
        if state.value or node.value is None:
            node.value = state.value
    by_signal: dict[str, list[Node]] = {}
    for node in nodes.values():
        by_signal.setdefault(node.signal, []).append(node)
    true = sorted(
        (n for n in nodes.values() if n.value and not n.changed), key=lambda n: (n.signal, n.service)
    )
    for node in nodes.values():
        if node.value:
            _weigh(node, catalog.get(node.signal), by_signal[node.signal])
    for node in true:
        for name in getattr(catalog.get(node.signal), "entails", ()):
            if (other := nodes.get((name, node.service))) is not None:
                other.weight *= ENTAILED
    index = {(n.signal, n.service): i for i, n in enumerate(true)}
    return Board(nodes, by_signal, true, index, catalog, known, settled)


def _facts(signal: str, info: SignalInfo | None, leaks: Mapping[str, float]) -> dict[str, Any]:
    return {
        "leak": _leak(info, leaks.get(signal)),
        "klass": str(getattr(info, "klass", "words")),
        "source": str(getattr(info, "source", "")),
        "specific": bool(getattr(info, "moved_by", ())),
        "outright": bool(getattr(info, "outright", False)),
        "ends": any(getattr(info, name, False) for name in ("down", "of_past_run", "entails")),
        "changed": bool(getattr(info, "changed", False)),
        "lag_s": float(getattr(info, "lag_s", SLACK_S)),
        "noted": bool(getattr(info, "noted", True)),
        "is_journey": getattr(info, "author", "") == "journey",
    }


def _weigh(node: Node, info: SignalInfo | None, alike: list[Node]) -> None:
    trust = float(getattr(info, "trust", 1.0))
    held = node.holding()
    if all(getattr(s, "quality", "sure") == "unsure" for s in held):
        trust *= UNSURE
    node.weight = trust / math.sqrt(sum(1 for n in alike if n.value))
    times = [at for s in held if (at := _time(getattr(s, "onset", None))) is not None]
    node.onset = min(times) if times else None


def _time(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
