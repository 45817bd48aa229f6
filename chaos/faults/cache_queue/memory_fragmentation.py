"""A job writes very many keys and deletes most of them: the cache keeps the memory, in pieces it cannot use."""

from __future__ import annotations

from functools import partial

from chaos.faults import _config
from chaos.faults.base import Expected, Part, Undo
from chaos.site import Site

UNIT, PATTERN = "redis", "imported:*"
IN_PIECES = 24_000_000  # bytes; a fresh one has 6 million
AT_ONCE = 2000


class MemoryFragmentation(_config.JobFault):
    id = "memory_fragmentation"
    title = "Memory in pieces"
    category = "cache-queue"
    targets = (UNIT, _config.BATCH)
    description = "A job takes over 200,000 visits and drops eleven of twelve: the cache keeps their memory."
    blast_radius = "the machine's memory; what the cache holds can be read as before"
    reverts = "puts the job's settings back, deletes what it wrote, and restarts the cache if need be"
    expected = Expected((UNIT, _config.BATCH), ("memory_fragmented", "config_changed"))
    job = "session-import"
    settings = {"keys": 200_000, "keep_every": 12, "ttl_s": 0, "every_s": 60}
    culprits = ((_config.BATCH, job), (UNIT, job))

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *super().parts(site, undo),
            Part("what the job wrote", partial(_tidy, site)),
            Part("the memory of the cache", partial(_give_back, site)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        held = _in_pieces(site)
        if held > IN_PIECES:
            return f"the cache holds {held / 1e6:.0f} MB that it cannot use"
        return super().still_broken(site, undo)


def _in_pieces(site: Site) -> int:
    with site.redis() as redis:
        return int(redis.info("memory")["mem_fragmentation_bytes"])


def _tidy(site: Site) -> None:
    with site.redis() as redis:
        found: list[str] = []
        for key in redis.scan_iter(PATTERN, count=AT_ONCE):
            found.append(key)
            if len(found) >= AT_ONCE:
                redis.unlink(*found)
                found = []
        if found:
            redis.unlink(*found)


def _give_back(site: Site) -> None:
    """It saves all that it holds when it is ended in order, and reads it again."""
    if _in_pieces(site) > IN_PIECES:
        site.hands.restart(UNIT)
