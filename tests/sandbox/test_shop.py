"""The whole shop, running: journeys, and that the troubles it is made for look like the real ones."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import Any

import psycopg
import pytest
import redis
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sandbox.build.control import Control
from systems.manifest.types import Journey
from systems.probes import web
from systems.probes.journeys import run_journey

from .conftest import ROOT, Running, wait_for

pytestmark = pytest.mark.slow
JOURNEYS = (
    "look at products",
    "open a product",
    "log in",
    "place an order",
    "come back to the cart",
    "send a picture",
    "get a delivery quote",
    "open the shop",
    "shop over a secure connection",
)


def change(shop: Running, service: str, path: str, value: Any) -> None:
    """Edit one key of a service's file and tell the service."""
    file = shop.root / f"etc/{service}.yaml"
    data = yaml.safe_load(file.read_text())
    node = data
    *parents, last = path.split(".")
    for key in parents:
        node = node[key]
    node[last] = value
    file.write_text(yaml.safe_dump(data))
    control(shop).call("signal", service=service, signal="HUP")


def control(shop: Running) -> Control:
    return Control(shop.site.layout.socket_path())


def back_to_golden(shop: Running, service: str) -> None:
    (shop.root / f"etc/{service}.yaml").write_bytes((shop.root / f"golden/etc/{service}.yaml").read_bytes())
    control(shop).call("signal", service=service, signal="HUP")


# pools only: jobs come and go
HELD_FOR_GOOD = """SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'
    AND application_name IN ('api-1', 'api-2', 'backup-api', 'worker')"""


def admin(shop: Running) -> psycopg.Connection[Any]:
    return psycopg.connect(shop.facts["super_dsn"], autocommit=True)


@pytest.mark.parametrize("name", JOURNEYS)
def test_journeys(shop: Running, name: str) -> None:
    assert shop.journey(name) == "ok"


def test_every_service_runs_and_reports(shop: Running) -> None:
    for name, state in control(shop).call("status")["services"].items():
        assert state["state"] == "RUNNING", name
    for name, spec in shop.manifest["services"].items():
        if "http" in spec:
            assert shop.get(name, spec["http"]["url"].split("/", 3)[3].join(("/", ""))).status_code == 200
        if "metrics" in spec:
            text = shop.get(name, "/metrics").text
            told = {family.name for family in text_string_to_metric_families(text)}
            assert "process_resident_memory_bytes" in told, name


@pytest.mark.parametrize(("payment", "at_first"), [("invoice", "new"), ("card", "payment_pending")])
def test_an_order_is_fulfilled(shop: Running, payment: str, at_first: str) -> None:
    cart = {"sku": "BOO-150", "qty": 2}
    import httpx

    with httpx.Client(
        base_url=shop.url("gateway"), headers={"X-Api-Key": "t"}, trust_env=False, timeout=8
    ) as client:
        session = client.post("/api/cart", json=cart).json()["session"]
        order = client.post(
            "/api/checkout", json={"coupon": "SPRING5", "payment": payment}, headers={"X-Session": session}
        ).json()
        assert (order["total"], order["status"]) == (41.8, at_first)
        wait_for(lambda: client.get(f"/api/order/{order['order']}").json()["status"] == "fulfilled" or None)


def test_connections_stay_well_below_the_limit(shop: Running) -> None:
    with admin(shop) as conn:
        row = conn.execute(HELD_FOR_GOOD).fetchone()
    assert row is not None
    assert row[0] <= 9


def test_prober_reads_and_admin_repairs_without_being_superuser(shop: Running) -> None:
    lines = (shop.root / "secrets.env").read_text().split()
    secrets = dict(line.split("=", 1) for line in lines)
    with psycopg.connect(secrets["PROBER_DSN"], autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM shop.products").fetchone() == (50,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("UPDATE shop.products SET price = 1")
    with psycopg.connect(secrets["ADMIN_DSN"], autocommit=True) as conn:
        assert conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (
            False,
        )
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        conn.execute("VACUUM shop.stock")
    wait_for(lambda: shop.healthy() or None)


def test_wrong_password_reads_like_one(shop: Running) -> None:
    with admin(shop) as conn:
        row = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
        assert row is not None
        conn.execute("ALTER ROLE app PASSWORD 'another'")
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        wait_for(lambda: shop.get("api-1", "/readyz").status_code == 503 or None)
        log = shop.root / "log/api-1.log"
        wait_for(lambda: 'password authentication failed for user \\"app\\"' in log.read_text() or None)
        conn.execute(f"ALTER ROLE app PASSWORD '{row[0]}'")
    wait_for(lambda: shop.healthy() or None)


def test_leaking_job_takes_every_session(shop: Running) -> None:
    import httpx

    # One that is under way just now has begun with the old settings, and is not begun a second time.
    httpx.post(shop.url("batch", "/jobs/report-export/pause"), trust_env=False, timeout=10)
    change(shop, "batch", "jobs.report-export.close_sessions", False)
    change(shop, "batch", "jobs.report-export.sessions_per_chunk", 4)
    for call in ("resume", "run"):
        httpx.post(shop.url("batch", f"/jobs/report-export/{call}"), trust_env=False, timeout=10)
    with admin(shop) as conn:

        def shut_out() -> bool | None:
            """What the api gives up the job takes, until nothing is left: one that it got back is ended
            again."""
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'api-%'"
            )
            answer = shop.get("api-1", "/readyz")
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'report-export' AND state = 'idle'"
            ).fetchone()
            taken = row[0] if row else 0
            shut = answer.status_code == 503 and "PoolTimeout" in answer.json()["db"]
            return True if shut and taken >= 8 else None

        wait_for(shut_out)
    httpx.post(shop.url("batch", "/jobs/report-export/pause"), trust_env=False, timeout=10)
    back_to_golden(shop, "batch")
    wait_for(lambda: shop.healthy() or None)
    httpx.post(shop.url("batch", "/jobs/report-export/resume"), trust_env=False)


def test_a_copy_without_a_pace_fills_the_line(shop: Running) -> None:
    import httpx

    def told(name: str, **labels: str) -> float | None:
        families = text_string_to_metric_families(shop.get("net", "/metrics").text)
        rows = (s for f in families for s in f.samples if s.name.endswith(name))
        return next((s.value for s in rows if labels.items() <= s.labels.items()), None)

    if told("edge_used_ratio", edge="api-db") is None:
        pytest.skip("the line carries whatever comes here: no tc, or no network of its own")
    httpx.post(shop.url("batch", "/jobs/backup-sync/pause"), trust_env=False, timeout=10)
    for key, value in {"kb_s": 0, "streams": 2, "copies": 100, "rounds": 1_000_000}.items():
        change(shop, "batch", f"jobs.backup-sync.{key}", value)
    before = told("edge_client_bytes_total", client="backup-sync") or 0.0
    for call in ("resume", "run"):
        httpx.post(shop.url("batch", f"/jobs/backup-sync/{call}"), trust_env=False, timeout=10)
    wait_for(lambda: (told("edge_used_ratio", edge="api-db") or 0.0) > 0.8 or None)
    wait_for(lambda: (told("edge_rtt_seconds", edge="api-db") or 0.0) > 0.03 or None)
    httpx.post(shop.url("batch", "/jobs/backup-sync/pause"), trust_env=False, timeout=10)
    wait_for(lambda: (told("edge_used_ratio", edge="api-db") or 0.0) < 0.3 or None)
    assert (told("edge_client_bytes_total", client="backup-sync") or 0.0) > before
    back_to_golden(shop, "batch")
    wait_for(lambda: shop.healthy() or None)
    httpx.post(shop.url("batch", "/jobs/backup-sync/resume"), trust_env=False)


def test_poisoned_prices_are_refused_at_checkout(shop: Running) -> None:
    with redis.Redis.from_url(shop.facts["redis_url"]) as client:
        shop.get("gateway", "/api/product/GAR-122")
        item = json.loads(client.get("product:GAR-122") or b"{}")
        client.set("product:GAR-122", json.dumps({**item, "price": 0.01}), ex=86_400)
        assert "price mismatch cart=0.01 db=19.99" in shop.journey("place an order")
        client.delete("product:GAR-122")
    assert shop.journey("place an order") == "ok"


def test_damaged_sessions_fail_who_comes_back_and_nobody_else(shop: Running) -> None:
    journey = Journey.model_validate(next(j for j in shop.manifest["journeys"] if "keeps" in j))

    async def visits() -> list[str]:
        async with web.client(cookies=True) as http:
            told = [(await run_journey(http, journey))[1] for _ in range(2)]
            with redis.Redis.from_url(shop.facts["redis_url"]) as client:
                for key in client.scan_iter("sess:*"):
                    client.set(key, "damaged", ex=60)
            told.append((await run_journey(http, journey))[1])
            with redis.Redis.from_url(shop.facts["redis_url"]) as client:
                client.delete(*client.scan_iter("sess:*"))
            return [*told, (await run_journey(http, journey))[1]]

    new, back, damaged, mended = asyncio.run(visits())
    assert (new, back, mended) == ("", "", "")
    assert "step 1 GET /api/cart: status 500" in damaged
    assert shop.journey("come back to the cart") == "ok", "a new visitor sees nothing of it"


def test_delay_is_seen_through_the_gateway_and_goes_with_the_file(shop: Running) -> None:
    for replica in ("api-1", "api-2"):
        change(shop, replica, "middleware.delay_s", 1.0)
    answer = wait_for(
        lambda: a if (a := shop.get("gateway", "/api/catalog")).elapsed.total_seconds() > 1 else None
    )
    assert answer.status_code == 200
    assert shop.get("api-1", "/livez").elapsed.total_seconds() < 1
    for replica in ("api-1", "api-2"):
        back_to_golden(shop, replica)
    wait_for(lambda: shop.get("gateway", "/api/catalog").elapsed.total_seconds() < 0.8 or None)


def test_stopped_frontend_hangs_only_its_own_pages(shop: Running) -> None:
    control(shop).call("pause", service="frontend")
    answer = shop.get("gateway", "/")
    assert answer.status_code == 504
    assert shop.journey("look at products") == "ok"
    control(shop).call("resume", service="frontend")
    wait_for(lambda: shop.journey("open the shop") == "ok" or None)


def test_reset_restores_everything(shop: Running) -> None:
    change(shop, "gateway", "upstream_timeout_s", 1)
    with admin(shop) as conn:
        conn.execute("DROP TABLE shop.coupons CASCADE")
        conn.execute("UPDATE shop.products SET price = 1")
        conn.execute("ALTER ROLE app PASSWORD 'lost'")
    pid = control(shop).call("status")["services"]["worker"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "reset", "--dir", str(shop.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: shop.healthy() or None, 60)
    golden = (shop.root / "golden/etc/gateway.yaml").read_bytes()
    assert (shop.root / "etc/gateway.yaml").read_bytes() == golden
    with admin(shop) as conn:
        assert conn.execute("SELECT max(price) FROM shop.products").fetchone() != (1,)
        assert conn.execute("SELECT count(*) FROM shop.coupons").fetchone() == (2,)
    wait_for(lambda: control(shop).call("status")["services"]["worker"]["state"] == "RUNNING" or None)
