"""Messages that a consumer has in hand: for how long, and how long it usually takes to be done with one."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable

from systems.probes.base import Clock

FINISHED = 100  # of which it is remembered how long they took
ENOUGH = 5  # finished ones, before it is known what is usual
GONE_FOR = 30  # looks: one that is seen again by then had only been put back
TOO_LONG, LEAST_S = (
    4.0,
    5.0,
)  # times the slowest so far, and seconds: it may have lain there, rather than been worked on
BACK_S = 30.0  # so long it is remembered that one was put back
OFTEN = 3  # such looks among those remembered, before it is believed that it takes so long


class InHand:
    """One queue's list of what is being worked on, looked at again and again. A message is known by its content."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[bytes, float] = {}
        self._left: dict[bytes, tuple[float, int]] = {}  # how long it was in hand, looks since
        self._took: deque[float] = deque(maxlen=FINISHED)
        self._doubted: list[
            tuple[int, float]
        ] = []  # how many were finished by then, how long this one was in hand
        self._finished = 0
        self._back: dict[bytes, list[float]] = {}  # when it was seen to be put back
        self._last = clock()

    def look(self, messages: Iterable[bytes], *, waiting: Iterable[bytes], finished: float | None) -> None:
        """`messages` are in hand now, `waiting` are in the queue as far as it was read, and by the consumer's own count
        `finished` were done since the last look (None: it keeps none)."""
        now = self._clock()
        here = {_name(m) for m in messages}
        again = here | {_name(m) for m in waiting}
        done: list[float] = []
        for name in self._since.keys() - here:
            self._left[name] = (self._last - self._since.pop(name), 0)
        for name, (held, looks) in list(self._left.items()):
            if name in again:
                del self._left[name]
                self._back.setdefault(name, []).append(now)
            elif looks >= GONE_FOR:
                del self._left[name]
                done.append(held)
            else:
                self._left[name] = (held, looks + 1)
        for name in here:
            self._since.setdefault(name, now)
        kept = {name: [at for at in times if now - at <= BACK_S] for name, times in self._back.items()}
        self._back = {name: times for name, times in kept.items() if times}
        if finished:  # quicker than one can look
            done.append(now - self._last)
        self._learn(done)
        self._last = now

    def _learn(self, done: list[float]) -> None:
        """What went at last after it had lain there (its consumer had died, and it was put back and done between two
        looks) tells nothing of how long the work takes; unless it is seen again and again."""
        self._finished += len(done)
        usual = self.usual_s()
        doubtful = [t for t in done if usual is not None and t > max(LEAST_S, TOO_LONG * usual)]
        self._took.extend(t for t in done if t not in doubtful)
        if doubtful:  # those of one look have lain there together
            self._doubted.append((self._finished, max(doubtful)))
        self._doubted = [(n, t) for n, t in self._doubted if self._finished - n < FINISHED]
        if len(self._doubted) >= OFTEN:
            self._took.extend(t for _, t in self._doubted)
            self._doubted.clear()

    def held_s(self) -> float:
        """Seconds that one of them has been in hand for by now."""
        return max((self._last - at for at in self._since.values()), default=0.0)

    def returned(self) -> int:
        """How often one of them was put back of late, as far as it was seen: it is taken up much more often."""
        return max(map(len, self._back.values()), default=0)

    def usual_s(self) -> float | None:
        """Seconds that the slowest of those finished of late took; None while too few are known."""
        return max(self._took) if len(self._took) >= ENOUGH else None

    def together(self) -> int:
        """How many were in hand already when the one that was taken first had been for half its time."""
        half = self._last - self.held_s() / 2
        return sum(at <= half for at in self._since.values())


def _name(message: bytes) -> bytes:
    return hashlib.sha1(message, usedforsecurity=False).digest()
