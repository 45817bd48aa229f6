"""own.*, declared.*: what a manifest declares to be read of a service, and whether that is as it should be.

`own.<name>` is the value, of each label. `declared.<class>.<grade>`, labelled by the reading's name, says by how much
it is beyond what it should be, 0 when it is not; with `.more` or `.less` behind it is the value again, for whoever
knows what is usual. What cannot be asked is unknown, and says why.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from systems import threads
from systems.declared.asking import ask, bounded
from systems.declared.figuring import Rising
from systems.declared.judging import Judge
from systems.declared.series import Series, Value
from systems.manifest import Service
from systems.manifest.watched import ReadingSpec
from systems.probes.base import Clock, Probe
from systems.readings import LABEL_LIMIT, Reading
from systems.services import LoadedSystem

WAIT_S = 0.25  # for what is quick; what takes longer is taken at a later look
PATIENCE_S = 3.0  # beyond a reading's own timeout, for connecting and for its turn
REPEAT_S = 15.0  # what is asked more seldom is said again, or it would count as not read
GONE_LOOKS = 3  # for so many a label that is no more is told as well, so that what it caused can clear


@dataclass(slots=True)
class _Asked:
    """One reading of one service: when it is due, whether it is being asked, and what it said last."""

    spec: ReadingSpec
    judge: Judge
    rising: Rising | None = None  # of a counter
    due: float = -1e9
    job: Future[Series | str] | None = None
    since: float = 0.0
    told: float = -1e9
    last: list[Reading] = field(default_factory=list)
    labels: dict[str, int] = field(
        default_factory=dict
    )  # those that it had; for how many looks they are gone


class DeclaredProbe(Probe):
    """Each reading is asked in a thread, at its own pace, and holds up no other."""

    name = "declared"
    interval_s = 1.0
    timeout_s = 1.5

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._asked: dict[str, list[_Asked]] = {}

    def applies(self, service: Service) -> bool:
        return bool(service.readings)

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        mine = self._asked.get(service.name)
        if mine is None:
            made = [
                _Asked(spec, Judge(spec, service.name), Rising() if spec.rate else None)
                for spec in service.readings
            ]
            mine = self._asked[service.name] = made
        now = self.clock()
        for one in mine:
            if one.job is None and now >= one.due - 0.05:
                one.due, one.since = now + one.spec.every_s, now
                one.job = threads.submit(
                    system.slug, _room(service, one.spec), ask, system, service, one.spec
                )
        running = [asyncio.wrap_future(one.job) for one in mine if one.job is not None]
        if running:
            await asyncio.wait(running, timeout=WAIT_S)
        return [reading for one in mine for reading in self._take(one, service.name)]

    def _take(self, one: _Asked, service: str) -> list[Reading]:
        """What there is to say of a reading now: nothing between two looks."""
        now, job = self.clock(), one.job
        if job is not None and job.done():
            one.job = None
            if job.cancelled():  # its room was given up
                return []
            found = job.result()
            if one.rising is not None and isinstance(found, dict):
                found = one.rising.a_second(found, one.since) or (
                    {} if not found else "it is counted from now on"
                )
            one.last = _unknown(one, service, found) if isinstance(found, str) else _said(one, service, found)
        elif job is not None and now - one.since > one.spec.timeout_s + PATIENCE_S:
            if now - one.told < REPEAT_S and one.last and one.last[0].value is None:
                return []
            one.last = _unknown(one, service, f"no answer in {one.spec.timeout_s:g} s")
        elif one.told < 0 and job is not None:
            one.last = _unknown(one, service, "no answer yet")
        elif now - one.told < REPEAT_S:
            return []
        one.told = now
        return one.last


def _room(service: Service, spec: ReadingSpec) -> str:
    """The threads of what is asked of one place: where it hangs, that is all that waits."""
    return f"declared {spec.way} {spec.on or service.name}"


def _unknown(one: _Asked, service: str, why: str) -> list[Reading]:
    readings = []
    for label in [label for label, missed in one.labels.items() if not missed] or [""]:
        readings.append(Reading(service, f"own.{one.spec.name}", None, why, label))
        readings += _verdict(one, service, label, None, why)
    return readings


def _said(one: _Asked, service: str, found: Series) -> list[Reading]:
    """The values, and what is made of them."""
    kept, readings = bounded(found, one.labels), []
    if not kept and not one.labels.keys() - {""}:
        return _unknown(one, service, "it answered nothing: no row, no entry")
    for label, value in kept.items():
        readings.append(_own(one, service, label, value))
        if one.judge.metric:
            readings += _verdict(one, service, label, *one.judge.look(label, value))
    missed = {label: looks + 1 for label, looks in one.labels.items() if label and label not in kept}
    for label in missed:  # what is gone is as it should be
        one.judge.forget(label)
        readings += _verdict(one, service, label, None if one.spec.baseline == "below" else 0.0, "gone")
    one.labels = dict.fromkeys(kept, 0) | {label: n for label, n in missed.items() if n < GONE_LOOKS}
    return readings


def _own(one: _Asked, service: str, label: str, value: Value | None) -> Reading:
    metric = f"own.{one.spec.name}"
    if value is None:
        return Reading(service, metric, None, one.judge.unfit(value), label)
    return Reading(
        service, metric, 1.0 if value.number is None else value.number, one.judge.shown(value), label
    )


def _verdict(one: _Asked, service: str, label: str, value: float | None, text: str) -> list[Reading]:
    if not one.judge.metric:
        return []
    named = f"{one.spec.name} {label}".rstrip()[:LABEL_LIMIT]
    return [Reading(service, one.judge.metric, value, text, named)]
