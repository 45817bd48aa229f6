"""What every probe has in common.

A probe measures one service and returns readings; it knows nothing of symptoms or incidents. One instance serves one
system, so it may keep state per service (connections, counters, file positions). A source that cannot be read gives
readings with value None, never an exception.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import lru_cache
from ipaddress import ip_address
from typing import ClassVar

from systems import threads
from systems.manifest import Service
from systems.readings import Reading, clean
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem

Clock = Callable[[], float]

KEEP_S = 60.0
# Of a name with several addresses (one of each family, say) the next is tried beside one that does not answer at once.
NEXT_S = 0.25
EVENTS = frozenset({"log.template", "log.new_template"})  # absence means it did not happen

log = logging.getLogger(__name__)


class ProbeFailed(RuntimeError):
    """The source answered something that cannot be used; the message says what."""


class Probe(ABC):
    """Base of probes. Subclasses write `measure`, which may raise; callers use `observe`, which does not.

    `main` are the metrics reported as unknown when nothing of the service was ever read."""

    name: ClassVar[str]
    interval_s: float = 1.0
    timeout_s: float = 1.5
    main: ClassVar[tuple[str, ...]] = ()

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self._known: dict[str, dict[tuple[str, str, str], float]] = {}

    @classmethod
    def build(cls, system: LoadedSystem, clock: Clock) -> list[Probe]:
        """The instances that watch `system`: one, unless parts of it must not wait for each other."""
        return [cls(clock)]

    @abstractmethod
    def applies(self, service: Service) -> bool:
        """Whether the manifest gives this probe anything to read."""

    def every_s(self, service: Service) -> float:
        """Seconds from one look at `service` to the next."""
        return self.interval_s

    @abstractmethod
    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """Measure `service` once. What is raised here makes the readings unknown."""

    async def observe(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """Measure `service` once, within `timeout_s`. Never raises (but for cancellation): what could not be read has
        value None."""
        try:
            async with asyncio.timeout(self.timeout_s):
                readings = await self.measure(system, service)
        except TimeoutError as error:
            return self.unknown(service, clean(str(error)) or f"no answer in {self.timeout_s:g} s")
        except Exception as error:
            if not isinstance(error, OSError | LookupError | ValueError | ProbeFailed | RuntimeError_):
                log.warning("probe %s of %s failed", self.name, service.name, exc_info=True)
            return self.unknown(service, clean(error_kind(error), 200))
        now = self.clock()
        known = self._known.setdefault(service.name, {})
        known.update({(r.service, r.metric, r.label): now for r in readings if r.metric not in EVENTS})
        if len(known) > 500:
            self._known[service.name] = {k: at for k, at in known.items() if now - at < KEEP_S}
        return readings

    def unknown(self, service: Service, reason: str, *, known: Iterable[str] = ()) -> list[Reading]:
        """Value None for everything read of `service` in the last minute; metrics in `known` are left out."""
        now = self.clock()
        keys = {k for k, at in self._known.get(service.name, {}).items() if now - at < KEEP_S}
        keys |= {(service.name, metric, "") for metric in self.main if not any(k[1] == metric for k in keys)}
        return [Reading(k[0], k[1], None, reason, k[2]) for k in sorted(keys) if k[1] not in known]

    async def close(self) -> None:
        """Give back connections and files."""
        await asyncio.sleep(0)


class FileProbe(Probe):
    """A probe whose work blocks: `read` runs in a thread, at most one per service at a time."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._running: dict[str, Future[list[Reading]]] = {}

    @abstractmethod
    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """Measure `service` once, blocking."""

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        before = self._running.get(service.name)
        if before is not None and not before.done():
            raise TimeoutError("the last read still hangs")
        future = threads.submit(system.slug, self.name, self.read, system, service)
        self._running[service.name] = future
        return await asyncio.wrap_future(future)


class Rates:
    """Turns counters into rates per second. A counter that went back (restart) starts over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[object, tuple[float, float]] = {}

    def rate(self, key: object, count: float) -> float | None:
        """Increase per second since the last call with `key`; None on the first."""
        now = self._clock()
        before = self._last.get(key)
        self._last[key] = (now, count)
        if before is None or now <= before[0]:
            return None
        return max(0.0, count - before[1] if count >= before[1] else count) / (now - before[0])

    def delta(self, key: object, count: float) -> float | None:
        """Increase since the last call with `key`; None on the first."""
        before = self._last.get(key)
        self._last[key] = (self._clock(), count)
        if before is None:
            return None
        return count - before[1] if count >= before[1] else count


class Gone:
    """Reports labels that disappeared as 0 for a while, so that what they caused can clear."""

    def __init__(self, clock: Clock, keep_s: float = 30.0) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._seen: dict[tuple[str, str, str], float] = {}

    def fill(self, service: str, metrics: Iterable[str], readings: list[Reading]) -> list[Reading]:
        """`readings` plus a 0 for each label of `metrics` seen in the last `keep_s` and absent now."""
        now = self._clock()
        wanted = set(metrics)
        present = {(r.service, r.metric, r.label) for r in readings if r.metric in wanted}
        missing = [
            k for k, at in self._seen.items() if k[0] == service and k[1] in wanted and k not in present
        ]
        for key in missing:
            if now - self._seen[key] > self._keep_s:
                del self._seen[key]
            else:
                readings.append(Reading(key[0], key[1], 0.0, "gone", key[2]))
        self._seen.update(dict.fromkeys(present, now))
        return readings


def address(text: str) -> tuple[str, int]:
    """`host:port` as a pair; an IPv6 address without its brackets."""
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


@lru_cache(maxsize=4096)
def family(host: str) -> socket.AddressFamily | None:
    """Of a plain address; None for a name, and for an address that is of one interface only."""
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    return None if "%" in host else socket.AF_INET6 if version == 6 else socket.AF_INET


def error_kind(error: BaseException) -> str:
    """A network error in one or two words: refused, timeout, reset, no such name, unreachable, else its text."""
    seen: BaseException | None = error
    while seen is not None:
        kind = _kind(seen)
        if kind:
            return kind
        seen = seen.__cause__ or seen.__context__
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _kind(error: BaseException) -> str:
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, TimeoutError) or "timeout" in text or "timed out" in text:
        return "timeout"
    if isinstance(error, ConnectionRefusedError) or "refused" in text or re.search(r"err(or|no) 111\b", text):
        return "refused"
    if (
        isinstance(error, ConnectionResetError | BrokenPipeError)
        or "reset by peer" in text
        or "disconnected" in text
        or "closed by server" in text
    ):
        return "reset"
    if "certificate" in text:
        return f"certificate: {text.rpartition('certificate verify failed:')[2].strip()[:120] or 'not valid'}"
    if "name or service not known" in text or "nodename" in text or "name resolution" in text:
        return "no such name"
    if "unreachable" in text:
        return "unreachable"
    return ""
