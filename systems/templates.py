"""A small log template miner in the manner of Drain: mask what varies, group by length and first word, merge alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

from systems.readings import LABEL_LIMIT

WILD = "<*>"
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| [A-Z]{3,4}\b)?"),
        "<time>",
    ),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<addr>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.I), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9]*[a-f])[0-9a-f]{6,}\b", re.I), "<hex>"),
    (
        re.compile(
            r"(?<=[:/=\[( ,'\"#-])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?=(?:ms|s|us|kB|KB|MB|GB|%|B)?\b)|^-?\d+\b"
        ),
        "<n>",
    ),
)
MAX_TOKENS = 40
MAX_GROUP = 60
LIKE = 0.7


def mask(message: str) -> str:
    """`GET /item/17 took 3 ms` -> `GET /item/<n> took <n> ms`."""
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return message


class Cluster:
    """Lines of one shape."""

    __slots__ = ("label", "tokens")

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.label = _label(tokens)

    def likeness(self, tokens: list[str]) -> float:
        """Share of positions that agree."""
        same = sum(1 for mine, other in zip(self.tokens, tokens, strict=True) if mine in (other, WILD))
        return same / len(tokens)

    def absorb(self, tokens: list[str]) -> None:
        """Make what differs a wildcard."""
        if self.tokens != tokens:
            merged = [a if a == b else WILD for a, b in zip(self.tokens, tokens, strict=True)]
            if merged != self.tokens:
                self.tokens, self.label = merged, _label(merged)


def _label(tokens: list[str]) -> str:
    return " ".join(tokens)[:LABEL_LIMIT]


class Miner:
    """Finds the template of each line. Memory is bounded: a full group merges into its likest member."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._groups: dict[tuple[int, str], list[Cluster]] = {}
        self._exact: dict[str, Cluster] = {}
        for label in known:
            self.add(label)

    def add(self, message: str) -> tuple[str, bool]:
        """(template, whether it was never seen before) of one message."""
        masked = mask(message)
        cluster = self._exact.get(masked)
        if cluster is not None:
            return cluster.label, False
        tokens = masked.split()[:MAX_TOKENS] or ["(empty)"]
        cluster, new = self._place(tokens)
        if len(self._exact) > 5000:
            self._exact.clear()
        self._exact[masked] = cluster
        return cluster.label, new

    def _place(self, tokens: list[str]) -> tuple[Cluster, bool]:
        group = self._groups.setdefault((len(tokens), _first_word(tokens)), [])
        best = max(group, key=lambda c: c.likeness(tokens), default=None)
        if best is not None and (best.likeness(tokens) >= LIKE or len(group) >= MAX_GROUP):
            best.absorb(tokens)
            return best, False
        if len(self._groups) > 2000:
            self._groups.clear()
            group = self._groups.setdefault((len(tokens), _first_word(tokens)), [])
        cluster = Cluster(tokens)
        group.append(cluster)
        return cluster, True


def _first_word(tokens: list[str]) -> str:
    """The first token without anything masked: it usually is the level or a constant word."""
    return next((t for t in tokens[:3] if "<" not in t and not t.isdigit()), WILD)
