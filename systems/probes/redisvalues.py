"""Whether what lies below a key prefix can still be read as its siblings can: a few values at each look.

Only values that a program wrote as JSON objects or lists are judged, since they alone say by themselves whether they
are whole. A prefix is known as one of those once enough of what was seen below it could be read.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from typing import Any, Literal

import redis.asyncio as aioredis

from systems.readings import LABEL_LIMIT, Reading

COUNT = (
    40  # keys that one look goes on by; a server with many is gone through in hours, which does not matter
)
AGAIN = 10  # values that could not be read are looked at again, so many at each look: are they still there?
WINDOW = 60  # keys of a prefix that are remembered, those looked at last
LEARNT = 8  # values that could be read before a prefix is known to hold such
PREFIXES = 30
MOST_BYTES = 65_536  # what is longer is not judged
PREFIX = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.-]{1,39}:)[^:]")
Verdict = Literal["whole", "damaged", "other"]


def prefix_of(key: bytes) -> str:
    """What stands before the first colon of a key, with it; "" where there is none."""
    found = PREFIX.match(key)
    return found[1].decode() if found else ""


def verdict(value: bytes, *, known: bool = False) -> tuple[Verdict, str]:
    """Whether a value is a whole JSON object or list, and what the parser said. `known`: its siblings are such, so that
    one that does not even begin like them is damaged, too; what begins like one and cannot be parsed is in any case."""
    try:
        parsed = json.loads(value)
    except ValueError as error:
        begins = value.lstrip()[:1] in (b"{", b"[")
        return ("damaged", str(error)[:120]) if begins or known else ("other", "")
    return ("whole", "") if isinstance(parsed, dict | list) else ("other", "")


class Below:
    """What was seen below one prefix. `seen`: key -> whether its value is damaged, the oldest first."""

    def __init__(self) -> None:
        self.seen: OrderedDict[bytes, bool] = OrderedDict()
        self.whole = self.other = 0
        self.said = ""

    @property
    def known(self) -> bool:
        """Whether such values are what belongs here."""
        return self.whole >= LEARNT and self.whole > 9 * self.other

    def note(self, key: bytes, value: bytes | None) -> None:
        """`value`: None when the key is gone."""
        self.seen.pop(key, None)
        if value is None or len(value) >= MOST_BYTES:
            return
        found, said = verdict(value, known=self.known)
        if found == "other":
            self.other += 1
            return
        self.whole += found == "whole"
        self.said = said or self.said
        self.seen[key] = found == "damaged"
        while len(self.seen) > WINDOW:
            self.seen.popitem(last=False)

    def damaged(self) -> list[bytes]:
        return [key for key, is_damaged in self.seen.items() if is_damaged]

    def reading(self, service: str, prefix: str) -> Reading:
        bad = len(self.damaged())
        text = f"{bad} of {len(self.seen)} that were looked at; {self.said}" if bad else ""
        share = round(100 * bad / len(self.seen), 1) if self.seen else 0.0
        return Reading(service, "redis.damaged_pct", share, text, prefix[:LABEL_LIMIT])


class Values:
    """What one server holds, looked into a little at a time."""

    def __init__(self) -> None:
        self.cursor = 0
        self.below: dict[str, Below] = {}
        self.asked: list[bool] = []  # our own look-ups of the last look: whether each found something

    async def look(self, client: aioredis.Redis, service: str) -> list[Reading]:
        """One reading for each prefix that is known. Raises what the client raises, and leaves the place as it was."""
        cursor, keys = await client.scan(self.cursor, count=COUNT)
        seen = [*self._again(), *(key for key in keys if isinstance(key, bytes))]
        wanted = {key: prefix_of(key) for key in seen if prefix_of(key)}
        pipe = client.pipeline(transaction=False)
        for key in wanted:
            pipe.getrange(key, 0, MOST_BYTES)
        found = await pipe.execute(raise_on_error=False) if wanted else []
        self.cursor = int(cursor)
        self.asked = [value != b"" for value in found]
        for (key, prefix), value in zip(wanted.items(), found, strict=True):
            self._note(key, prefix, value)
        return [below.reading(service, prefix) for prefix, below in self.below.items() if below.known]

    def _again(self) -> list[bytes]:
        return [key for below in self.below.values() for key in below.damaged()[:AGAIN]]

    def _note(self, key: bytes, prefix: str, value: Any) -> None:
        if isinstance(value, Exception):  # a list, a hash: it is no text
            return
        if prefix not in self.below and len(self.below) >= PREFIXES:
            return
        self.below.setdefault(prefix, Below()).note(key, value or None)
