"""Metrics by names of a service's own, as its manifest tells what they become."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from systems.manifest import ManifestError
from systems.manifest.types import Service
from systems.probes.metrics import MetricsProbe
from systems.prom import api
from systems.prom.reader import Reader, look
from systems.prom.table import table

from ..helpers import Clock, http_server, make_system, one

NAMES: list[dict[str, Any]] = [
    {"name": "acme_pool_free", "reading": "app.pool_free", "only": {"kind": "db"}},
    {"name": "acme_room_bytes", "reading": "app.room_mb", "scale": 1e-6, "by": "disk"},
    {"name": "acme_lane_open", "reading": "app.lane.{lane}.open"},
    {"name": "acme_sold_total", "kind": "rate", "reading": "app.sold_rate"},
    {"name": "acme_valve", "kind": "state", "reading": "app.valve.{lane}"},
    {"name": "acme_answers_total", "kind": "requests"},
    {"name": "acme_answer_seconds", "kind": "durations"},
]
TEXT = """acme_pool_free{kind="db"} 3
acme_pool_free{kind="mail"} 9
acme_room_bytes{disk="a"} 5000000
acme_lane_open{lane="north-1"} 1
acme_sold_total %(sold)d
acme_valve{lane="x",state="shut"} 1
acme_valve{lane="x",state="open"} 0
acme_answers_total{code="200"} %(well)d
acme_answers_total{code="500"} %(ill)d
acme_answer_seconds_bucket{le="0.1"} %(well)d
acme_answer_seconds_bucket{le="+Inf"} %(well)d
acme_answer_seconds_count %(well)d
acme_answer_seconds_sum 4
http_requests_total{code="200"} %(usual)d
acme_nobody_asked 1
"""


def reader(names: list[dict[str, Any]]) -> Reader:
    spec = {"name": "s", "kind": "http", "metrics": {"url": "http://s/metrics", "names": names}}
    return Reader(Service.model_validate(spec))


def test_each_kind_becomes_its_reading() -> None:
    mine = reader(NAMES)
    mine.take(
        look((TEXT % {"sold": 5, "well": 0, "ill": 0, "usual": 0}).splitlines(), mine.known).samples, 0.0
    )
    found = look((TEXT % {"sold": 25, "well": 75, "ill": 25, "usual": 900}).splitlines(), mine.known)
    assert found.unknown == {"acme_nobody_asked"}
    mine.take(found.samples, 10.0)
    told = mine.readings()
    values = {(r.metric, r.label): r.value for r in told}
    assert values["app.pool_free", ""] == 3.0
    assert values["app.room_mb", "a"] == 5.0
    assert values["app.lane.north-1.open", ""] == 1.0
    assert values["app.sold_rate", ""] == 2.0
    assert one(told, "app.valve.x").text == "shut"
    assert (values["app.rps", ""], values["app.error_rate", ""]) == (10.0, 0.25), "its own come first"
    assert values["app.p95_ms", ""] == 95.0


def test_what_one_service_names_means_nothing_elsewhere() -> None:
    assert reader(NAMES).known is not table()
    assert reader([]).known is table()
    assert look(["acme_pool_free 3"]).unknown == {"acme_pool_free"}
    assert not table().knows("acme_pool_free")


def test_a_prometheus_is_asked_for_them_too() -> None:
    query = api.selector({"job": "acme"}, 60, reader(NAMES).known)
    assert "acme_answer_seconds_(?:bucket|count|sum)" in query and "acme_valve" in query
    assert "acme" not in api.selector({"job": "x"}, 60)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([{"name": "a"}], "reading is like"),
        ([{"name": "a", "reading": "http.ok"}], "reading is like"),
        ([{"name": "a", "reading": "app.{no good}"}], "reading is like"),
        ([{"name": "a b", "reading": "app.x"}], "name"),
        ([{"name": "a", "kind": "requests", "reading": "app.x"}], "leave out reading"),
        ([{"name": "a", "kind": "rate", "reading": "app.x", "by": "k"}], "belong to a value"),
        ([{"name": "a", "kind": "state", "reading": "app.x", "only": {"k": "v"}}], "only belongs"),
        ([{"name": "a", "kind": "state", "reading": "app.x", "scale": 2}], "scale"),
        ([{"name": "a", "reading": "app.x", "unit": "s"}], "unit"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, names: Any, words: str) -> None:
    spec = {"s": {"kind": "http", "metrics": {"url": "http://h/metrics", "names": names}}}
    with pytest.raises(ManifestError, match=words):
        make_system(tmp_path, spec)


def test_names_are_of_text_and_paths_of_json(tmp_path: Path) -> None:
    both = {"url": "http://h/", "names": NAMES, "paths": {"app.rps": "x"}}
    with pytest.raises(ManifestError, match="names are of Prometheus text"):
        make_system(tmp_path, {"s": {"kind": "http", "metrics": both}})


def test_the_page_shows_what_works(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    shown = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)
    assert len(shown) == 1
    system = make_system(tmp_path, yaml.safe_load(shown[0])["services"])
    spec = system.service("orders").metrics
    assert spec is not None and [n.kind for n in spec.names] == ["state", "value", "rate", "durations"]


async def test_the_probe_tells_what_is_named_and_not_there(tmp_path: Path) -> None:
    answers = {"/text": "# TYPE acme_here gauge\nacme_here 1\n", "/json": '{"a": 1}'}
    names = [{"name": "acme_here", "reading": "app.here"}, {"name": "acme_typo", "reading": "app.typo"}]
    async with http_server(lambda _, path, __: (200, answers[path])) as url:
        for path, words in {
            "/text": "named, and not told: acme_typo",
            "/json": "there it is `paths`",
        }.items():
            spec = {"url": url + path, "names": names}
            system = make_system(tmp_path, {"s": {"kind": "http", "metrics": spec}})
            probe = MetricsProbe(Clock())
            found = await probe.observe(system, system.service("s"))
            assert words in one(found, "app.read").text
            if path == "/text":
                assert one(found, "app.here").value == 1.0
            await probe.close()
