"""First of all do no harm: what would be lost decides, it is counted before anybody agrees, and a person's work is not
ended unasked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions

from actions import pgtools
from chaos.gameday import allowed
from opsportal import wiring
from systems import services
from systems.runtimes import fake
from tests import runbooks
from tests.actions.test_losses import Store
from tests.outside import quiet
from tests.outside.ward import Clock, Person, Ward

APIS = ("api-1", "api-2")


def waits(ward: Ward) -> list[dict[str, Any]]:
    return ward.requests("waiting")


@pytest.mark.parametrize(("application", "alone"), [("psql", False), ("api-1", True)])
def test_a_transaction_that_a_person_has_open_is_asked_about(
    ward: Ward, application: str, alone: bool
) -> None:
    dsn = ward.system.service("db").postgres.dsn  # type: ignore[union-attr]
    mine = psycopg.connect(dsn, application_name=application)
    mine.execute("select 'half done'")
    ward.set("db", "pg.idle_in_tx_s", 90, "pid 7", application)
    ward.set("db", "pg.longest_xact_s", 90)
    ward.look_until(lambda: ward.requests("succeeded") if alone else waits(ward))
    ward.look(5)
    if alone:
        return
    asked = waits(ward)[-1]
    assert (asked["action"], asked["risk"]) == ("kill-session", "high")
    said = " ".join(asked["preview"]["changes"])
    assert all(word in said for word in ("psql", "half done", "may be a person's"))
    assert asked["preview"]["loss"] == {"sessions": 1, "transactions": 1}
    mine.execute("select 'it lives'")
    mine.close()


def test_a_hung_store_that_may_keep_nothing_is_not_restarted_alone(ward: Ward, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.client.rpush("celery", "one", "two")
    secrets = ward.file("secrets.env")
    kept = [line for line in secrets.read_text().splitlines() if not line.startswith("CACHE_URL")]
    secrets.write_text("\n".join([*kept, f"CACHE_URL={store.url}"]) + "\n")
    services._cache.clear()
    ward.set("cache", "redis.keys", 1)
    ward.look()
    store.process.send_signal(19)
    try:
        ward.set("cache", "redis.ok", 0, "timed out")
        ward.set("cache", "redis.keys", None)
        for name in APIS:
            ward.set(name, "app.error_rate", 1.0)
            ward.saying[name, "ERROR redis.exceptions.TimeoutError: Timeout reading from cache"] = 3
        ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
        ward.look_until(lambda: waits(ward) or ward.incident["state"] == "handed_over" if ward.numbers else 0)
        ward.look(10)
        assert [call for call in ward.calls if call.endswith(" cache")] == []
        for asked in waits(ward):
            assert (asked["risk"], asked["preview"]["loss"]) == ("high", {"keys": None})
            assert "could not be counted" in " ".join(asked["preview"]["changes"])
        shown = ward.paula.post("/action/restart-service", {"target": "cache", "dry_run": True})
        assert (shown["risk"], shown["preview"]["loss"]) == ("high", {"keys": None})
    finally:
        store.process.send_signal(18)
        store.end()


SHOP = """
create schema kiosk;
create table kiosk.coupons (code text primary key);
create table kiosk.orders (id serial primary key, coupon text references kiosk.coupons);
insert into kiosk.coupons values ('TEN'), ('HALF');
insert into kiosk.orders (coupon) select 'TEN' from generate_series(1, 20);
"""


@pytest.fixture
def kiosk(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[tuple[Ward, psycopg.Connection[Any]]]:
    """A ward whose database has a snapshot, and 1,280 orders written since."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    for app in apps.get_app_configs():
        create_permissions(app, verbosity=0)
    runbooks.load()
    text = quiet.MANIFEST.replace(
        'admin_dsn: "${{DB_DSN}}"}}',
        'admin_dsn: "${{DB_DSN}}", schema: kiosk}}\n    snapshot: {{dir: snapshots, schema: kiosk}}',
    )
    assert text != quiet.MANIFEST
    made = Ward(tmp_path, f"ward-{uuid.uuid4().hex[:6]}", Clock(monkeypatch), text)
    dsn = made.system.service("db").postgres.dsn  # type: ignore[union-attr]
    (tmp_path / "snapshots").mkdir()
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("drop schema if exists kiosk cascade")
        session.execute(SHOP)
        pgtools.dump(dsn, "kiosk", tmp_path / "snapshots/a.sql")
        session.execute("insert into kiosk.orders (coupon) select 'HALF' from generate_series(1, 1280)")
        made.settle()
        yield made, session
        session.execute("drop schema kiosk cascade")
    wiring.connect()
    fake.forget()


def test_a_dropped_table_comes_back_and_no_other_row_goes(
    kiosk: tuple[Ward, psycopg.Connection[Any]],
) -> None:
    ward, session = kiosk
    session.execute("drop table kiosk.coupons cascade")

    def sick() -> None:
        ward.set("db", "pg.tables", 11)
        ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
        for name in APIS:
            ward.set(name, "app.error_rate", 1.0)
            ward.saying[name, 'ERROR relation "kiosk.coupons" does not exist'] = 3

    sick()
    ward.look_until(lambda: waits(ward))
    asked = waits(ward)[-1]
    assert (asked["action"], asked["params"]["tables"]) == ("restore-db", ["coupons"])
    assert asked["preview"]["loss"] == {"rows": 0}
    assert "2 rows come back, 0 newer or changed rows are lost" in asked["preview"]["changes"][0]
    ward.decide("approve")
    ward.heal()
    ward.look_until(lambda: ward.requests("succeeded"))
    assert ward.requests("succeeded")[-1]["result"]["lost"] == {"rows": 0}
    counts = [session.execute(f"select count(*) from kiosk.{t}").fetchone() for t in ("coupons", "orders")]
    assert counts == [(2,), (1300,)]
    ward.look_until(lambda: ward.incident["state"] == "resolved")


def test_what_others_ask_while_a_demo_approves_for_the_agent_waits(ward: Ward) -> None:
    """What the demo approves is what the agent asks for the fault that it put in, and nobody else's."""
    bob = Person("bob", "actions.run_action", "incidents.view_incident")
    with allowed.approved(ward.row, "demo", "a database that is gone", by="demo", minutes=5):
        ward.runtime.crash("db", exit_code=-9, fatal=True)
        ward.set("db", "pg.ok", 0, "connection refused")
        ward.set("db", "tcp.ok", 0, "connection refused")
        ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
        ward.look_until(lambda: ward.requests("succeeded"))
        ran = ward.requests()
        assert [(r["action"], r["risk"], r["requested_by"]) for r in ran] == [("restart-db", "high", "agent")]
        assert ward.incident["state"] != "resolved"
        for incident in (None, ward.numbers[-1]):
            bob.post("/action/restart-db", {"target": "db", "incident": incident})
        ward.look(5)
        theirs = [r["status"] for r in ward.requests() if r["requested_by"] == "bob"]
        assert theirs == ["waiting", "waiting"]
        assert ward.calls == ["restart db"]
