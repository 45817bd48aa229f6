"""The sessions in the cache end in the middle: who had one cannot be served any more."""

from __future__ import annotations

from itertools import islice
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT, PREFIX = "redis", "sess:"
MOST = 4000  # sessions; those beyond stay as they are
AT_ONCE = 500
LONGEST = 8192  # characters of one


class SessionCorruption(Fault):
    id = "session_corruption"
    title = "Corrupt sessions"
    category = "cache-queue"
    targets = (UNIT,)
    description = "A writer that was cut off left the sessions in the cache with their first half only."
    blast_radius = "visitors who come back with a session: they get an error until their session ends"
    reverts = "puts the old sessions back where nothing has taken their place"
    expected = Expected((UNIT,), ("damaged_values",))
    culprits = ((UNIT, PREFIX),)
    may_touch = ("api", "api-1", "api-2")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        found: dict[str, str] = {}
        with site.redis() as redis:
            keys = list(islice(redis.scan_iter(f"{PREFIX}*", count=500), MOST))
            for first in range(0, len(keys), AT_ONCE):
                some = keys[first : first + AT_ONCE]
                values = zip(some, redis.mget(some), strict=True)
                found |= {key: text for key, text in values if text and len(text) <= LONGEST}
        if not found:
            raise FaultFailed("nobody has a session yet; wait for visitors")
        return {"sessions": found}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _put(site, {key: _cut(text) for key, text in undo["sessions"].items()})

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the sessions in the cache", lambda: _put_back(site, undo))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = _damaged(site, undo)
        return f"{len(bad)} sessions are damaged" if bad else ""


def _cut(text: str) -> str:
    return text[: max(1, len(text) // 2)]


def _damaged(site: Site, undo: Undo) -> list[str]:
    """The keys that hold what was left of their session."""
    found, keys = [], list(undo["sessions"])
    with site.redis() as redis:
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            values = zip(some, redis.mget(some), strict=True)
            found += [key for key, text in values if text and text == _cut(undo["sessions"][key])]
    return found


def _put(site: Site, texts: dict[str, str]) -> None:
    """Each in its place with the life it has left; one that is gone stays so."""
    items = list(texts.items())
    with site.redis() as redis:
        for first in range(0, len(items), AT_ONCE):
            with redis.pipeline(transaction=False) as pipe:
                for key, text in items[first : first + AT_ONCE]:
                    pipe.set(key, text, keepttl=True, xx=True)
                pipe.execute()


def _put_back(site: Site, undo: Undo) -> None:
    _put(site, {key: undo["sessions"][key] for key in _damaged(site, undo)})
