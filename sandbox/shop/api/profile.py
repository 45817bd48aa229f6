"""In-process cache of shopping profiles: what a visitor has looked at, unfolded so that pages can be personalised.

Bounded by session_cache.max_entries (oldest out first); 0 means no bound.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from ..kit.config import Config

TRACED = 131_072  # bytes of a profile


class ProfileCache:
    """visit key -> unfolded profile of session_cache.entry_kb KiB."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._entries: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_mb(self) -> float:
        return sum(map(len, list(self._entries.values()))) / 1_048_576

    def remember(self, visit: str, seen: bytes) -> None:
        """Keep what this visit has seen."""
        size = int(self.config.number("session_cache.entry_kb", 256)) * 1024
        if size <= 0:
            return
        pattern = seen or b"-"
        with self._lock:
            self._entries[visit] = (pattern * (size // len(pattern) + 1))[:size]
            self._entries.move_to_end(visit)
        self.trim()

    def seen(self, visit: str) -> str:
        """What is kept of this visit, for tracing; bounded."""
        with self._lock:
            return self._entries.get(visit, b"")[:TRACED].decode("latin-1")

    def trim(self) -> None:
        bound = int(self.config.number("session_cache.max_entries", 40))
        with self._lock:
            while bound > 0 and len(self._entries) > bound:
                self._entries.popitem(last=False)
