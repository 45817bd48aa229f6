"""Whether a time that was changed is the time that is measured: six seconds of delay set, answers six seconds later.

Such an agreement of numbers is a sign of the change's own kind, whatever the key is called. Where nobody waited to the
end, what is known is that it took longer than their patience: that fits a longer time only where the key's own name
says that it makes things wait."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.reasoner.board import Board, Node
from agent.reasoner.types import Change

UNITS = {
    "us": 1e-6, "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "milliseconds": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0,
    "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
}  # fmt: skip
TIME = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)\s?(us|m?s|m?sec|secs|millis|(?:milli)?seconds?|min(?:utes?)?)(?![\w/])"
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
NAMED = re.compile(r"[a-z]+")
SLOWS = re.compile(
    r"delay|sleep|latency|throttl|stall|backoff|slow|wait|pause|interval|period|every|poll", re.IGNORECASE
)
GAVE_UP = re.compile(r"timed?[ -]?out", re.IGNORECASE)
LONG_S = 0.5  # hardly anybody gives up sooner
LEAST_S = 0.001  # a shorter time is measured too coarsely to agree with anything
NEAR = 0.15  # of the new value
FURTHER = 3.0  # times the new value: then it is not what they wait for
WAITING = ("slow", "flow")  # what measures how long something or somebody waits
MOST_TEXTS = 20


def agrees(change: Change, nodes: Iterable[Node], board: Board) -> bool:
    """Whether what these nodes measured, or say of how long they waited, is the time that the change set."""
    new, old = seconds(change.what, change.after), seconds(change.what, change.before)
    if new is None or new < LEAST_S or new == old:
        return False
    nodes = list(nodes)
    told = [d for node in nodes for d in _durations(node, board)]
    if any(abs(d - new) <= NEAR * new and (old is None or abs(d - old) > NEAR * old) for d in told):
        return True
    if not SLOWS.search(change.what) or new <= (old or 0.0):
        return False
    if told:
        return max(told) <= FURTHER * new and min(told) < new
    return new >= LONG_S and any(GAVE_UP.search(s.text) for node in nodes for s in node.holding())


def seconds(what: str, value: str | None) -> float | None:
    """The time that a value is, by its own unit or by that at the end of its name (`wait_s`, `timeoutMillis`)."""
    if value is None:
        return None
    text = value.strip().strip("'\"").lower()
    if found := TIME.fullmatch(text):
        return float(found[1]) * UNITS[found[2]]
    if not NUMBER.fullmatch(text):
        return None
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", what.split(":")[-1])
    last = NAMED.findall(apart.lower())[-1:]
    return float(text) * UNITS[last[0]] if last and last[0] in UNITS else None


def _durations(node: Node, board: Board) -> Iterator[float]:
    """Seconds, as measured where the signal is one of time, and as written in texts."""
    metric = str(getattr(board.catalog.get(node.signal), "metric", ""))
    unit = UNITS.get(metric.rpartition("_")[2]) if node.klass in WAITING else None
    for state in node.holding()[:MOST_TEXTS]:
        if unit and state.reading_value is not None:
            yield state.reading_value * unit
        for found in TIME.finditer(state.text.lower()):
            yield float(found[1]) * UNITS[found[2]]
