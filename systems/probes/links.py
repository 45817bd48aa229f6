"""link.*: a round trip through a network edge against one past it.

A proxy in between takes connections even when the far end is gone, so the target itself has to say something.
"""

from __future__ import annotations

import asyncio
import math
import time

from systems.manifest import Service
from systems.manifest.types import Link
from systems.probes.base import NEXT_S, Clock, Probe, address, error_kind
from systems.readings import Reading
from systems.services import LoadedSystem

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # Postgres answers S or N, and logs nothing
PATIENCE_S = 1.5
AGAIN = 8  # tries at once after one without an answer: a path that loses some is not one that carries nothing
CLOSER_S = 15.0  # so long after a loss as many each time: one try alone sees the next by chance
NEARLY_ALL = 0.7  # of the tries: nobody can work with what is left
WHOLE = "there and back"
TIMEOUT = error_kind(TimeoutError())
Try = tuple[float | None, str]  # milliseconds until it was answered, and what was wrong


class LinkProbe(Probe):
    """One instance per link."""

    name = "links"
    interval_s = 1.0
    timeout_s = 2 * PATIENCE_S + 0.5
    main = ("link.ok", "link.rtt_ms")

    def __init__(self, clock: Clock = time.monotonic, link: Link | None = None) -> None:
        super().__init__(clock)
        self.link = link
        self._closer_until = -math.inf

    @classmethod
    def build(cls, system: LoadedSystem, clock: Clock) -> list[Probe]:
        return [cls(clock, link) for link in system.manifest.links]

    def applies(self, service: Service) -> bool:
        return self.link is not None and service.name == self.link.service

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        """link.ok and link.rtt_ms through the edge, link.direct_ok past it (when the manifest has a direct address)."""
        link = self.link
        assert link is not None
        hello = greeting(system.service(link.target))
        ways = [self._through(link.address, hello)]
        if link.direct:
            ways.append(_once(link.direct, hello))
        through, *direct = await asyncio.gather(*ways)
        ok, spent, text = _judged(through)
        readings = [
            Reading(link.service, "link.ok", float(ok), "" if ok else text, link.name),
            Reading(link.service, "link.rtt_ms", spent, text, link.name),
        ]
        for ((direct_spent, direct_problem),) in direct:
            text = direct_problem or f"{direct_spent:.1f} ms"
            readings.append(
                Reading(link.service, "link.direct_ok", float(not direct_problem), text, link.name)
            )
        return readings

    async def _through(self, target: str, hello: bytes) -> list[Try]:
        """One try, and more where nothing came back in time, now or a moment ago."""
        if self.clock() < self._closer_until:
            tries = await _at_once(target, hello, AGAIN + 1)
        else:
            tries = await _once(target, hello)
            if tries[0][1] == TIMEOUT:
                tries += await _at_once(target, hello, AGAIN)
        if any(problem == TIMEOUT for _, problem in tries):
            self._closer_until = self.clock() + CLOSER_S
        return tries


async def _once(target: str, hello: bytes) -> list[Try]:
    return [await round_trip(target, hello)]


async def _at_once(target: str, hello: bytes, times: int) -> list[Try]:
    return list(await asyncio.gather(*(round_trip(target, hello) for _ in range(times))))


def _judged(tries: list[Try]) -> tuple[bool, float | None, str]:
    """(whether enough comes through, milliseconds a try takes, what there is to say). One without an answer takes as
    long as it was waited for."""
    answered = [spent for spent, problem in tries if not problem and spent is not None]
    lost = len(tries) - len(answered)
    if lost >= NEARLY_ALL * len(tries):
        problem = next(problem for _, problem in tries if problem)
        return False, None, f"{problem}, {lost} of {len(tries)} tries" if len(tries) > 1 else problem
    mean = (sum(answered) + 1000 * PATIENCE_S * lost) / len(tries)
    words = f"{WHOLE}, {lost} of {len(tries)} tries without an answer" if lost else WHOLE
    return True, round(mean, 2), words


def greeting(service: Service) -> bytes:
    """The least that makes the target answer in its own protocol."""
    if service.postgres is not None:
        return _SSL_REQUEST
    if service.redis is not None:
        return b"PING\r\n"
    path = "/" + service.http.url.split("://", 1)[1].partition("/")[2] if service.http else "/"
    return f"GET {path} HTTP/1.1\r\nHost: prober\r\nConnection: close\r\n\r\n".encode()


async def round_trip(target: str, hello: bytes, patience_s: float = PATIENCE_S) -> Try:
    """(milliseconds until the first byte of an answer, problem) over a fresh connection."""
    started = time.perf_counter()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(*address(target), happy_eyeballs_delay=NEXT_S)
            writer.write(hello)
            first = await reader.read(1)
    except OSError as error:  # TimeoutError is one
        return None, error_kind(error)
    finally:
        if writer is not None:
            writer.transport.abort()
    if not first:
        return None, "reset"
    return round((time.perf_counter() - started) * 1000, 2), ""
