"""The keys of one system, found by name, or by signal and service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from incidents.signals.base import Signal
from incidents.signals.judging.state import Key

LEAST_KEYS = 6000
KEYS_EACH = 150  # kept per part of the system: what its readings and lines make, and labels of its own


class Keys:
    """Grows with what is read; of a system of so many parts the idle ones that were read longest ago go when there are
    too many."""

    def __init__(self, parts: int = 0) -> None:
        self.resize(parts)
        self._named: dict[tuple[str, str, str], Key] = {}
        self._index: dict[tuple[str, str], dict[str, Key]] = defaultdict(dict)

    def resize(self, parts: int) -> None:
        self.most = max(LEAST_KEYS, KEYS_EACH * parts)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._named.values()))

    def get(self, signal: str, service: str, label: str) -> Key | None:
        return self._named.get((signal, service, label))

    def of(self, signal: str, service: str) -> list[Key]:
        return list(self._index[signal, service].values())

    def made(self, signal: Signal, service: str, label: str, now: float) -> Key:
        """The key, made when it is new."""
        name = (signal.id, service, label)
        found = self._named.get(name)
        if found is None:
            if len(self._named) >= self.most:
                self._drop_oldest()
            found = self._named[name] = Key(signal, service, label, now, read_at=now)
            self._index[signal.id, service][label] = found
        return found

    def drop(self, key: Key) -> None:
        """Forget a key altogether."""
        self._named.pop((key.signal.id, key.service, key.label), None)
        self._index[key.signal.id, key.service].pop(key.label, None)

    def _drop_oldest(self) -> None:
        idle = sorted((k for k in self if not k.active), key=lambda k: k.read_at)
        for key in idle[: self.most // 4]:
            self.drop(key)
