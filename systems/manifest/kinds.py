"""The kinds of service that are known, and what is meant by them. Runbooks and ratings of actions speak of kinds."""

from __future__ import annotations

import difflib

KINDS = {
    "http": "answers requests: an API, a web application",
    "frontend": "serves pages to people",
    "proxy": "passes requests on: nginx, HAProxy, Envoy, a gateway",
    "worker": "takes work from a queue",
    "jobs": "does things at set times",
    "postgres": "PostgreSQL, or what speaks like it",
    "redis": "Redis or Valkey",
    "link": "a part of the network that carries the calls to others",
    "relay": "stands behind a link and passes on",
    "loadgen": "makes requests, as visitors do",
    "external": "somebody else's service: it is watched and never touched",
    "other": "anything else",
}
# other names of the same
MEANT = {"postgresql": "postgres", "pg": "postgres", "valkey": "redis", "http-service": "http"}
NEAR = 0.8
RULE = (
    "A word of your own is a kind too, such as `mailer` or `mysql`: runbooks may name it in `applies_to`, those for "
    "`any` apply as well, and an action that nobody has rated for it counts as medium risk at least. A word that is "
    "nearly one of these is a slip, and refused."
)


def slip(kind: str) -> str:
    """The known kind that was probably meant by one that is not known; "" when it is known, or of one's own."""
    word = kind.strip().lower()
    if kind in KINDS:
        return ""
    if word in KINDS or word in MEANT:
        return MEANT.get(word, word)
    near = difflib.get_close_matches(word, KINDS, n=1, cutoff=NEAR)
    return next(iter([*near, *(known for known in KINDS if _one_letter_off(word, known))]), "")


def _one_letter_off(word: str, known: str) -> bool:
    """`htpp`: of a short word one letter is much."""
    alike = len(word) == len(known) and word[:1] == known[:1]
    return alike and sum(a != b for a, b in zip(word, known, strict=True)) == 1
