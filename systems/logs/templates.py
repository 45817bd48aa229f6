"""A small log template miner in the manner of Drain: mask what varies, group by length and first word, merge alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

from systems.readings import LABEL_LIMIT

WILD = "<*>"
# What varies inside of a text, whatever the words around it. Applied to the whole message.
_QUOTED = re.compile(r'"(?:(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) )?[^"]*"')
_SPACED = (
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| [A-Z]{3,4}\b)?"),
        "<time>",
    ),
    (
        re.compile(
            r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d\d? \d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}\b"
        ),
        "<time>",
    ),
    (re.compile(r"\([\d.,]+ ?[KMGT]?i?B\)"), "<size>"),
    (re.compile(r"(?<!\S)<\d+ ?(?:sec|second|ms|s|min)\b"), "<n>"),  # less than a second is a value, too
)
# What one word can be as a whole, or hold: the group that matches names it.
_HEX = "[0-9a-fA-F]"
_WORD = re.compile(
    rf"(?P<id>\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b)"
    r"|(?P<addr>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.]*\.\d)(?:/\d+)?"
    r"|(?<![\w.-])(?:[A-Za-z0-9_-]+\.)+[a-z]{2,}:\d+\b)"
    rf"|(?P<hex>\b(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}\b|\b0x{_HEX}+\b"
    rf"|\b(?={_HEX}*\d)(?=[0-9]*[a-fA-F]){_HEX}{{6,}}\b)"
    r"|(?P<n>[+-]?(?<![A-Za-z_\d])\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?"
    r"(?=(?:ms|s|us|ns|m|h|kB|KB|MB|GB|TB|[KMG]iB|%|B)?(?![A-Za-z]))|\d+)"
)
MAX_TOKENS = 40
MAX_GROUP = 100
MAX_KNOWN = 20_000
MAX_GROUPS = 2000
LIKE = 0.6
SIBLINGS = 3
FIRST_WORDS = 6  # the first word says most of what a line is about
_LETTERS = str.isalpha
_FIELD = re.compile(r"^([A-Za-z_][\w.-]*)=(?!=)(.+?)([,;)\]]*)$")
_words: dict[str, str] = {}


def mask(message: str) -> str:
    """`GET /item/17 took 3 ms` -> `GET /item/<n> took <n> ms`."""
    return " ".join(_tokens(message))


def _tokens(message: str) -> list[str]:
    if '"' in message:
        message = _QUOTED.sub(lambda m: f'"{m[1]}_<*>"' if m[1] else '"<*>"', message)
    if ":" in message or "(" in message or "<" in message:
        for pattern, word in _SPACED:
            message = pattern.sub(word, message)
    found = []
    for token in message.split(None, MAX_TOKENS)[:MAX_TOKENS]:
        masked = _words.get(token)
        if masked is None:
            masked = token if token.isalpha() else _masked(token)
            if len(_words) > MAX_KNOWN:
                _words.clear()
            _words[token] = masked
        found.append(masked)
    return found


def _masked(token: str) -> str:
    """One word with what varies in it masked."""
    if (field := _FIELD.match(token)) and "<" not in token:
        return token if field[2].isalpha() else f"{field[1]}={WILD}{field[3]}"
    return _WORD.sub(_name, token)


def _name(found: re.Match[str]) -> str:
    return f"<{found.lastgroup}>"


class Cluster:
    """Lines of one shape. `into`: the cluster that it has become part of."""

    __slots__ = ("into", "label", "tokens")

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.label = _label(tokens)
        self.into: Cluster | None = None

    def now(self) -> Cluster:
        """What it is part of by now."""
        found = self
        while found.into is not None:
            found = found.into
        return found

    def differing(self, tokens: list[str], most: int = MAX_TOKENS) -> tuple[int, int]:
        """At how many constant words the tokens differ from it (more than `most`: at least so many), and at which one
        last. A word that holds something masked on both sides is none."""
        count, last = 0, -1
        for number, mine in enumerate(self.tokens):
            if mine != (other := tokens[number]) and mine != WILD and not ("<" in mine and "<" in other):
                count, last = count + 1, number
                if count > most:
                    break
        return count, last

    def absorb(self, tokens: list[str]) -> None:
        """Make what differs a wildcard."""
        merged = [a if a == b else WILD for a, b in zip(self.tokens, tokens, strict=True)]
        if merged != self.tokens:
            self.tokens, self.label = merged, _label(merged)


def _label(tokens: list[str]) -> str:
    return " ".join(tokens)[:LABEL_LIMIT]


def _constants(tokens: list[str]) -> int:
    return sum("<" not in token for token in tokens)


class Miner:
    """Finds the template of each line. Memory is bounded: a full group merges into its likest member.

    Messages that differ in one word are alike only when there are several such words: `Accepted` and `Failed` are two
    kinds of line, the names of ten users are one.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._groups: dict[tuple[int, str], list[Cluster]] = {}
        self._exact: dict[str, Cluster] = {}
        self._rests: dict[str, list[Cluster]] = {}  # by all words but the first
        for label in known:
            self.add(label)

    def add(self, message: str) -> tuple[str, bool]:
        """(template, whether it was never seen before) of one message."""
        cluster, new = self.cluster(message)
        return cluster.label, new

    def cluster(self, message: str) -> tuple[Cluster, bool]:
        """The lines of one shape that a message belongs to (its label may become more general later), and whether it
        is the first of them."""
        tokens = _tokens(message) or ["(empty)"]
        masked = " ".join(tokens)
        found = self._exact.get(masked)
        if found is not None:
            return found.now(), False
        found, new = self._place(tokens)
        if len(self._exact) > MAX_KNOWN:
            self._exact.clear()
        self._exact[masked] = found
        return found, new

    def _place(self, tokens: list[str]) -> tuple[Cluster, bool]:
        group = self._groups.setdefault((len(tokens), _first_word(tokens)), [])
        best, least, where = None, MAX_TOKENS, -1
        for cluster in group:
            count, last = cluster.differing(tokens, least)
            if count < least:
                best, least, where = cluster, count, last
                if count == 0:
                    break
        if best is not None and (len(group) >= MAX_GROUP or self._alike(group, best, tokens, least, where)):
            best.absorb(tokens)
            self._gather(group, best)
            return best, False
        rest = " ".join(tokens[1:])
        if (general := self._whoever(rest, tokens)) is not None:
            return general, False
        if len(self._groups) > MAX_GROUPS:
            self._groups.clear()
            self._rests.clear()
            group = self._groups.setdefault((len(tokens), _first_word(tokens)), [])
        cluster = Cluster(tokens)
        group.append(cluster)
        self._rests.setdefault(rest, []).append(cluster)
        return cluster, True

    def _whoever(self, rest: str, tokens: list[str]) -> Cluster | None:
        """The lines that only differ in their first word, once there are many of them: `alice signed in`."""
        alike = self._rests.get(rest, [])
        if not alike or _constants(tokens[1:]) < 2:
            return None
        general = alike[0]
        if general.tokens[0] != WILD:
            if len(alike) < FIRST_WORDS or general.tokens[1:] != tokens[1:]:
                return None
            general.absorb([WILD, *tokens[1:]])
            for special in alike[1:]:
                special.into = general
                group = self._groups.get((len(special.tokens), _first_word(special.tokens)), [])
                if special in group:
                    group.remove(special)
            del alike[1:]
        return general if general.differing(tokens)[0] == 0 else None

    def _alike(self, group: list[Cluster], best: Cluster, tokens: list[str], count: int, where: int) -> bool:
        if count == 0:
            return True
        constants = _constants(best.tokens)
        if (constants - count) < LIKE * constants:
            return False
        if count > 1 or not _LETTERS(tokens[where]):
            return True
        return sum(_siblings(c.tokens, tokens, where) for c in group) >= SIBLINGS

    def _gather(self, group: list[Cluster], general: Cluster) -> None:
        """Take in what has become a special case."""
        for cluster in [c for c in group if c is not general and general.differing(c.tokens)[0] == 0]:
            cluster.into = general
            group.remove(cluster)


def _siblings(one: list[str], other: list[str], where: int) -> bool:
    return one[:where] == other[:where] and one[where + 1 :] == other[where + 1 :]


def _first_word(tokens: list[str]) -> str:
    """The first token without anything masked: it usually is the level or a constant word."""
    return next((t for t in tokens[:3] if "<" not in t and not t.isdigit()), WILD)
