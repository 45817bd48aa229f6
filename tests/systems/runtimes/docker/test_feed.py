"""The order in which the docker driver tells what happened, whatever the engine's state already is when it looks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from systems.runtimes.base import RuntimeEvent, UnitState
from systems.runtimes.docker.feed import Feed
from systems.runtimes.docker.view import COMPOSE, Scope

PATIENCE_S = 10.0
UP, DEAD = (
    UnitState("hog", "RUNNING", pid=7),
    UnitState("hog", "FATAL", exit_code=-9, fatal=True, oom_kills=1),
)
START, DIE = ("start", {}), ("die", {"exitCode": "137"})


def told(events: list[tuple[str, dict[str, str]]], looks: list[UnitState], until: int) -> list[RuntimeEvent]:
    """What the feed tells of one stream of events; each look at the unit takes the next of `looks`, or its last."""
    heard: list[RuntimeEvent] = []
    enough, left = threading.Event(), list(looks)
    stream = [
        {"Action": action, "timeNano": 1, "Actor": {"Attributes": {f"{COMPOSE}service": "hog"} | more}}
        for action, more in events
    ]

    class Engine:
        def events(self, **_: Any) -> list[dict[str, Any]]:
            sent, stream[:] = stream[:], []
            return sent

    def put(event: RuntimeEvent) -> None:
        heard.append(event)
        if len(heard) == until:
            enough.set()

    feed = Feed(Scope("shop"), Engine, lambda: [left.pop(0) if len(left) > 1 else left[0]], put)
    feed.start()
    assert enough.wait(PATIENCE_S), heard
    feed.close()
    return heard


@pytest.mark.parametrize(
    "looks",
    [[UnitState("hog", "STOPPED"), UP, DEAD], [UnitState("hog", "STOPPED"), DEAD]],
    ids=["ends after one look", "ended before the first look"],
)
def test_a_short_life_is_told_in_order(looks: list[UnitState]) -> None:
    seen = told([START, ("oom", {}), DIE], looks, until=6 if UP in looks else 5)
    assert [e.kind for e in seen if e.kind != "state"] == ["started", "oom", "exit", "fatal"]
    ended = next(e for e in seen if e.kind == "exit")
    assert (ended.exit_code, ended.oom) == (-9, True)
