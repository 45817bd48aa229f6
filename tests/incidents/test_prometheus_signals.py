"""From Prometheus text to symptoms: what a service tells in the usual names opens what the same in JSON would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from incidents.signals.judging.engine import Engine
from systems.prom.reader import Reader, look
from systems.readings import Reading
from tests.systems.helpers import make_system

START = datetime(2026, 1, 1, tzinfo=UTC)


class Service:
    """20 requests a second to /a and 4 to /b, each second one look."""

    def __init__(self, base: Path) -> None:
        system = make_system(base, {"s": {"kind": "http", "metrics": "http://h/metrics"}})
        self.engine = Engine(system.graph)
        self.reader = Reader(system.service("s"), ["/metrics"])
        self.at, self.counts, self.spent, self.opened = (
            0,
            dict.fromkeys(["/a 200", "/b 200"], 0),
            0.0,
            set[str](),
        )

    def live(self, seconds: int, *, failing: dict[str, float] | None = None, takes: float = 0.02) -> None:
        for _ in range(seconds):
            for route, times in (("/a", 20), ("/b", 4)):
                bad = round(times * (failing or {}).get(route, 0.0))
                self.counts[f"{route} 200"] += times - bad
                if bad:
                    self.counts[f"{route} 500"] = self.counts.get(f"{route} 500", 0) + bad
                self.spent += times * takes
            self._look()

    def restart(self) -> None:
        self.counts, self.spent = dict.fromkeys(["/a 200", "/b 200"], 0), 0.0

    def _look(self) -> None:
        self.at += 1
        rows = [
            'http_server_requests_seconds_{}{{uri="{}",status="{}"}} {}'.format(part, *key.split(), value)
            for key, count in self.counts.items()
            for part, value in (("count", count), ("sum", self.spent * count / sum(self.counts.values())))
        ]
        self.reader.take(look(rows).samples, float(self.at))
        now = START + timedelta(seconds=self.at)
        for change in self.engine.feed(now, [Reading("s", "app.read", 1.0), *self.reader.readings()]):
            if change.opened:
                self.opened.add(f"{change.key.signal.id} {change.key.label}".strip())


class Told:
    """Readings as they are, one look a second."""

    def __init__(self, base: Path) -> None:
        self.engine = Engine(make_system(base, {"s": {"kind": "http", "metrics": "http://h/metrics"}}).graph)
        self.at, self.holding = 0, set[str]()

    def live(self, looks: int, *readings: tuple[str, float, str]) -> set[str]:
        """What holds after so many looks with these (metric, value, label)."""
        for _ in range(looks):
            self.at += 1
            found = [Reading("s", metric, value, "", label) for metric, value, label in readings]
            for change in self.engine.feed(START + timedelta(seconds=self.at), found):
                name = change.key.signal.id
                (self.holding.add if change.opened else self.holding.discard)(name)
        return set(self.holding)


def test_nothing_opens_while_all_is_well_over_restarts(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.live(150)
    service.restart()
    service.live(100)
    assert service.opened == set()


def test_a_failing_service_and_a_failing_route(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.live(150)
    service.live(30, failing={"/b": 0.25})
    assert service.opened == {"app_errors /b"}, "of all requests one in 24 fails"
    service.live(30, failing={"/a": 0.5, "/b": 0.5})
    assert {"app_errors", "app_errors /a"} <= service.opened


def test_a_service_that_becomes_slow(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.live(150)
    service.live(40, takes=2.0)
    assert service.opened == {"app_slow_mean"}


def test_one_slow_route_among_well_ones(tmp_path: Path) -> None:
    told = Told(tmp_path)
    well = [("app.route_p50_ms", 20.0, "/a"), ("app.p50_ms", 20.0, "")]
    assert told.live(80, *well, ("app.route_p50_ms", 45.0, "/report")) == set()
    assert told.live(3, *well, ("app.route_p50_ms", 2400.0, "/report")) == set(), "one slow moment is nothing"
    assert told.live(8, *well, ("app.route_p50_ms", 2400.0, "/report")) == {"route_slow"}
    assert told.live(8, *well, ("app.route_p50_ms", 50.0, "/report")) == set()


def test_a_pool_is_exhausted_only_where_somebody_waits_for_it(tmp_path: Path) -> None:
    told = Told(tmp_path)
    assert told.live(20, ("app.pool_waiting", 0.0, ""), ("app.pool_pct", 100.0, "")) == set()
    assert told.live(5, ("app.pool_waiting", 3.0, ""), ("app.pool_pct", 100.0, "")) == {"pool_exhausted"}
    assert told.live(5, ("app.pool_waiting", 0.0, ""), ("app.pool_pct", 60.0, "")) == set()
    unknown = Told(tmp_path)
    assert unknown.live(20, ("app.pool_pct", 100.0, "")) == set(), "whether anybody waits is not told"


def test_a_full_heap_is_trouble_only_where_cleaning_up_takes_the_time(tmp_path: Path) -> None:
    told = Told(tmp_path)
    assert told.live(60, ("app.gc_pct", 2.0, ""), ("app.heap_pct", 97.0, "")) == set()
    assert told.live(15, ("app.gc_pct", 55.0, ""), ("app.heap_pct", 97.0, "")) == {"heap_short"}
    assert told.live(5, ("app.gc_pct", 1.0, ""), ("app.heap_pct", 40.0, "")) == set()


def test_files_near_their_limit_and_a_replica_that_is_not_scraped(tmp_path: Path) -> None:
    told = Told(tmp_path)
    assert told.live(80, ("proc.fds_pct", 40.0, ""), ("app.up", 1.0, "a:9100")) == set()
    assert told.live(5, ("proc.fds_pct", 96.0, ""), ("app.up", 1.0, "a:9100")) == {"files_near_limit"}
    assert told.live(3, ("proc.fds_pct", 50.0, ""), ("app.up", 0.0, "a:9100")) == set(), (
        "one scrape that failed"
    )
    assert told.live(12, ("proc.fds_pct", 50.0, ""), ("app.up", 0.0, "a:9100")) == {"scrape_failed"}
