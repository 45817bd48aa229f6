"""The words that a text has in common with what is said of trouble: seldom chance, where they are not everybody's."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from agent.reasoner.board import Node
from agent.reasoner.causes import Cause

WORD_BITS, MOST_WORDS = 1.5, 3
HINT_BITS = 1.0
WORD = re.compile(r"[a-z][a-z0-9]{3,}")
TOKEN = re.compile(r"[a-z_][a-z0-9_]{2,}")
TABLE = re.compile(r"\b(?:table|view) (?:\w+\.)?([a-z]{5,})\b")
SEVERAL = re.compile(r"[a-z][a-z0-9]*(?:[_.-]+[a-z0-9]+)+")
MOST_OF = 0.6
PHRASE_FROM = 8  # letters: what is shorter any sentence may have
QUOTED = re.compile(r"[\"'`]([a-z_][a-z0-9_]{2,})[\"'`]")
# In any sentence, or in any that tells of trouble or of a change.
EMPTY = re.compile(
    r"after|also|been|before|below|cannot|changed?|commit|could|deploy|does|error|exception|fail(?:ed|ing|ure)?|from|have|"
    r"info|into|just|like|made|make|message|more|most|much|only|over|request|response|same|server|service|shortly|since|"
    r"some|such|than|that|their|them|then|there|they|thi|time|unable|under|used|warn(?:ing)?|were|what|when|where|which|with"
)


def shared(said: str, cause: Cause, nodes: Iterable[Node]) -> set[str]:
    """The words of a text that these nodes say too, without the names of the cause's parts."""
    names = {w for name in (cause.component, *cause.group) for w in words(name)}
    told = {w for n in nodes for s in n.holding() for w in words(f"{s.text} {s.label}")}
    return (words(said) & told) - names


def names(said: str, cause: Cause, nodes: Iterable[Node]) -> set[str]:
    """The names of things that these nodes speak of, or are of, and a text has too: quoted, or of several words in one,
    which a sentence may write apart (`statement_timeout`: "due to statement timeout"), or word for word."""
    own = {name.lower() for name in (cause.component, *cause.group)}
    texts = [s.text.lower() for n in nodes for s in n.holding()]
    told = {w for text in texts for w in _named(text)}
    named = set(TOKEN.findall(said.lower()))
    phrases = {p for p in _phrases(said) if any(p in _plain(text) for text in texts)}
    spaced = [f" {' '.join(re.split(r'[^a-z0-9]+', text))} " for text in texts]
    paths = SEVERAL.findall(
        said.lower()
    )  # a step of one is a name; with a hyphen rather one of several alike
    several = {w for path in paths for w in (path, *path.split(".")) if w == path or "_" in w}
    apart = {w for w in several if _is_told_apart(w, spaced)}
    labels = {s.label.lower() for n in nodes if not n.is_journey for s in n.holding()}
    labels = {name for name in labels if SEVERAL.fullmatch(name) and _is_in(name, said.lower())}
    return (told & named | apart | labels) - own | phrases


def is_hinted(said: str, nodes: Iterable[Node]) -> bool:
    """Whether the plain name of a table that a text is about is a word of what these nodes say: a file or a route is
    often called by what it works on."""
    about = {singular(name) for name in TABLE.findall(said.lower())}
    return any(
        about & {singular(w) for w in WORD.findall(s.text.lower())} for n in nodes for s in n.holding()
    )


def singular(word: str) -> str:
    return word.removesuffix("s")


def _is_in(name: str, said: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said) is not None


def _is_told_apart(name: str, texts: Iterable[str]) -> bool:
    """Whether a sentence has most of the words of a name, one after the other: `min-replicas-to-write`, "not enough
    good replicas to write"."""
    parts = re.split(r"[_.-]+", name.strip("_.-"))
    most = max(2, math.ceil(MOST_OF * len(parts)))
    runs = (" ".join(parts[i : i + most]) for i in range(len(parts) - most + 1))
    return any(len(run) >= PHRASE_FROM and f" {run} " in text for run in runs for text in texts)


def is_of_several(name: str) -> bool:
    """Whether a name has several words, which are seldom together by chance."""
    return re.search(r"\w[_ .-]+\w", name) is not None


def _phrases(said: str) -> set[str]:
    """What a thing is called in several words, with or without the schema it lies in: `table orders`, `user default`.
    What a property belongs to (`role app: statement_timeout`) is spoken of for many reasons."""
    whole = _plain(said)
    names = {whole, re.sub(r"^table ", "relation ", whole)}  # which is what the server calls it
    names |= {re.sub(r"\b\w+\.(?=\w)", "", name) for name in names}
    return {name for name in names if " " in name and ": " not in name and len(name) >= PHRASE_FROM}


def _plain(text: str) -> str:
    return re.sub(r"[\"'`]", "", text.lower())


def _named(text: str) -> set[str]:
    return {*QUOTED.findall(text), *(w for w in TOKEN.findall(text) if "_" in w)}


def bits(found: set[str]) -> float:
    """What so many words in common tell."""
    return WORD_BITS * min(len(found), MOST_WORDS)


def words(text: str) -> set[str]:
    """What is worth comparing in a text: its longer words in the singular, but for those that any sentence may have."""
    found = map(singular, WORD.findall(text.lower()))
    return {w for w in found if not EMPTY.fullmatch(w)}
