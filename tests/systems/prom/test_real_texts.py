"""What real software told, as it stands in texts/: Debian's Prometheus, HAProxy and exporters of Redis and Postgres.

Each is looked at twice; the second time its counters have gone on.
"""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from systems.manifest.types import Service
from systems.probes.metrics import is_prometheus
from systems.prom.reader import Reader, look
from systems.readings import Reading

from ..helpers import one

TEXTS = Path(__file__).with_name("texts")
FILES = sorted(TEXTS.glob("*.txt"))


def twice(before: str, after: str, **more: Any) -> list[Reading]:
    reader = Reader(Service.model_validate({"name": "s", "kind": "http", **more}), ["/metrics"])
    for at, text in ((0.0, before), (10.0, after)):
        found = look(text.splitlines())
        assert found.broken == 0
        reader.take(found.samples, at)
    return reader.readings()


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_line_of_it_is_read_and_every_reading_is_bounded(file: Path) -> None:
    text = file.read_text()
    assert is_prometheus("", text)
    for reading in twice(text, text):
        assert reading.value is None or reading.value >= 0
        assert len(reading.label) <= 80 and len(reading.metric) <= 100


def test_prometheus_itself_in_both_formats() -> None:
    texts = [(TEXTS / f"prometheus{end}.txt").read_text() for end in ("", ".openmetrics")]
    plain, open_ = (twice(t, t) for t in texts)
    assert {(r.metric, r.label) for r in plain} == {(r.metric, r.label) for r in open_}
    assert one(plain, "proc.fds_pct").value
    assert one(plain, "app.goroutines").value


def test_postgres_by_its_exporter() -> None:
    text = (TEXTS / "postgres_exporter.txt").read_text()
    found = twice(text, text)
    assert one(found, "pg.ok").value == 1.0
    assert one(found, "pg.connections_pct").value == 2.0
    assert one(found, "pg.deadlocks_rate").value == 0.0
    assert not [r for r in found if r.metric.startswith("proc.")], "the exporter's process is not Postgres"


def test_redis_by_its_exporter() -> None:
    text = (TEXTS / "redis_exporter.txt").read_text()
    later = text.replace("redis_keyspace_hits_total 0", "redis_keyspace_hits_total 30").replace(
        "redis_keyspace_misses_total 0", "redis_keyspace_misses_total 10"
    )
    found = twice(text, later.replace("redis_evicted_keys_total 0", "redis_evicted_keys_total 50"))
    assert one(found, "redis.ok").value == 1.0
    assert one(found, "redis.hit_ratio").value == 0.75
    assert one(found, "redis.evicted_rate").value == 5.0
    assert one(found, "redis.maxmemory_mb").value == pytest.approx(52.4, 0.01)
    assert not [r for r in found if r.metric.startswith("proc.")]


def test_haproxy() -> None:
    text = (TEXTS / "haproxy.txt").read_text()
    line = next(
        r
        for r in text.splitlines()
        if r.startswith('haproxy_frontend_http_responses_total{proxy="shop",code="5xx"}')
    )
    later = text.replace(line, line.rpartition(" ")[0] + f" {float(line.rpartition(' ')[2]) + 40:g}")
    found = twice(text, later)
    assert one(found, "app.error_rate", "").value == 1.0
    assert one(found, "app.rps", "").value == 4.0
    assert one(found, "app.active_servers", "pool").value == 1.0
    assert one(found, "app.backend_requests_waiting").value == 0.0


@pytest.mark.parametrize("write", [generate_latest, openmetrics])
def test_what_the_client_library_writes(write: Any) -> None:
    registry = CollectorRegistry()
    asked = Counter("http_requests", "asked", ["method", "path", "status"], registry=registry)
    took = Histogram("http_request_duration_seconds", "took", ["path"], registry=registry)
    Summary("rpc_seconds", "not known", registry=registry).observe(1)
    Gauge("http_requests_in_progress", "now", registry=registry).set(3)
    asked.labels("GET", "/a?token=hidden", "200").inc()
    took.labels("/a").observe(0.2, {"trace_id": "a b"})
    before = write(registry).decode()
    asked.labels("GET", "/a?token=hidden", "200").inc(30)
    asked.labels("GET", "/b", "502").inc(10)
    for _ in range(40):
        took.labels("/a").observe(0.2, {"trace_id": 'a "b" # {c}'})
    found = twice(before, write(registry).decode())
    assert one(found, "app.error_rate", "").value == 0.25
    assert one(found, "app.rps", "").value == 4.0
    assert 100 < (one(found, "app.p50_ms").value or 0) <= 250
    assert one(found, "app.in_flight").value == 3.0
    assert {r.label for r in found if r.metric == "app.route_rps"} == {"GET /a", "GET /b"}


# Written after the documentation of each: label names and units are what matters here.
KINDS = {
    "micrometer": (
        'http_server_requests_seconds_count{error="none",method="GET",outcome="%s",status="%s",uri="/x"} %d\n'
        'http_server_requests_seconds_sum{error="none",method="GET",outcome="%s",status="%s",uri="/x"} %d\n',
        lambda ok, bad: ("SUCCESS", "200", ok, "SUCCESS", "200", ok), lambda ok, bad: ("SERVER_ERROR", "500", bad) * 2),
    "opentelemetry": (
        'http_server_request_duration_seconds_count{http_route="/x",http_response_status_code="%s"} %d\n',
        lambda ok, bad: ("200", ok), lambda ok, bad: ("500", bad)),
    "envoy": ('envoy_http_downstream_rq_xx{envoy_response_code_class="%s",envoy_http_conn_manager_prefix="in"} %d\n',
              lambda ok, bad: ("2", ok), lambda ok, bad: ("5", bad)),
    "traefik": ('traefik_service_requests_total{code="%s",method="GET",protocol="http",service="x@docker"} %d\n',
                lambda ok, bad: ("200", ok), lambda ok, bad: ("502", bad)),
    "flask": ('flask_http_request_total{method="GET",status="%s"} %d\n',
              lambda ok, bad: ("200", ok), lambda ok, bad: ("500", bad)),
    "django": ('django_http_responses_total_by_status_total{status="%s"} %d\n',
               lambda ok, bad: ("200", ok), lambda ok, bad: ("500", bad)),
    "grpc": ('grpc_server_handled_total{grpc_code="%s",grpc_method="Get",grpc_service="s.S",grpc_type="unary"} %d\n',
             lambda ok, bad: ("OK", ok), lambda ok, bad: ("Unavailable", bad)),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_widespread_libraries(kind: str) -> None:
    line, good, bad = KINDS[kind]
    before = line % good(10, 0) + line % bad(10, 0)
    after = line % good(90, 0) + line % bad(0, 20)
    found = twice(before, after)
    assert one(found, "app.rps", "").value == 10.0
    assert one(found, "app.error_rate", "").value == 0.2
