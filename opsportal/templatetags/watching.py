"""What every page says of the watcher itself when it cannot do its work."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import redis
from django import template
from django.utils import timezone

from opsportal import heartbeat

register = template.Library()

PAUSE_S = 5.0  # Redis was away: pages do not wait for it again so soon
BLIND_S = 10.0
POOLS_S = 300.0  # so long it is told that the prober, not a service, was what hung
WAITING = 30  # looks: what waits for less is a moment's work
_silent_until = 0.0


@register.simple_tag
def watcher_lines() -> list[str]:
    """Sentences for people; empty while all is well, or while nothing can be known (the settings page says that)."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return []
    try:
        signs = heartbeat.signs("watcher")
    except redis.RedisError:
        _silent_until = time.monotonic() + PAUSE_S
        return []
    return [line for sign in signs if sign["age_s"] <= heartbeat.FRESH_S for line in _lines(sign)]


def _lines(sign: dict[str, Any]) -> list[str]:
    lines = [
        f"{slug} is not looked at since {_clock(at)}: what the pages say of it is of that time."
        for slug, at in sorted(sign.get("looked_at", {}).items())
        if sign["at"] - at > BLIND_S
    ]
    pools = sign.get("pools") or {}
    if pools.get("rebuilt") and sign["at"] - pools["last"] < POOLS_S:
        lines.append(
            f"The watcher's own connections hung at {_clock(pools['last'])} and were made anew (so often since it "
            f"started: {pools['rebuilt']}); what it read is of a fresh connection."
        )
    unstored = sign.get("unstored") or {}
    if unstored.get("waiting", 0) > WAITING or unstored.get("left_out"):
        lines.append(
            f"What is read is not all stored: {unstored['waiting']} looks wait for the database, "
            f"{unstored['left_out']} were left out since the watcher started. Plots, postmortems and bundles lack "
            "them; its log says why."
        )
    if not (told := sign.get("starved")):
        return lines
    return [
        *lines,
        f"The watcher itself is starved since {_clock(told['since'])} ({told['why']}). Until it is over, what is only "
        "slow or silent is held against nobody, and it looks less often.",
    ]


def _clock(stamp: float) -> str:
    return timezone.localtime(datetime.fromtimestamp(stamp, UTC)).strftime("%H:%M:%S")
