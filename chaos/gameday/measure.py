"""The game day's own eyes: real journeys and a look at the target, independent of the watcher and the agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LOOK_S = 1.0  # each is all journeys: more of them would be a load of its own


@dataclass
class Measurement:
    """One look: `at` is Unix seconds, `wrong` says what did not work ("" = all well), `failing` how many of the users'
    journeys did not; None where they were not looked at."""

    at: float
    wrong: str
    failing: int | None = None


@dataclass
class Eyes:
    """Looks again and again on a thread of its own. `look` returns what is wrong, "" when all is well; `felt`, asked
    after it, how many journeys failed in it. `every_s`: the pause between; LOOK_S when it is not said."""

    look: Callable[[], str]
    every_s: float | None = None
    felt: Callable[[], int | None] = lambda: None
    seen: list[Measurement] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Eyes:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(15)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.time()
            try:
                wrong = self.look()
            except Exception as error:
                wrong = f"{type(error).__name__}: {error}"
            with self._news:
                self.seen.append(Measurement(began, wrong, self.felt()))
                self._news.notify_all()
            self._stop.wait(LOOK_S if self.every_s is None else self.every_s)

    def green_since(self, after: float) -> float | None:
        """The start of the present unbroken run of good looks that began after `after`; None while it is bad."""
        since: float | None = None
        for m in self.seen:
            if m.at < after:
                continue
            since = (since or m.at) if not m.wrong else None
        return since

    def broke(self, after: float) -> bool:
        """Whether anything was measured wrong since."""
        return any(m.wrong for m in self.seen if m.at >= after)

    def last_wrong(self) -> str:
        return next((m.wrong for m in reversed(self.seen) if m.wrong), "")

    def wait_green(self, after: float, sustain_s: float, timeout_s: float) -> float | None:
        """Wait for `sustain_s` seconds of good looks in a row; the Unix second they began, None on timeout."""
        until = time.time() + timeout_s
        while (now := time.time()) < until:
            since = self.green_since(after)
            if since is not None and now - since >= sustain_s:
                return since
            with self._news:
                self._news.wait(min(1.0, max(0.05, until - now)))
        return None
