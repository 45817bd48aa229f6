"""Faults on a sandbox that is called otherwise: what they touch by role is what is there, and what is said of it is
told back before it is graded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml
from django.conf import settings
from psycopg import sql

from chaos.alterations import Touched
from chaos.gameday import roles
from chaos.gameday.answers import key_of
from chaos.gameday.grading import Act, Record, Said, grade
from chaos.names import Names
from chaos.registry import FAULTS
from chaos.scorecard import Row
from chaos.site import Site
from chaos.stores import cache, cursor_for
from sandbox.build.layout import EDGES, OFFSETS, Layout
from sandbox.build.names import drawn
from sandbox.build.prepare import Site as Built
from sandbox.build.prepare import write_files
from sandbox.build.secrets import Secrets

NAMES = drawn(3, OFFSETS, EDGES)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Its files; nothing runs."""
    root = tmp_path_factory.mktemp("renamed")
    write_files(Built(Layout(root, 24_000, names=NAMES), Secrets()))
    (root / "log").mkdir()
    return Site.load(root)


@pytest.fixture
def told(site: Site) -> dict[str, Any]:
    return dict(yaml.safe_load((site.folder / "manifest.yaml").read_text()))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_every_part_that_an_answer_speaks_of_is_there_under_its_name(
    site: Site, told: dict[str, Any], fault: Any
):
    services = told["services"]
    there = {
        *services,
        *(s.get("group") for s in services.values()),
        *(link["name"] for link in told["links"]),
    }
    spoken_of = {*fault.targets, *fault.expected.components, *fault.may_touch} - {"analytics"}
    assert {site.names.word(part) for part in spoken_of} <= there
    assert {site.names.role(site.names.word(part)) for part in spoken_of} == spoken_of


def test_a_setting_is_changed_by_its_role(site: Site):
    path = site.folder / "etc" / f"{NAMES.word('batch')}.yaml"
    before = path.read_text()
    site.edit_config("batch", "jobs.report-export.sessions_per_chunk", 4)
    job = yaml.safe_load(path.read_text())["jobs"][NAMES.word("report-export")]
    assert job[NAMES.word("sessions_per_chunk")] == 4
    assert site.config_value("batch", "jobs.report-export.sessions_per_chunk") == 4
    path.write_text(before)
    members = site.config_value("gateway", "pools.frontend.members")
    assert [m["name"] for m in members] == [NAMES.word("frontend")]
    site.edit_config("gateway", "pools.api.members", members)  # what was read there is written back as it is
    assert site.config_value("gateway", "pools.api.members") == members


def test_pages_paths_and_log_lines(site: Site):
    api, front = NAMES.word("api"), NAMES.word("frontend")
    catalog, pools = NAMES.paths["catalog"], NAMES.paths["pools"]
    assert site.url("gateway", "/api/catalog").endswith(
        f":{24_000 + NAMES.offsets['gateway']}/{api}/{catalog}"
    )
    assert site.url("gateway", "/pools/api/use?pool=frontend").endswith(f"/{pools}/{api}/use?pool={front}")
    assert site.names.told_back(site.names.text("GET /api/cart and /readyz")) == "GET /api/cart and /readyz"
    assert (
        site.names.text("a cart, etc/cart-x and /carts") == "a cart, etc/cart-x and /carts"
    )  # only parts of addresses
    assert site.path("releases/frontend/current").name == "current"
    assert site.path("releases/frontend/current").is_dir() and site.path("etc/worker.env").is_file()
    site.hands.write_log(
        "api-1", [json.dumps({"svc": "api", "replica": "api-1", "msg": "no api"}), "api-1 fell"]
    )
    first, second = (site.folder / "log" / f"{NAMES.word('api-1')}.log").read_text().splitlines()
    assert json.loads(first) == {
        NAMES.fields["svc"]: api, NAMES.fields["replica"]: NAMES.word("api-1"), NAMES.fields["msg"]: f"no {api}",
    }  # fmt: skip
    assert second == f"{NAMES.word('api-1')} fell"


def test_statements_reach_the_tables_of_another_name(db: None):
    names = Names.of({"names": NAMES.as_json()})
    target = settings.DATABASES["default"]
    dsn = psycopg.conninfo.make_conninfo(
        host=target["HOST"], port=target["PORT"], user=target["USER"], password=target["PASSWORD"],
        dbname=target["NAME"],
    )  # fmt: skip
    shop, orders = NAMES.word("shop"), NAMES.word("orders")
    with psycopg.connect(
        dsn, cursor_factory=cursor_for(names), application_name=names.word("report-export")
    ) as conn:
        conn.execute("CREATE SCHEMA shop")
        conn.execute("CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, email text)")
        conn.execute("INSERT INTO shop.orders (email) VALUES (%s)", ["shop"])  # a name as a whole is one
        raw = psycopg.Cursor(conn).execute(f"SELECT email FROM {shop}.{orders}")
        assert raw.fetchall() == [(shop,)]
        assert conn.execute("SELECT to_regclass('shop.orders_id_seq') IS NOT NULL").fetchone() == (True,)
        mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        assert conn.execute(mine, ["report-export"]).fetchone() == (1,)
        counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("shop", "orders"))
        assert conn.execute(counted).fetchone() == (1,)
        conn.rollback()


@pytest.fixture
def keys() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        yield client
        client.delete(f"{NAMES.word('product')}:X-1", NAMES.word("q:orders"))


def test_keys_of_the_cache_are_called_otherwise_and_their_values_are_left(keys: redis.Redis):
    mine = cache(settings.REDIS_URL, Names.of({"names": NAMES.as_json()}))
    with mine.pipeline() as pipe:
        pipe.set("product:X-1", json.dumps({"sku": "api"}), ex=60)
        pipe.execute()
    mine.lpush("q:orders", json.dumps({"at": "shop"}))
    assert keys.get(f"{NAMES.word('product')}:X-1") == '{"sku": "api"}'
    assert keys.lrange(NAMES.word("q:orders"), 0, -1) == ['{"at": "shop"}']
    assert list(mine.scan_iter("product:X*")) == [f"{NAMES.word('product')}:X-1"]


def test_what_was_said_and_done_is_graded_by_roles(site: Site):
    word, fault = NAMES.word, FAULTS["memory_leak_oom"]
    key = f"{word('session_cache')}.{word('max_entries')}"
    blamed = Touched(word("api-2"), "config", key)
    said = Said(word("api-2"), "change", f"{key}: 25 -> 0", 0.9, 104.0, blamed)
    act = Act("revert-change", word("api-2"), 105.0, interrupts=frozenset({word("api-2")}), takes_back=blamed)
    found = Record(100.0, 102.0, 1, said, said, acts=[act], whole=True, whole_at=110.0)
    row, plain = Row(fault.id, "container", 3), Row(fault.id, "container", 3)
    grade(row, roles.of_record(found, site.names), key_of(fault, {}))
    assert (row.component_ok, row.cause_ok, row.culprit_ok, row.outcome) == (True, True, True, "fixed")
    assert (row.wrong_actions, row.collateral) == ([], [])
    grade(plain, found, key_of(fault, {}))
    assert not plain.component_ok and plain.outcome == "harm"  # untranslated it would be somebody else
    groups = roles.of_groups({word("api"): [word("api-1"), word("api-2")]}, site.names)
    assert groups == {"api": ["api-1", "api-2"]}


def test_where_nothing_is_called_otherwise_nothing_changes(tmp_path: Path):
    names = Site(tmp_path, {"driver": "process"}).names
    assert names.plain and cursor_for(names) is psycopg.Cursor
    assert names.sql("SELECT 1 FROM shop.orders") == "SELECT 1 FROM shop.orders"
    assert names.data({"api-1": ["worker"]}) == {"api-1": ["worker"]} and names.line("x") == "x"
