"""What is known of a system right now, as the watcher last saw it: one picture, see incidents/picture.py.

The watcher writes it to Redis at each tick; it is derived, so losing it costs one tick. Everybody else (the agent in
its worker, the pages) reads it here, once for whatever is decided or shown. Checks on demand run in the caller's
process.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import redis

from incidents import live
from incidents.picture import Picture
from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from incidents.signals.catalog import RUNS
from incidents.signals.detectors import Memory, Sample
from systems import checks, services
from systems.readings import Reading, clean

__all__ = ["Picture", "SignalState", "picture", "run_check", "write"]

log = logging.getLogger(__name__)

KEY = "ops:evidence:5:{}"  # the number: of the shape of its rows
TICKS = "ops:ticks:{}"
KEEP_S = 120  # older than this the picture is worth nothing: unknown


def write(slug: str, picture: Picture) -> None:
    """Replace the picture of `slug` and wake whoever waits for a fresh one. Never raises: the next tick is near."""
    assert picture.at is not None
    text = json.dumps(picture.to_json(), separators=(",", ":"))
    try:
        pipe = live.client().pipeline(transaction=False)
        pipe.set(KEY.format(slug), text, ex=KEEP_S)
        pipe.publish(live.channel(TICKS.format(slug)), repr(picture.at.timestamp()))
        pipe.execute()
    except redis.RedisError as error:
        log.warning("evidence of %s not written this tick: %s", slug, error)


def picture(slug: str) -> Picture:
    """The newest picture; an empty one when the watcher has not been heard of for two minutes."""
    CATALOG.refresh()  # it may name what was added a moment ago
    try:
        raw: Any = live.client().get(KEY.format(slug))
    except redis.RedisError as error:
        log.warning("evidence of %s cannot be read: %s", slug, error)
        return Picture()
    return Picture() if raw is None else Picture.from_json(json.loads(raw))


def run_check(system_slug: str, signal_id: str, service: str) -> SignalState:
    """Ask one check signal about one service, now: yes if any of its readings says so, no only if all do. `value` None:
    the check itself could not be made, or not in full."""
    signal = CATALOG[signal_id]
    if signal_id not in RUNS:
        raise ValueError(f"{signal_id} is not a check: the watcher reads it by itself")
    readings = checks.run(RUNS[signal_id], services.load(system_slug), service)
    verdicts = [
        (signal.detector.judge(Memory(), Sample(at=0.0, value=r.value, text=r.text)), r) for r in readings
    ]
    if not verdicts:
        verdicts = [(None, Reading(service, signal.metric, None, "nothing to check"))]
    given = [value for value, _ in verdicts]
    value = True if True in given else None if None in given else False
    telling = [reading for verdict, reading in verdicts if verdict is value]
    text = clean("; ".join(r.text for r in telling if r.text))
    now = datetime.now(UTC)
    return SignalState(signal_id, service, telling[0].label, value, telling[0].value, text, now, "check")
