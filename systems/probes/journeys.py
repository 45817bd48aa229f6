"""journey.*: what a visitor does, step by step, through the front door. The steady state of a system."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from systems import trust
from systems.manifest import Service
from systems.manifest.base import meets
from systems.manifest.web import Journey, Step
from systems.probes import web
from systems.probes.base import Clock, Probe
from systems.readings import Reading, clean
from systems.services import LoadedSystem

_VARIABLE = re.compile(r"\{(\w+)\}")


VISITS = (
    20  # of one returning visitor, while all goes well: what a site keeps of one does not grow without end
)
_ASKS_ANEW = (301, 302, 303, 307, 308, 401)


class StepFailed(Exception):
    """A step did not do what it should; the message says which and why."""


class SessionUnknown(StepFailed):
    """The site does not know the session (any more) and says so: it asks for a new one."""


class JourneyProbe(Probe):
    """One instance per journey, so that a hanging one delays no other."""

    name = "journeys"
    main = ("journey.ok", "journey.latency_ms")

    def __init__(
        self, clock: Clock = time.monotonic, journey: Journey | None = None, service: str = ""
    ) -> None:
        super().__init__(clock)
        self.journey = journey
        self.service = service
        self.http: web.Client | None = None
        if journey is not None:
            self.interval_s = journey.interval_s
            self.timeout_s = journey.timeout_s + 0.5

    @classmethod
    def build(cls, system: LoadedSystem, clock: Clock) -> list[Probe]:
        return [cls(clock, journey, entry_service(system, journey)) for journey in system.manifest.journeys]

    def applies(self, service: Service) -> bool:
        return service.name == self.service

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert self.journey is not None
        if self.http is None:
            self.http = visitor(system, self.journey)
        self.http.tls = trust.of(system, self.journey)  # the file with the authorities may be another by now
        latency, problem = await run_journey(self.http, self.journey)
        name = self.journey.name
        return [
            Reading(service.name, "journey.ok", float(not problem), problem, name),
            Reading(
                service.name, "journey.latency_ms", None if problem else round(latency, 1), problem, name
            ),
        ]

    async def close(self) -> None:
        if self.http is not None:
            await self.http.aclose()


def entry_service(system: LoadedSystem, journey: Journey) -> str:
    """The service a journey enters by: named in the manifest, else found by the first step's address."""
    if journey.service:
        return journey.service
    found = system.by_address(journey.steps[0].get or journey.steps[0].post or "")
    return found.name if found is not None else next(iter(system.services))


def visitor(system: LoadedSystem, journey: Journey) -> web.Client:
    """Who goes on a journey. trust.Unusable when the file with its authorities cannot be read."""
    return web.client(cookies=True, tls=trust.of(system, journey))


async def run_journey(http: web.Client, journey: Journey) -> tuple[float, str]:
    """(milliseconds, problem) of one run; problem is empty when every step did what it should."""
    if not journey.keeps or not http.visits:
        http.forget()  # a new visitor
    started = time.perf_counter()
    variables: dict[str, str] = {}
    problem, where = "", ""
    try:
        async with asyncio.timeout(journey.timeout_s):
            for number, step in enumerate(journey.steps, 1):
                where = f"step {number} {describe(step)}"
                await _step(http, step, variables, journey.timeout_s)
    except TimeoutError:
        problem = f"{where}: no answer in {journey.timeout_s:g} s"
        await http.rebuild()  # the next run is not held up by what hangs in this one
    except SessionUnknown as error:
        if journey.keeps and http.visits:
            http.forget()
            return await run_journey(http, journey)
        problem = f"{where}: {error}"
    except StepFailed as error:
        problem = f"{where}: {error}"
    if not problem:
        http.visits += 1
        if journey.keeps and http.visits > VISITS:
            # the next one begins at once: there is always one to come back
            http.forget()
            return await run_journey(http, journey)
    return (time.perf_counter() - started) * 1000, clean(problem, 300)


async def _step(http: web.Client, step: Step, variables: dict[str, str], timeout_s: float) -> None:
    answer = await web.fetch(
        http,
        _fill(step.get or step.post or "", variables),
        timeout_s,
        method="GET" if step.get else "POST",
        headers={key: _fill(value, variables) for key, value in step.headers.items()},
        json=_fill_json(step.body, variables),
    )
    if answer.error == "timeout":
        raise TimeoutError
    if answer.error or not meets(answer.status, step.expect):
        raise (SessionUnknown if answer.status in _ASKS_ANEW else StepFailed)(answer.reason())
    if step.contains is not None and _fill(step.contains, variables).encode() not in answer.body:
        raise StepFailed(f"the answer does not contain {step.contains!r}: {answer.excerpt()}")
    for variable, path in step.save.items():
        variables[variable] = _saved(answer, path)


def _saved(answer: web.Answer, path: str) -> str:
    try:
        return str(dig(answer.json(), path))
    except (ValueError, LookupError, TypeError) as error:
        raise StepFailed(f"the answer has no {path}: {answer.excerpt()}") from error


def dig(data: Any, path: str) -> Any:
    """The value at a dotted path (`items.0.id`) in parsed JSON. LookupError or TypeError when it is not there."""
    for part in path.removeprefix("$.").split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def _fill(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)


def _fill_json(item: Any, variables: dict[str, str]) -> Any:
    if isinstance(item, str):
        return _fill(item, variables)
    if isinstance(item, dict):
        return {key: _fill_json(value, variables) for key, value in item.items()}
    if isinstance(item, list):
        return [_fill_json(value, variables) for value in item]
    return item


def describe(step: Step) -> str:
    """`GET /api/catalog`."""
    parts = urlsplit(step.get or step.post or "")
    return f"{'GET' if step.get else 'POST'} {parts.path or '/'}"


async def failures_now(system: LoadedSystem) -> list[str]:
    """Run every journey once, side by side: `name: step 2 POST /orders: status 503` for each that fails."""
    problems = await asyncio.gather(*(_once(system, journey) for journey in system.manifest.journeys))
    return [f"{j.name}: {p}" for j, p in zip(system.manifest.journeys, problems, strict=True) if p]


async def _once(system: LoadedSystem, journey: Journey) -> str:
    try:
        async with visitor(system, journey) as http:
            return (await run_journey(http, journey))[1]
    except trust.Unusable as error:
        return str(error)


def failures(system: LoadedSystem) -> Sequence[str]:
    """`failures_now` for code without an event loop."""
    return asyncio.run(failures_now(system))
