"""What happens in the shop, told to whoever counts it: entries of a stream, written aside so that no customer waits."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress

import redis

from ..kit.metrics import Metrics

log = logging.getLogger("shop")
STREAM = "s:events"
LENGTH = 5_000  # entries that the stream holds, about
WAITING = 1_000  # of which more are dropped: they are figures, not orders
TOGETHER = 50
PAUSE_S = 0.5


class Events:
    """`tell` never waits and never fails."""

    def __init__(self, store: redis.Redis, metrics: Metrics) -> None:
        self.store, self.metrics = store, metrics
        self._waiting: queue.Queue[dict[str, str]] = queue.Queue(WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()

    def tell(self, kind: str, **more: object) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait({"kind": kind, **{key: str(value) for key, value in more.items()}})

    def _forever(self) -> None:
        while not self._ended.wait(PAUSE_S):
            while self.flush() == TOGETHER:
                pass

    def flush(self) -> int:
        """Write some of what waits; how many. What cannot be written is dropped, and counted."""
        entries: list[dict[str, str]] = []
        with suppress(queue.Empty):
            while len(entries) < TOGETHER:
                entries.append(self._waiting.get_nowait())
        if not entries:
            return 0
        try:
            with self.store.pipeline(transaction=False) as pipe:
                for entry in entries:
                    pipe.xadd(STREAM, entry, maxlen=LENGTH, approximate=True)  # type: ignore[arg-type]
                pipe.execute()
        except redis.RedisError:
            self.metrics.count("events_lost", len(entries))
            return 0
        return len(entries)
