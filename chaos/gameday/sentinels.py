"""What is planted before a fault, to see whether it is still there afterwards: rows, keys and messages that look like
any other, which nobody has a reason to remove and which no fault is in; and the rows that are there and that nobody
writes, by their checksums.

A message that was planted is there as long as it waits or is in work, or once its order is fulfilled.
"""

from __future__ import annotations

import json
import logging
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import redis as redis_client

from chaos.gameday.measure import Measurement
from chaos.site import Site

log = logging.getLogger(__name__)

ROWS, KEYS, MESSAGES = 3, 3, 3
QUEUE, IN_WORK = "q:orders", "q:orders:processing"
FULFILLED = "fulfilled"
STILL = ("coupons", "products", "users")  # nobody writes these while the shop runs
MOST_ROWS = 20_000
LOOKS_S = 20.0  # so long messages may take on their way
HOW_MANY = "SELECT count(*) FROM shop.orders WHERE email = ANY(%s)"
NAMES = ("anna", "jonas", "mina", "piotr", "sara", "tariq")


@dataclass
class Planted:
    """In one sandbox. What could not be planted is not missed."""

    site: Site
    emails: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sent: dict[int, str] = field(default_factory=dict)  # order -> its message
    put_out: int = 0  # keys that the cache had put out for want of room
    still: dict[str, frozenset[str]] = field(default_factory=dict)  # table -> checksums of its rows

    def plant(self) -> None:
        """Rows and keys; call it while all is well."""
        try:
            with self.site.superuser() as db:
                for _ in range(ROWS):
                    db.execute("INSERT INTO shop.orders (email, total, status) VALUES (%s, 12.50, %s)",
                               [self._email(), FULFILLED])  # fmt: skip
                self.still = {table: _rows(db, table) for table in STILL}
            with self.site.redis() as cache:
                for _ in range(KEYS):
                    key = f"cart:{uuid.uuid4().hex}"
                    cache.set(key, json.dumps({"lines": []}))
                    self.keys.append(key)
                self.put_out = _put_out(cache)
        except Exception as error:
            log.warning("not all could be planted: %s", error)

    def send(self) -> None:
        """Orders that are under way when the fault is put in."""
        try:
            with self.site.superuser() as db, self.site.redis() as cache:
                for _ in range(MESSAGES):
                    made = db.execute(
                        "INSERT INTO shop.orders (email, total, status) VALUES (%s, 9.90, 'new') RETURNING id",
                        [self._email()],
                    ).fetchone()
                    assert made is not None
                    message = json.dumps({"id": made[0], "total": 9.9, "at": time.time()})
                    cache.lpush(QUEUE, message)
                    self.sent[made[0]] = message
        except Exception as error:
            log.info("no orders under way: %s", error)

    def _email(self) -> str:
        self.emails.append(f"{random.choice(NAMES)}.{uuid.uuid4().hex[:8]}@example.org")
        return self.emails[-1]

    def missing(self) -> dict[str, int]:
        """{"rows", "rows of TABLE", "keys", "messages"}: how many are not there as they were, but for keys that the
        cache itself put out."""
        found = {}
        with self.site.superuser() as db:
            row = db.execute(HOW_MANY, [self.emails]).fetchone()
            found["rows"] = len(self.emails) - (int(row[0]) if row else 0)
            for table, rows in self.still.items():
                found[f"rows of {table}"] = len(rows - _rows(db, table))
        with self.site.redis() as cache:
            gone = sum(not cache.exists(key) for key in self.keys)
            found["keys"] = max(0, gone - (_put_out(cache) - self.put_out))
        found["messages"] = len(self._gone())
        return found

    def look(self) -> str:
        """As `missing`, for eyes."""
        return json.dumps(self.missing())

    def lost(self, looks: Sequence[Measurement], acted_at: float | None) -> dict[str, int]:
        """As `missing`, those that are gone, asked when everything has been put back, but for what was
        gone before anybody acted: that did the fault. What cannot be read is said in the log, and not called lost."""
        if acted_at is None:
            return {}
        before = next((m.wrong for m in reversed(looks) if m.at < acted_at and m.wrong.startswith("{")), "{}")
        try:
            found = self.missing() | {"messages": self._messages_lost()}
        except Exception as error:
            log.warning("whether anything is lost cannot be told: %s", error)
            return {}
        own = json.loads(before)
        return {t: left for t, number in found.items() if (left := number - own.get(t, 0)) > 0}

    def _messages_lost(self) -> int:
        """Those that are neither waiting, nor in work, nor done. One in between is looked for again."""
        until = time.monotonic() + LOOKS_S
        while gone := self._gone():
            if time.monotonic() > until:
                break
            time.sleep(0.5)
        return len(gone)

    def _gone(self) -> list[int]:
        with self.site.redis() as cache:
            kept = {*cache.lrange(QUEUE, 0, -1), *cache.lrange(IN_WORK, 0, -1)}
        with self.site.superuser() as db:
            query = "SELECT id FROM shop.orders WHERE id = ANY(%s) AND status = %s"
            done = {row[0] for row in db.execute(query, [list(self.sent), FULFILLED])}
        return [number for number, message in self.sent.items() if number not in done and message not in kept]

    def clear(self) -> None:
        """Take them out again."""
        try:
            with self.site.superuser() as db:
                db.execute("DELETE FROM shop.orders WHERE email = ANY(%s)", [self.emails])
            if self.keys:
                with self.site.redis() as cache:
                    cache.delete(*self.keys)
        except Exception as error:
            log.warning("what was planted stays: %s", error)


def _rows(db: psycopg.Connection[Any], table: str) -> frozenset[str]:
    """A checksum of each; none where there is no such table."""
    query = f"SELECT md5(t::text) FROM shop.{table} t LIMIT {MOST_ROWS}"
    try:
        return frozenset(row[0] for row in db.execute(query))
    except psycopg.errors.UndefinedTable:
        return frozenset()


def _put_out(cache: redis_client.Redis) -> int:
    stats: Any = cache.info("stats")
    return int(stats["evicted_keys"])
