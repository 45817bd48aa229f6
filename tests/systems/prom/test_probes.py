"""The two probes over real HTTP: formats told apart, limits, deadlines, and a Prometheus that answers oddly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from systems.manifest import ManifestError
from systems.probes import metrics
from systems.probes.metrics import MetricsProbe, is_prometheus
from systems.probes.prometheus import PrometheusProbe
from systems.readings import Reading
from systems.watch import SystemWatch

from ..helpers import Clock, http_server, make_system, one, silent_server

TEXT = '# TYPE http_requests_total counter\nhttp_requests_total{code="200"} %d\nmine 1\n'


def test_formats_are_told_apart() -> None:
    assert is_prometheus("text/plain; version=0.0.4; charset=utf-8", "")
    assert is_prometheus("application/openmetrics-text; version=1.0.0", "# EOF\n")
    assert is_prometheus("text/plain", "# HELP a b\na 1\n")
    assert is_prometheus("application/octet-stream", "a 1\nb 2\n")
    assert not is_prometheus("application/json", "# HELP")
    assert not is_prometheus("text/plain", ' {"a": 1}')
    assert not is_prometheus("text/html", "<p>503 1</p>")


async def test_text_becomes_readings(tmp_path: Path) -> None:
    count, clock = [100], Clock()
    async with http_server(lambda *_: (200, TEXT % count[0])) as url:
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": url + "/metrics"}})
        probe = MetricsProbe(clock)
        first = await probe.observe(system, system.service("s"))
        assert one(first, "app.read").text == "1 metrics recognised, 1 not"
        count[0], clock.at = 150, clock.at + 10
        found = await probe.observe(system, system.service("s"))
        assert one(found, "app.rps").value == 5.0
        assert probe.looks["s"].unknown == {"mine"}
        await probe.close()


async def test_what_is_too_large_or_neither_is_unknown_and_says_why(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(metrics, "MAX_BODY", 1000)
    answers = {"/big": "a 1\n" * 1000, "/page": "<html>hello</html>", "/empty": "", "/json": {"a": {"b": 2}}}
    async with http_server(lambda _, path, __: (200, answers[path])) as url:
        for path, words in {
            "/big": "larger than",
            "/page": "neither JSON nor",
            "/empty": "neither JSON nor",
        }.items():
            system = make_system(tmp_path, {"s": {"kind": "http", "metrics": url + path}})
            probe = MetricsProbe(Clock())
            found = one(await probe.observe(system, system.service("s")), "app.read")
            assert found.value is None and words in found.text
            await probe.close()


async def test_a_large_answer_is_taken_apart_in_a_thread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(metrics, "HERE", 10)
    async with http_server(lambda *_: (200, TEXT % 1)) as url:
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": url}})
        probe = MetricsProbe(Clock())
        assert one(await probe.observe(system, system.service("s")), "app.read").value == 1.0
        await probe.close()


async def test_a_slow_answer_has_its_deadline(tmp_path: Path) -> None:
    async with silent_server() as address:
        spec = {"url": f"http://{address}/", "timeout_s": 0.1}
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": spec}})
        probe = MetricsProbe(Clock())
        found = one(await probe.observe(system, system.service("s")), "app.read")
        assert (found.value, found.text) == (None, "timeout")
        await probe.close()


async def test_one_that_takes_long_is_asked_less_often(tmp_path: Path) -> None:
    clock, asked = Clock(), []

    def slow(*_: Any) -> tuple[int, str]:
        asked.append(1)
        clock.at += 0.5
        return 200, TEXT % 1

    async with http_server(slow) as url:
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": url}})
        probe = MetricsProbe(clock)
        for _ in range(7):
            await probe.observe(system, system.service("s"))
            clock.at += 1
        assert len(asked) == 2
        await probe.close()


async def test_json_by_declared_paths_and_headers(tmp_path: Path) -> None:
    data = {"stats": {"rate": 12, "state": "open", "nan": None, "deep": {"x": 1}}}
    async with http_server(lambda *_: (200, data)) as url:
        paths = {
            "app.rps": "stats.rate",
            "app.breaker.pay": "stats.state",
            "app.x": "no.such",
            "app.y": "stats.deep",
        }
        spec = {"url": url, "paths": paths, "headers": {"Authorization": "Bearer abcdefghij"}}
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": spec}})
        probe = MetricsProbe(Clock())
        found = await probe.observe(system, system.service("s"))
        assert one(found, "app.rps").value == 12.0
        assert one(found, "app.breaker.pay").text == "open"
        assert one(found, "app.x").value is None and "no single value at no.such" in one(found, "app.x").text
        assert one(found, "app.y").value is None
        await probe.close()


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"promql": {"job": "s"}}, "needs the address of a Prometheus"),
        ({}, "either a url, or promql"),
        ({"url": "http://h/", "promql": {"job": "s"}}, "either a url, or promql"),
        ({"url": "http://h/", "paths": {"whatever": "a"}}, "does not look right"),
        ("ftp://h/", "does not look right"),
    ],
)
def test_what_a_manifest_may_not_say(tmp_path: Path, metrics: Any, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        make_system(tmp_path, {"s": {"kind": "http", "metrics": metrics}})


class Api:
    """A Prometheus that has scraped one counter of two replicas every 15 s, the last time at `until`."""

    def __init__(self) -> None:
        self.until = time.time()
        self.step, self.up, self.queries = 15.0, "1", []
        self.odd: Any = None

    def answer(self, _: str, path: str, body: bytes) -> tuple[int, Any]:
        from urllib.parse import parse_qs

        query = parse_qs(body.decode())["query"][0]
        self.queries.append(query)
        assert path == "/api/v1/query"
        if self.odd is not None:
            return self.odd
        if query == "sum(nothing)":
            return 200, {"status": "success", "data": {"resultType": "vector", "result": []}}
        if not query.endswith("s]"):
            row = {"metric": {}, "value": [self.until, "7.5"]}
            return 200, {"status": "success", "data": {"resultType": "vector", "result": [row]}}
        times = [self.until - n * self.step for n in (3, 2, 1, 0)]
        rows = []
        for replica, code, each in (("a", "200", 30), ("b", "200", 20), ("b", "500", 10)):
            labels = {"__name__": "http_requests_total", "code": code, "instance": replica, "job": "s"}
            rows.append(
                {"metric": labels, "values": [[t, str(1000 + each * n)] for n, t in enumerate(times)]}
            )
        rows += [
            {"metric": {"__name__": "up", "instance": r}, "values": [[times[-1], self.up]]} for r in "ab"
        ]
        return 200, {
            "status": "success",
            "data": {"resultType": "matrix", "result": [*rows, {"metric": 4}, "x"]},
        }


async def asked(tmp_path: Path, api: Api, metrics: dict[str, Any]) -> list[Reading]:
    async with http_server(api.answer) as url:
        system = make_system(
            tmp_path, {"s": {"kind": "http", "metrics": metrics}}, prometheus={"url": url + "/"}
        )
        probe = PrometheusProbe(Clock())
        found = await probe.observe(system, system.service("s"))
        await probe.close()
        return found


async def test_raw_samples_become_readings_of_all_replicas(tmp_path: Path) -> None:
    api = Api()
    found = await asked(tmp_path, api, {"promql": {"job": "s", "quo": 'a"b'}})
    assert one(found, "app.rps", "").value == 4.0
    assert one(found, "app.error_rate", "").value == round(10 / 60, 4)
    assert one(found, "app.error_rate", "replica a").value == 0.0
    assert one(found, "app.error_rate", "replica b").value == round(20 / 60, 4)
    assert len(api.queries) == 1 and 'job="s",quo="a\\"b"' in api.queries[0]


async def test_declared_queries_go_before_and_what_is_not_there_is_unknown(tmp_path: Path) -> None:
    queries = {"app.rps": "sum(rate(x[1m]))", "app.p50_ms": "sum(nothing)"}
    found = await asked(tmp_path, Api(), {"promql": {"job": "s"}, "queries": queries})
    assert one(found, "app.rps", "").value == 7.5
    assert one(found, "app.p50_ms").value is None and one(found, "app.p50_ms").text == "no series"


async def test_what_is_stale_is_missing_and_never_zero(tmp_path: Path) -> None:
    api = Api()
    api.until -= 200
    found = await asked(tmp_path, api, {"promql": {"job": "s"}})
    assert [(r.metric, r.value) for r in found] == [("app.read", None)]
    assert "the last scrape is 20" in found[0].text


async def test_what_prometheus_cannot_scrape_is_missing(tmp_path: Path) -> None:
    api = Api()
    api.up = "0"
    found = await asked(tmp_path, api, {"promql": {"job": "s"}})
    *up, read = found
    assert up and {(r.metric, r.value) for r in up} == {("app.up", 0.0)}
    assert (read.metric, read.value, read.text) == ("app.read", None, "Prometheus cannot scrape it (up is 0)")


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ((400, {"status": "error", "error": "bad \x1b[31mquery"}), "refuses the question: bad query"),
        ((200, "<html>"), "not the HTTP API"),
        ((200, {"status": "success", "data": []}), "no result"),
        ((502, "upstream"), "status 502"),
        ((200, json.dumps([1])), "refuses"),
    ],
)
async def test_an_odd_answer_is_unknown_and_says_why(tmp_path: Path, odd: Any, words: str) -> None:
    api = Api()
    api.odd = odd
    found = one(await asked(tmp_path, api, {"promql": {"job": "s"}}), "app.read")
    assert found.value is None and words in found.text


async def test_secrets_of_headers_and_in_routes_are_masked_and_texts_are_clean(tmp_path: Path) -> None:
    count, heard, clock = [1], [], Clock()

    def answer(_: str, path: str, __: bytes) -> tuple[int, str]:
        heard.append(path)
        line = 'http_requests_total{code="200",route="%s"} %d\n'
        return 200, line % ("/hook/abcdefghij", count[0]) + line % (
            "/x\\n\x1b[31m\u202ered?q=hidden",
            count[0],
        )

    async with http_server(answer) as url:
        spec = {"url": url + "/m", "headers": {"Authorization": "Bearer abcdefghij"}}
        system = make_system(tmp_path, {"s": {"kind": "http", "metrics": spec}})
        watch = SystemWatch(system, clock, time.time)
        found: list[Reading] = []
        for _ in range(2):
            await watch.start_due()
            await watch.settle(5)
            found = watch.take()
            count[0], clock.at = count[0] + 30, clock.at + 10
        labels = {r.label for r in found if r.metric == "app.route_rps"}
        assert labels == {"/hook/•••", "/xred"}
        assert "abcdefghij" not in repr(system.manifest)
