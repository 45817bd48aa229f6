"""What the shop's parts tell at /metrics: Prometheus text, and by the manifest the readings that are looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sandbox.build.layout import EDGES, OFFSETS, Layout
from sandbox.build.manifest import manifest
from sandbox.build.metrics import metrics
from sandbox.build.names import drawn
from sandbox.build.prepare import Site
from sandbox.shop.api.app import create
from sandbox.shop.api.settings import Settings
from sandbox.shop.api.state import State
from sandbox.shop.batch.__main__ import Batch
from sandbox.shop.frontend.__main__ import Frontend
from sandbox.shop.gateway.__main__ import Door
from sandbox.shop.gateway.proxy import Gateway
from sandbox.shop.kit.http import Handler, Request, Response, json_response, serve
from sandbox.shop.kit.metrics import Metrics, Requests
from sandbox.shop.kit.start import variables
from sandbox.shop.loadgen.__main__ import Visitors
from sandbox.shop.net.__main__ import Net
from sandbox.shop.net.far import Far
from sandbox.shop.worker.consumer import Consumer
from sandbox.shop.worker.thumbs import Thumbs
from systems.manifest.types import Service
from systems.probes.metrics import own_paths
from systems.prom.reader import Reader, look
from systems.readings import Reading

from .conftest import wait_for
from .test_gateway import ask, config, free_port, replica

TRAFFIC = {"app.rps", "app.error_rate", "app.p50_ms", "app.p95_ms"}
# What each part told while it spoke JSON, and is looked at, plotted or recorded.
TOLD: dict[str, set[str]] = {
    "gateway": TRAFFIC | {
        "app.pool.api.up", "app.pool.api.members", "app.pool.api.breaker", "app.pool.backup-api.breaker",
        "app.served.m0", "app.key.web-1", "app.breaker_rejected", "app.status_429",
    },
    "api-1": TRAFFIC | {
        "app.pool_size", "app.pool_available", "app.pool_max", "app.requests_waiting", "app.pool_errors",
        "app.cache_hit_ratio", "app.session_entries", "app.session_mb", "app.upstream_breaker",
        "app.upstream_active", "app.cache_hits", "app.cache_misses",
    },
    "worker": TRAFFIC | {"app.failed_rate", "app.children", "app.thumbs_total"},
    "batch": {"app.jobs_running", "app.jobs_paused"},
    "frontend": TRAFFIC,
    "loadgen": TRAFFIC | {"app.in_flight"},
    "net": {
        f"app.api-db.{what}"
        for what in ("path", "medium", "ok", "rtt_ms", "connections", "connections_total", "failures_total",
                     "bytes_in", "bytes_out")
    },
}  # fmt: skip
FAR = {"app.connections", "app.connections_total", "app.failures_total"}


class Watched:
    """Two looks at a part, ten seconds apart, by what the shop's manifest says of it."""

    def __init__(self, name: str, spec: dict[str, Any] | None = None) -> None:
        layout = Layout(Path("/srv/x"), 18_080)
        spec = spec or manifest(layout)["services"][name]
        service = Service.model_validate({**spec, "name": name, "unit": name})
        self.reader = Reader(service, own_paths(service))
        self.at = 0.0

    def look(self, text: bytes) -> dict[str, Reading]:
        """Readings that are not of a route, by name."""
        found = look(text.decode().splitlines(), self.reader.known)
        assert not found.broken and not {n for n in found.unknown if n.startswith("shop")}, found.unknown
        self.reader.take(found.samples, self.at)
        self.at += 10.0
        self.all = self.reader.readings()
        return {r.metric: r for r in self.all if not r.label}


def values(text: bytes) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, by the labels' names; every line is one that Prometheus reads."""
    families = list(text_string_to_metric_families(text.decode()))
    assert all(f.type != "unknown" and f.documentation for f in families)
    return {(s.name, *(v for _, v in sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def page(handle: Handler) -> Any:
    async def get() -> bytes:
        answer: Response = await handle(ask("/metrics"))
        assert answer.status == 200 and "version=0.0.4" in answer.headers["Content-Type"]
        return answer.body

    return get()


def test_text_is_small_and_its_labels_are_bounded() -> None:
    metrics = Metrics()
    requests = Requests(metrics)
    for number in range(200):
        requests.observe(f"M{number}", "/a", 200, 0.15)
    told = values(metrics.text())
    assert told["http_requests_total", "other", "/a", "200"] == 200
    assert told["http_request_duration_seconds_bucket", "0.1", "other", "/a"] == 0
    assert told["http_request_duration_seconds_bucket", "0.2", "other", "/a"] == 200
    assert told["process_resident_memory_bytes",] > 1e6
    assert ("process_cpu_seconds_total",) in told and ("process_open_fds",) in told
    assert len(metrics.text()) < 4000


async def test_the_gateway(tmp_path: Path) -> None:
    spec = {"members": [{"name": "m0", "url": await replica("good")}]}
    data = {
        "routes": [{"prefix": "/api/", "pool": "api"}],
        "pools": {"api": spec, "backup-api": {"members": [{"name": "m1", "url": await replica("bad", 500)}]}},
        "rate_limit": {"rps": 1000, "per_key": {"hog": 0}},
    }
    gateway = Gateway(config(tmp_path, data))
    gateway.apply()
    door, watched = Door(gateway), Watched("gateway")
    watched.look(await page(door.handle))
    for number in range(50):
        await door.handle(ask(f"/api/product/{number}", x_api_key="web-1"))
    for _ in range(4):  # the first has a token
        await door.handle(ask(x_api_key="hog"))
    gateway.overrides["api"] = "backup-api"
    for _ in range(10):
        await door.handle(ask(x_api_key="web-1"))
    gateway.pools["api"].breaker.state, gateway.pools["api"].breaker.opened_at = "open", time.monotonic()
    gateway.overrides.clear()
    await door.handle(ask(x_api_key="web-1"))
    found = watched.look(await page(door.handle))
    assert TOLD["gateway"] <= found.keys()
    assert found["app.rps"].value == 6.5
    assert found["app.error_rate"].value == pytest.approx(11 / 65, abs=1e-4)
    assert found["app.status_429"].value == 3
    assert (found["app.pool.api.breaker"].value, found["app.pool.api.breaker"].text) == (1, "open")
    assert found["app.pool.backup-api.breaker"].text == "closed"
    assert (found["app.key.web-1"].value, found["app.served.m0"].value) == (61, 51)
    routes = {r.label for r in watched.all if r.metric == "app.route_rps"}
    assert routes <= {"GET /api/"}, "what somebody asked for is no label"


async def test_the_api(tmp_path: Path) -> None:
    settings = Settings(
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1/0", JWT_SECRET="s" * 32,
        UPSTREAM_API_KEY="k", CONFIG_FILE="x", PORT=1,
    )  # fmt: skip
    state = State(settings, config(tmp_path, {"upstream": {"active": "fallback"}}))
    watched = Watched("api-1")
    transport = httpx.ASGITransport(create(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        watched.look((await client.get("/metrics")).content)
        for _ in range(30):
            assert (await client.get("/api/cart")).status_code == 200
        for number in range(10):
            assert (await client.get(f"/api/order/{number}")).status_code == 503
        assert (await client.get("/nothing/like/it")).status_code == 404
        for path in ("/livez", "/healthz"):
            await client.get(path)
        state.metrics.count("cache_hits", 3)
        state.metrics.count("cache_misses", 1)
        answer = await client.get("/metrics")
    assert "version=0.0.4" in answer.headers["content-type"]
    told = values(answer.content)
    assert told["http_requests_total", "GET", "/api/order/{order_id}", "503"] == 10
    assert told["http_requests_total", "GET", "other", "404"] == 1
    found = watched.look(answer.content)
    assert TOLD["api-1"] <= found.keys()
    assert found["app.rps"].value == 4.1, "who measures is not counted"
    assert found["app.error_rate"].value == pytest.approx(10 / 41, abs=1e-4)
    assert 0 < (found["app.p50_ms"].value or 0) < 300
    assert (found["app.upstream_active"].text, found["app.upstream_breaker"].text) == ("fallback", "closed")
    assert (found["app.cache_hit_ratio"].value, found["app.pool_max"].value) == (0.75, 3)
    by_route = {r.label: r.value for r in watched.all if r.metric == "app.error_rate"}
    assert by_route["GET /api/order/{order_id}"] == 1.0 and by_route["GET /api/cart"] == 0.0


class Quiet:
    """A queue and a database to which everything can be said."""

    def pipeline(self, **_: Any) -> Quiet:
        return self

    connection = pipeline

    async def __aenter__(self) -> Quiet:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def lrem(self, *_: Any) -> None:
        return None

    rpush = incr = lrem

    async def execute(self, *_: Any) -> None:
        return None


async def test_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = config(tmp_path, {"packing_s": 0.0, "retry_delay_s": 0.0})
    thumbs = Thumbs(settled, tmp_path)
    monkeypatch.setattr(thumbs, "draw", lambda _: None)
    consumer = Consumer(settled, Quiet(), Quiet(), thumbs)  # type: ignore[arg-type]
    watched = Watched("worker")
    watched.look(consumer.metrics.text())
    for number in range(30):
        await consumer._one(json.dumps({"id": number, "total": 2.5}))
    await consumer._one("not a message")
    found = watched.look(consumer.metrics.text())
    assert TOLD["worker"] <= found.keys()
    assert (found["app.rps"].value, found["app.error_rate"].value) == (3.0, 0.0)
    assert (found["app.p50_ms"].value or 0) > 0
    assert (found["app.failed_rate"].value or 0) > 0


async def test_pages_and_visitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def api(request: Request) -> Response:
        if "category=books" in request.target:
            return json_response({"error": "down"}, 503)
        return json_response({"items": [], "count": 0}, 404 if "product" in request.target else 200)

    port = free_port()
    await serve(api, port)
    monkeypatch.setenv("GATEWAY_URL", f"http://127.0.0.1:{port}")
    front, pages = Frontend(config(tmp_path, {})), Watched("frontend")
    visitors, crowd = Visitors(config(tmp_path, {})), Watched("loadgen")
    pages.look(await page(front.handle))
    crowd.look(await page(visitors.handle))
    for number in range(40):
        await front.handle(Request("GET", "/?category=books" if number % 4 == 0 else "/", {}))
        await visitors.call("web-1", "GET", f"/x?category={'books' if number % 4 == 0 else ''}")
    await front.handle(Request("GET", "/p/XYZ-1", {}))
    found = pages.look(await page(front.handle))
    assert TOLD["frontend"] <= found.keys()
    assert found["app.rps"].value == 4.1
    assert found["app.error_rate"].value == pytest.approx(0.25, abs=0.02)
    assert (found["app.p50_ms"].value or 0) > 0
    assert {r.label for r in pages.all if r.metric == "app.route_rps"} == {"GET /", "GET /p/{sku}"}
    found = crowd.look(await page(visitors.handle))
    assert TOLD["loadgen"] <= found.keys()
    assert (found["app.rps"].value, found["app.error_rate"].value) == (4.0, 0.25)


async def test_jobs_and_the_network(tmp_path: Path) -> None:
    batch = Batch(config(tmp_path, {"jobs": {"a": {}, "b": {}}}))
    batch.scheduler.jobs["a"].paused = True
    found = Watched("batch").look(await page(batch.handle))
    assert TOLD["batch"] <= found.keys() and found["app.jobs_paused"].value == 1
    ends = {"address": "127.0.0.1:1", "target": "127.0.0.1:2"}
    net = Net(config(tmp_path, {"edges": {"api-db": ends, "api-redis": ends}}))
    net.edges["api-db"].path, net.edges["api-db"].rtt = "B", 4.0
    found = Watched("net").look(await page(net.handle))
    assert TOLD["net"] <= found.keys()
    assert (found["app.api-db.path"].text, found["app.api-redis.path"].text) == ("B", "A")
    assert found["app.api-db.rtt_ms"].value == 4.0 and "app.api-redis.rtt_ms" not in found
    far = Far(config(tmp_path, {}))
    far.stats["failures_total"] = 2
    spec = {"kind": "relay", "metrics": metrics(Layout(Path("/srv/x"), 18_080), "net-far")}
    found = Watched("net-far", spec).look(await page(far.handle))
    assert found.keys() >= FAR and found["app.failures_total"].value == 2


def test_under_other_names_the_readings_are_the_same() -> None:
    plain = manifest(Layout(Path("/srv/x"), 18_080))
    names = drawn(3, OFFSETS, {})
    renamed = manifest(Layout(Path("/srv/x"), 18_080, names=names))

    def readings(told: dict[str, Any]) -> list[list[tuple[str, str]]]:
        specs = [spec.get("metrics") for spec in told["services"].values()]
        return [
            [(n.get("kind", ""), n.get("reading", "")) for n in spec["names"]]
            for spec in specs
            if isinstance(spec, dict)
        ]

    assert readings(plain) == readings(renamed)
    assert "shop_" not in yaml.safe_dump([s.get("metrics") for s in renamed["services"].values()])


STANDING: dict[str, set[str]] = {  # told as soon as it runs, whatever it needs is there or not
    "api-1": {"app.requests_waiting", "app.upstream_breaker", "app.upstream_active", "app.session_entries"},
    "gateway": {"app.pool.api.breaker", "app.pool.frontend.breaker", "app.pool.api.up"},
    "worker": TOLD["worker"] - TRAFFIC - {"app.failed_rate"},
    "batch": TOLD["batch"],
    "net": {f"app.{edge}.path" for edge in EDGES},
    "loadgen": {"app.in_flight"},
    "frontend": set(),
}


@pytest.mark.parametrize("name", STANDING)
def test_a_part_of_a_release_tells_it_as_a_process(site: Site, name: str) -> None:
    root = site.layout.root
    spec = yaml.safe_load((root / "processes.yaml").read_text())["services"][name]
    told = variables((root / spec["env_file"]).read_text()) if "env_file" in spec else {}
    port = free_port()
    env = {**os.environ, **spec["env"], **told, "PORT": str(port)}
    argv = [sys.executable, *spec["command"][1:]]
    process = subprocess.Popen(argv, cwd=root / spec["cwd"], env=env, stdout=subprocess.DEVNULL)

    def page() -> bytes | None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).raise_for_status().content
        except httpx.TransportError:
            return None

    try:
        text = wait_for(page)
    finally:
        process.terminate()
        process.wait(20)
    assert values(text)["process_resident_memory_bytes",] > 1e6
    assert STANDING[name] <= Watched(name).look(text).keys()
