"""From what a service tells to the readings that signals look at."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from systems.manifest.types import Service
from systems.prom.reader import Reader, look
from systems.prom.text import Sample
from systems.readings import Reading

from ..helpers import one


def reader(own: tuple[str, ...] = (), **more: Any) -> Reader:
    return Reader(Service.model_validate({"name": "s", "kind": "http", **more}), own)


def told(found: list[Reading], label: str = "") -> dict[str, float | None]:
    return {r.metric: r.value for r in found if r.label == label}


class Web:
    """A service with a counter and a histogram, as client libraries write them."""

    def __init__(self, bounds: tuple[str, ...] = ("0.1", "0.5", "1", "+Inf")) -> None:
        self.bounds = bounds
        self.requests: dict[tuple[str, str], int] = {}
        self.took: dict[str, list[float]] = {}

    def ask(self, route: str, code: str = "200", seconds: float = 0.05, times: int = 1) -> None:
        self.requests[route, code] = self.requests.get((route, code), 0) + times
        self.took.setdefault(route, []).extend([seconds] * times)

    def text(self) -> str:
        rows = ["# TYPE http_requests_total counter"]
        rows += [
            f'http_requests_total{{method="GET",route="{r}",code="{c}"}} {n}'
            for (r, c), n in self.requests.items()
        ]
        rows.append("# TYPE http_request_duration_seconds histogram")
        for route, all_ in self.took.items():
            for bound in self.bounds:
                held = sum(s <= float(bound) for s in all_)
                rows.append(
                    f'http_request_duration_seconds_bucket{{method="GET",route="{route}",le="{bound}"}} {held}'
                )
            rows.append(f'http_request_duration_seconds_sum{{method="GET",route="{route}"}} {sum(all_)}')
            rows.append(f'http_request_duration_seconds_count{{method="GET",route="{route}"}} {len(all_)}')
            rows.append(f'http_request_duration_seconds_created{{method="GET",route="{route}"}} 1.7e9')
        return "\n".join(rows) + "\n"


def taken(mine: Reader, text: str, at: float) -> list[Reading]:
    mine.take(look(text.splitlines()).samples, at)
    return mine.readings()


def test_rate_share_and_latency() -> None:
    mine, web = reader(), Web()
    web.ask("/a", times=100)
    assert taken(mine, web.text(), 0.0) == [], "one look says nothing of a rate"
    web.ask("/a", times=80)
    web.ask("/a", "503", 0.4, times=16)
    web.ask("/a", "429", 0.05, times=4)
    found = taken(mine, web.text(), 10.0)
    values = told(found)
    assert values["app.rps"] == 10.0
    assert values["app.error_rate"] == 0.16
    assert values["app.client_error_rate"] == 0.04
    assert values["app.status_429"] == 4.0
    assert values["app.p50_ms"] == 59.52
    assert 100 < (values["app.p95_ms"] or 0) <= 500
    assert "app.mean_ms" not in values


def test_the_first_errors_are_a_new_series_and_count() -> None:
    mine, web = reader(), Web()
    web.ask("/a", times=100)
    taken(mine, web.text(), 0.0)
    web.ask("/a", "500", times=30)
    assert told(taken(mine, web.text(), 5.0))["app.error_rate"] == 1.0


def test_a_restart_makes_no_negative_rate_and_no_burst() -> None:
    mine, web = reader(), Web()
    web.ask("/a", times=1_000_000)
    taken(mine, web.text(), 0.0)
    web = Web()
    web.ask("/a", times=20)
    values = told(taken(mine, web.text(), 10.0))
    assert values["app.rps"] == 2.0
    assert values["app.error_rate"] == 0.0


def test_nobody_asks_is_no_trouble_and_few_requests_are_no_share() -> None:
    mine, web = reader(), Web()
    web.ask("/a", times=10)
    taken(mine, web.text(), 0.0)
    quiet = told(taken(mine, web.text(), 5.0))
    assert (quiet["app.rps"], quiet["app.error_rate"], quiet["app.p50_ms"]) == (0.0, 0.0, 0.0)
    web.ask("/a", "500", times=2)
    few = taken(mine, web.text(), 10.0)
    assert one(few, "app.error_rate", "").value is None
    assert "only 2 requests" in one(few, "app.error_rate", "").text
    assert told(few)["app.p50_ms"] is None


def test_routes_are_slices_the_most_used_ones_and_the_rest_together() -> None:
    mine, web = reader(), Web()
    for n in range(40):
        web.ask(f"/r{n}", times=1)
    taken(mine, web.text(), 0.0)
    for n in range(40):
        web.ask(f"/r{n}", "500" if n == 39 else "200", times=20 + n)
    found = taken(mine, web.text(), 10.0)
    labels = {r.label for r in found if r.metric == "app.error_rate"}
    assert len(labels) == 14 and {"", "other", "GET /r39", "GET /r30"} <= labels
    assert one(found, "app.error_rate", "GET /r39").value == 1.0
    assert one(found, "app.error_rate", "GET /r38").value == 0.0
    assert one(found, "app.route_rps", "GET /r39").value == 5.9
    assert one(found, "app.route_p95_ms", "GET /r39").value == 95.0
    assert one(found, "app.route_p50_ms", "GET /r39").value == 50.0


def test_a_failing_route_of_few_requests_is_not_known_yet() -> None:
    mine, web = reader(), Web()
    web.ask("/a"), web.ask("/b")
    taken(mine, web.text(), 0.0)
    web.ask("/a", times=100)
    web.ask("/b", times=20)
    web.ask("/b", "500", times=4)
    found = taken(mine, web.text(), 10.0)
    assert one(found, "app.error_rate", "GET /b").value is None
    assert one(found, "app.error_rate", "").value == round(4 / 124, 4)


def shares(codes: str, every_s: float = 1.0) -> list[float | None]:
    """The share that fails, look by look, of a service that answers one request each with these codes (5: it fails)."""
    mine, web, found = reader(), Web(), []
    web.ask("/", times=1)
    for number, code in enumerate(codes):
        found.append(told(taken(mine, web.text(), number * every_s)).get("app.error_rate"))
        web.ask("/", f"{code}00")
    return found


def test_what_failed_before_is_not_told_of_who_is_well_again() -> None:
    """One request a second: a whole minute is looked at, but not past the moment at which all is well again."""
    found = shares(60 * "2" + 30 * "5" + 30 * "2")
    assert found[59] == 0.0
    assert found[70] == 1.0  # nor is what went well before it began failing
    assert found[89] == 1.0
    assert found[103] == 0.0


def test_an_outage_of_seconds_is_over_when_it_is_over() -> None:
    """Eight requests a second: what the newest half of the window tells is told, where it is another story."""
    mine, web, found = reader(), Web(), []
    for second in range(40):
        found.append(told(taken(mine, web.text(), float(second))).get("app.error_rate"))
        web.ask("/", "500" if 20 <= second < 24 else "200", times=8)
    assert found[22] is not None
    assert found[22] > 0.3
    assert found[29:] == [0.0] * 11


def test_a_share_that_wavers_is_told_of_all_of_it() -> None:
    found = shares(30 * "25222")
    assert {round(s, 1) for s in found[60:] if s is not None} == {0.2}


def test_the_watchers_own_requests_are_nobodys() -> None:
    mine, web = reader(own=("/metrics", "/healthz")), Web()
    web.ask("/metrics"), web.ask("/healthz"), web.ask("/a")
    taken(mine, web.text(), 0.0)
    web.ask("/metrics", times=10), web.ask("/healthz", "503", times=10), web.ask("/a", times=30)
    values = told(taken(mine, web.text(), 10.0))
    assert (values["app.rps"], values["app.error_rate"]) == (3.0, 0.0)


def test_who_measures_is_no_traffic_and_what_is_told_from_both_ends_counts_once() -> None:
    mine = reader()
    text = (
        'istio_requests_total{reporter="source",response_code="200"} %s\n'
        'istio_requests_total{reporter="destination",response_code="200"} %s\n'
    )
    taken(mine, text % (0, 0), 0.0)
    assert told(taken(mine, text % (100, 100), 10.0))["app.rps"] == 10.0
    mine = reader()
    text = (
        'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="%s"} %s\n'
    )
    taken(mine, text % ("admin", 0) + text % ("in", 0), 0.0)
    assert told(taken(mine, text % ("admin", 10) + text % ("in", 20), 10.0))["app.rps"] == 2.0


def test_values_that_are_no_numbers_and_missing_buckets() -> None:
    mine = reader()
    before = 'http_request_duration_seconds_bucket{le="0.1"} %s\nhttp_request_duration_seconds_count %s\n'
    taken(mine, before % (0, 0), 0.0)
    values = told(taken(mine, before % (90, 100) + 'http_request_duration_seconds_bucket{le="x"} 4\n', 10.0))
    assert values["app.p95_ms"] == 100.0, "at least: beyond the last bucket"
    assert values["app.rps"] == 10.0
    assert "app.error_rate" not in values, "no status, no share"
    taken(mine, before % ("NaN", "NaN"), 11.0)
    assert told(taken(mine, before % (95, 110), 12.0))["app.rps"] == 5.0, "over the last two seconds"


def test_a_summary() -> None:
    mine = reader()
    base = 'http_server_requests_seconds{uri="/%s",status="200",quantile="0.5"} %s\n'
    tail = 'http_server_requests_seconds{uri="/%s",status="200",quantile="0.99"} %s\n'
    count = 'http_server_requests_seconds_count{uri="/%s",status="200"} %s\n'
    first = "".join(base % (r, 1) + tail % (r, 2) + count % (r, 0) for r in "ab")
    taken(mine, first, 0.0)
    later = base % ("a", 0.02) + tail % ("a", 0.2) + count % ("a", 90)
    later += base % ("b", "NaN") + tail % ("b", 3) + count % ("b", 30)
    found = taken(mine, later, 10.0)
    assert told(found)["app.p50_ms"] == 20.0
    assert told(found)["app.p95_ms"] == 3000.0
    assert one(found, "app.p95_ms", "").text == "of 99% of the requests"


def test_where_only_sums_are_told_it_is_the_mean() -> None:
    mine = reader()
    text = "".join(
        f'http_server_requests_seconds_{part}{{uri="/a",status="200"}} %s\n' for part in ("count", "sum")
    )
    taken(mine, text % (10, 1), 0.0)
    values = told(taken(mine, text % (50, 21), 10.0))
    assert values["app.mean_ms"] == 500.0
    assert "app.p50_ms" not in values


def test_figures_of_the_process_pools_and_breakers() -> None:
    mine = reader()
    text = """process_resident_memory_bytes 104857600
process_open_fds 900
process_max_fds 1000
process_cpu_seconds_total %s
go_goroutines 42
hikaricp_connections_pending{pool="main pool"} 3
hikaricp_connections_active{pool="main pool"} 10
hikaricp_connections_max{pool="main pool"} 10
resilience4j_circuitbreaker_state{name="pay",state="open"} 1
resilience4j_circuitbreaker_state{name="pay",state="closed"} 0
rabbitmq_queue_messages_ready{queue="orders"} 12
"""
    taken(mine, text % 5, 0.0)
    found = taken(mine, text % 9, 10.0)
    values = told(found)
    assert values["proc.rss_mb"] == 100.0
    assert (values["proc.fds"], values["proc.fds_pct"]) == (900.0, 90.0)
    assert values["proc.cpu_pct"] == 40.0
    assert values["app.goroutines"] == 42.0
    assert values["app.pool_main_pool_requests_waiting"] == 3.0
    assert values["app.pool_pct"] == 100.0
    assert values["app.pool_waiting"] == 3.0
    assert one(found, "app.breaker.pay").text == "open"
    assert one(found, "queue.depth", "orders").value == 12.0


def test_what_another_probe_reads_better_is_left_to_it() -> None:
    text = "process_resident_memory_bytes 104857600\nredis_connected_clients 1\n"
    assert {r.metric for r in taken(reader(unit="s"), text, 0.0)} == {"redis.clients"}
    assert {r.metric for r in taken(reader(redis={"url": "redis://h/0"}), text, 0.0)} == {"proc.rss_mb"}


def test_replicas_are_counted_each_by_itself() -> None:
    mine, webs = reader(), {"r1": Web(), "r2": Web()}
    for name, web in webs.items():
        web.ask("/a", times=10)
        mine.take(look(web.text().splitlines()).samples, 0.0, replica=name)
    webs["r1"].ask("/a", "500", times=40)
    webs["r2"].ask("/a", times=60)
    for name, web in webs.items():
        mine.take(look(web.text().splitlines()).samples, 10.0, replica=name)
    found = mine.readings()
    assert one(found, "app.rps", "").value == 10.0
    assert one(found, "app.error_rate", "").value == 0.4
    assert one(found, "app.error_rate", "replica r1").value == 1.0
    assert one(found, "app.error_rate", "replica r2").value == 0.0
    mine.drop_gone(1000.0)
    assert mine.readings() == []


NAMES = ["http_requests_total", "http_request_duration_seconds_count", "http_request_duration_seconds_sum",
"http_request_duration_seconds_bucket", "http_request_duration_seconds", "process_open_fds", "process_max_fds",
"process_cpu_seconds_total", "redis_keyspace_hits_total", "rabbitmq_queue_messages_ready", "redis_up",
"hikaricp_connections_pending", "resilience4j_circuitbreaker_state"]  # fmt: skip
LABELS = st.dictionaries(
    st.sampled_from(["code", "path", "le", "quantile", "queue", "pool", "method", "state", "name"]),
    st.one_of(
        st.sampled_from(["200", "500", "429", "0.5", "0.95", "+Inf", "-1", "NaN", "open"]),
        st.text(max_size=30),
    ),
    max_size=3,
)
VALUES = st.one_of(st.floats(), st.integers(0, 10**6).map(float))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from(NAMES), LABELS, VALUES), max_size=12), max_size=5))
def test_whatever_is_told_readings_are_finite_bounded_and_never_raise(looks: list[Any]) -> None:
    mine = reader()
    for at, rows in enumerate(looks):
        mine.take([Sample(f"{name}{labels}", name, labels, value) for name, labels, value in rows], float(at))
        for reading in mine.readings():
            assert reading.value is None or math.isfinite(reading.value)
            assert len(reading.label) <= 100 and len(reading.metric) <= 120
            if reading.metric in ("app.error_rate", "app.client_error_rate") and reading.value is not None:
                assert 0 <= reading.value <= 1
