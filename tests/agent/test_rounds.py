"""Runs of the system's own journeys that the agent raises: which ones, how many, and what they prove."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from agent import rounds
from agent.case import Case, Measuring
from agent.relapse import Proof
from incidents.evidence import SignalState
from systems.manifest import parse_manifest
from systems.manifest.types import Journey
from systems.probes import journeys
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem

MANIFEST = """
system: kiosk
services: {web: {kind: http}}
journeys:
  - {name: browse, service: web, steps: [{get: "http://127.0.0.1:9/"}]}
  - {name: order, service: web, steps: [{get: "http://127.0.0.1:9/order"}]}
  - {name: come back, service: web, keeps: session, steps: [{get: "http://127.0.0.1:9/me"}]}
"""


class Kiosk:
    """What was raised, and which journeys fail."""

    def __init__(self) -> None:
        manifest = parse_manifest(MANIFEST)
        self.system = LoadedSystem(manifest, Path("/nowhere"), FakeRuntime(manifest.services))
        self.case, self.count = Case(), Measuring(since=timezone.now())
        self.raised: list[str] = []
        self.failing: set[str] = set()
        self.most = 10_000  # that the door lets in at once

    async def run_journey(self, _: object, journey: Journey) -> tuple[float, str]:
        self.raised.append(journey.name)
        self.most -= 1
        if self.most < 0:
            return 5.0, 'step 2 POST /order: status 429: {"error": "rate limit exceeded"}'
        return 40.0, "status 500" if journey.name in self.failing else ""

    def go(self, *names: str, times: int = 1) -> str:
        """A second goes by before each; what the last one said."""
        said, now = "", timezone.now()
        wanting = [Proof(name, failed=2, runs=4, clean=0, needed=12, last_failed=now) for name in names]
        for _ in range(times):
            if self.case.raised.at:
                self.case.raised.at -= timedelta(seconds=1)
            said = rounds.go(self.case, self.count, self.system, wanting)
        return said


@pytest.fixture
def kiosk(monkeypatch: pytest.MonkeyPatch) -> Kiosk:
    made = Kiosk()
    monkeypatch.setattr(journeys, "run_journey", made.run_journey)
    monkeypatch.setattr(rounds, "RATE", 5.0)
    return made


def test_one_that_keeps_its_session_is_never_raised_and_never_proven_by_it(kiosk: Kiosk) -> None:
    """A visitor made for the purpose has not been there before, and what was damaged is what others left."""
    kiosk.failing = {"come back"}
    assert kiosk.go("come back", times=20) == ""
    assert (kiosk.raised, kiosk.count.rounds, kiosk.case.raised.runs) == ([], {}, 0)


def test_beside_one_that_keeps_its_session_only_the_plain_ones_are_raised_and_counted(kiosk: Kiosk) -> None:
    assert kiosk.go("come back", "order", times=3) == ""
    assert set(kiosk.raised) == {"order"}
    assert kiosk.count.rounds == {"order": len(kiosk.raised)} and kiosk.case.raised.runs == len(kiosk.raised)


def test_a_run_that_fails_is_told_and_the_row_begins_anew(kiosk: Kiosk) -> None:
    assert kiosk.go("browse", "order") == ""
    assert kiosk.count.rounds == {"browse": 3, "order": 2}
    kiosk.failing = {"order"}
    assert kiosk.go("browse", "order") == "order: status 500"
    assert kiosk.count.rounds == {"browse": 6, "order": 0}


def test_no_more_than_so_many_a_second_and_three_hundred_in_all(kiosk: Kiosk) -> None:
    kiosk.go("order")
    rounds.go(kiosk.case, kiosk.count, kiosk.system, [])
    assert len(kiosk.raised) == 5
    kiosk.go("order", times=80)
    assert len(kiosk.raised) == rounds.MOST == kiosk.case.raised.runs


def test_who_asks_for_too_much_is_turned_away_and_asks_for_less(kiosk: Kiosk) -> None:
    """What our own runs used up is no sign that the trouble goes on."""
    kiosk.most = 3
    assert kiosk.go("browse") == ""
    assert (len(kiosk.raised), kiosk.count.rounds) == (5, {"browse": 3})
    kiosk.most = 10_000
    assert kiosk.go("browse", times=4) == ""
    assert (len(kiosk.raised), kiosk.count.rounds) == (7, {"browse": 5}), "one in two seconds"
    kiosk.most = 0
    assert "status 429" in kiosk.go("browse", times=2), "one at a time is no rush: it is the trouble itself"


def held(signal: str, text: str = "", service: str = "web") -> SignalState:
    return SignalState(signal, service, "", True, 1.0, text, None, "probe")


def test_what_others_miss_because_of_our_runs_is_no_trouble_and_the_runs_go_slower(kiosk: Kiosk) -> None:
    """The door turned away somebody else than us: what we had used up was missing to whoever came next."""
    now = timezone.now()
    away = [held("journey_failed", "step 1 GET /: status 429: rate limit"), held("turned_away")]
    other = [held("journey_failed", "status 500"), held("unit_down")]
    assert rounds.without_ours(kiosk.case, [*away, *other], now) == [*away, *other], "none of ours has run"
    kiosk.go("order")
    assert rounds.without_ours(kiosk.case, [*away, *other], timezone.now()) == other
    assert kiosk.case.raised.slow
    assert not rounds.may_be_ours(kiosk.case.raised, now - timedelta(seconds=9), "status 429")
    late = timezone.now() + timedelta(seconds=21)
    assert rounds.without_ours(kiosk.case, away, late) == away, "by then it is somebody else"
    kiosk.go("order", times=30)
    assert rounds.without_ours(kiosk.case, away, late) == away, "one at a time uses up nothing"


def test_where_the_trouble_is_a_limit_it_stays_one(kiosk: Kiosk) -> None:
    kiosk.case.before = ["turned_away@web"]
    kiosk.go("order")
    away = [held("turned_away"), held("journey_failed", "status 429")]
    assert rounds.without_ours(kiosk.case, away, timezone.now()) == away and not kiosk.case.raised.slow
