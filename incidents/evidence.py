"""What is known of a system right now: the state of every signal, as the watcher last saw it.

The watcher writes the whole picture to Redis at each tick; it is derived, so losing it costs one tick. Everybody else
(the agent in its worker, the pages) reads it here. Checks on demand run in the caller's process.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import redis

from incidents import live
from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from incidents.signals.checks import RUNS
from incidents.signals.detectors import Memory, Sample
from systems import checks, services
from systems.readings import Reading

__all__ = ["SignalState", "is_starved", "run_check", "snapshot", "taken_at", "wait_fresh", "write"]

log = logging.getLogger(__name__)

KEY = "ops:evidence:2:{}"  # the number: of the shape of its rows
TICKS = "ops:ticks:{}"
KEEP_S = 120  # older than this the picture is worth nothing: unknown


def write(slug: str, at: datetime, states: Iterable[SignalState], *, starved: bool = False) -> None:
    """Replace the picture of `slug` and wake whoever waits for a fresh one. Never raises: the next tick is near."""
    rows = [
        [
            s.signal,
            s.service,
            s.label,
            s.value,
            s.reading_value,
            s.text if s.value else s.text[:120],
            _stamp(s.since),
            _stamp(s.read),
        ]
        for s in states
    ]
    picture = json.dumps({"at": at.timestamp(), "starved": starved, "states": rows}, separators=(",", ":"))
    try:
        pipe = live.client().pipeline(transaction=False)
        pipe.set(KEY.format(slug), picture, ex=KEEP_S)
        pipe.publish(live.channel(TICKS.format(slug)), repr(at.timestamp()))
        pipe.execute()
    except redis.RedisError as error:
        log.warning("evidence of %s not written this tick: %s", slug, error)


def snapshot(system_slug: str) -> list[SignalState]:
    """The state of every signal judged so far; [] when the watcher has not been heard of for two minutes."""
    picture = _read(system_slug)
    if picture is None:
        return []
    states = []
    for signal, service, label, value, reading, text, since, read in picture["states"]:
        source = CATALOG[signal].source if signal in CATALOG else "metric"
        states.append(
            SignalState(signal, service, label, value, reading, text, _time(since), source, _time(read))
        )
    return states


def is_starved(system_slug: str) -> bool:
    """Whether the watcher had too little of the machine when it took the present picture: what is slow or silent is
    unknown in it."""
    picture = _read(system_slug)
    return picture is not None and bool(picture.get("starved"))


def taken_at(system_slug: str) -> str | None:
    """When the present picture was taken (ISO); changes with every tick. None when there is none."""
    picture = _read(system_slug)
    return None if picture is None else datetime.fromtimestamp(picture["at"], UTC).isoformat()


def wait_fresh(system_slug: str, after: datetime, timeout_s: float = 10.0) -> list[SignalState] | None:
    """The first picture taken later than `after`; None when none came within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    with live.client().pubsub(ignore_subscribe_messages=True) as ticks:  # type: ignore[no-untyped-call]
        ticks.subscribe(live.channel(TICKS.format(system_slug)))
        while True:
            picture = _read(system_slug)
            if picture is not None and picture["at"] > after.timestamp():
                return snapshot(system_slug)
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                ticks.get_message(timeout=min(left, 1.5))
            except redis.TimeoutError:
                continue


def run_check(system_slug: str, signal_id: str, service: str) -> SignalState:
    """Ask one check signal about one service, now. `value` None: the check itself could not be made."""
    signal = CATALOG[signal_id]
    if signal_id not in RUNS:
        raise ValueError(f"{signal_id} is not a check: the watcher reads it by itself")
    readings = checks.run(RUNS[signal_id], services.load(system_slug), service)
    verdicts = [
        (signal.detector.judge(Memory(), Sample(at=0.0, value=r.value, text=r.text)), r) for r in readings
    ]
    verdicts.sort(key=lambda item: (item[0] is None, item[0] is not True))
    value, reading = (
        verdicts[0] if verdicts else (None, Reading(service, signal.metric, None, "nothing to check"))
    )
    now = datetime.now(UTC)
    return SignalState(signal_id, service, reading.label, value, reading.value, reading.text, now, "check")


def _read(slug: str) -> dict[str, Any] | None:
    try:
        raw: Any = live.client().get(KEY.format(slug))
    except redis.RedisError as error:
        log.warning("evidence of %s cannot be read: %s", slug, error)
        return None
    return None if raw is None else json.loads(raw)


def _time(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)


def _stamp(at: datetime | None) -> float | None:
    return None if at is None else round(at.timestamp(), 3)
