"""On a running shop, one of each kind is changed by hand, and seen within ten seconds, with its difference, masked."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
import yaml
from django.core.management import call_command
from django.db import connections

from sandbox.build.postgres import super_dsn
from systems import services
from systems.models import ChangeRow, SettledState, System
from systems.runtimes.process import ProcessRuntime
from systems.state import acts, reported
from systems.watcher import Watcher
from tests.sandbox.conftest import Running, shop, site
from tests.systems.state.test_others import certify, tls_server

__all__ = ["shop", "site", "tls_server"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WITHIN_S = 10.0
SECRET = "Zk7qPw2xVb9LmT4s"
MASKED = "•••"


@dataclass
class Hand:
    """One thing done by hand, and the change that it has to be."""

    kind: str
    component: str
    what: str
    do: Callable[[], object]
    after: str | None = ""  # must stand in it; None: it is gone
    before: str | None = ""
    began: float = 0.0
    row: ChangeRow | None = field(default=None, repr=False)

    def begin(self) -> None:
        self.began = time.time()
        self.do()

    def seen(self) -> bool:
        rows = ChangeRow.objects.filter(kind=self.kind, component=self.component, what__contains=self.what)
        self.row = self.row or next((r for r in rows.order_by("pk") if self._is(r)), None)
        return self.row is not None

    def _is(self, row: ChangeRow) -> bool:
        pairs = ((self.before, row.before), (self.after, row.after))
        return all(
            wanted == "" or (found is None if wanted is None else wanted in (found or ""))
            for wanted, found in pairs
        )

    def line(self) -> str:
        if self.row is None:
            return f"  ----  {self.kind:12} {self.component:10} {self.what}: not seen"
        return f"{self.row.noted_at.timestamp() - self.began:6.1f}  {self.kind:12} {self.row.words}"


class Hands:
    """Everything that is done to the shop."""

    def __init__(self, shop: Running, admin: psycopg.Connection[Any], end: str, folder: Path) -> None:
        self.shop, self.root, self.admin, self.end, self.folder = shop, shop.root, admin, end, folder
        secrets = dict(line.split("=", 1) for line in (self.root / "secrets.env").read_text().splitlines())
        self.cache = redis.Redis.from_url(secrets["REDIS_URL"])
        self.runtime = ProcessRuntime({"socket": str(shop.site.layout.socket_path())}, self.root)
        self.data = shop.site.layout.pg_home / "data"

    def sql(self, *statements: str) -> Callable[[], None]:
        return lambda: [self.admin.execute(s.encode()) for s in statements] and None

    def edit(self, file: str, **keys: Any) -> Callable[[], None]:
        def do() -> None:
            path = self.root / file
            data = yaml.safe_load(path.read_text())
            for dotted, value in keys.items():
                place, *names = data, *dotted.split("__")
                for name in names[:-1]:
                    place = place[name]
                place[names[-1]] = value
            path.write_text(yaml.safe_dump(data, sort_keys=False))

        return do

    def env(self) -> None:
        path = self.root / "etc/worker.env"
        text = path.read_text()
        password = text.split("://app:")[1].split("@")[0]
        path.write_text(text.replace(password, SECRET) + f"API_TOKEN={SECRET}\nWORKERS=9\n")

    def release(self) -> None:
        folder = self.root / "releases/frontend"
        current = (folder / "current").readlink().name
        shutil.copytree(folder / current, folder / "9.9.9", symlinks=True)
        fresh = folder / ".fresh"
        fresh.symlink_to("9.9.9")
        fresh.replace(folder / "current")

    def hba(self) -> None:
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write("host all nobody 10.9.9.9/32 scram-sha-256\n")

    def user(self) -> None:
        self.cache.acl_setuser("hand", enabled=True, passwords=["+" + SECRET], commands=["+get"])

    def hold(self) -> None:
        """Every connection that a role may have."""
        self.admin.execute(b"create role narrow login password 'narrow' connection limit 3")
        dsn = psycopg.conninfo.make_conninfo(
            self.admin.info.dsn, user="narrow", password="narrow", dbname="postgres"
        )
        self.held = [psycopg.connect(dsn) for _ in range(3)]

    def files(self) -> list[Hand]:
        return [
            Hand(
                "config",
                "api-1",
                "log.level",
                self.edit("etc/api-1.yaml", log__level="DEBUG"),
                "DEBUG",
                "INFO",
            ),
            Hand("invariant", "api", "log.level", lambda: None, "DEBUG on api-1"),
            Hand("env", "worker", "WORKERS", self.env, "9", None),
            Hand("env", "worker", "DATABASE_URL", lambda: None, f"app:{MASKED}@"),
            Hand("env", "worker", "API_TOKEN", lambda: None, MASKED),
            Hand(
                "file",
                "gateway",
                "permissions",
                lambda: (self.root / "etc/gateway.yaml").chmod(0o600),
                "rw-------",
            ),
            Hand("file", "net", "owner", lambda: os.chown(self.root / "etc/net.yaml", 65534, -1), "nobody"),
            Hand("release", "frontend", "points to", self.release, "9.9.9"),
            Hand(
                "config",
                "loadgen",
                "text",
                lambda: (self.root / "etc/loadgen.yaml").write_text("rps: ["),
                "does not",
            ),
        ]

    def database(self) -> list[Hand]:
        def did(
            kind: str, what: str, *statements: str, after: str | None = "", before: str | None = ""
        ) -> Hand:
            return Hand(kind, "postgres", what, self.sql(*statements), after, before)

        loads = "select pg_reload_conf()"
        few = "alter table shop.products add constraint few check (price < 1e6)"
        function = "create function shop.hand() returns int language sql as 'select 1'"
        restarts = "alter system set max_connections = 39"
        return [
            did("setting", "work_mem", "alter system set work_mem = '3MB'", loads, after="3MB", before="2MB"),
            did("setting", "max_connections", restarts, loads, after="another value"),
            did("setting", "database shop: jit", "alter database shop set jit = off", after="off"),
            did("setting", "statement_timeout", "alter system set statement_timeout = '59s'", loads, after="59000"),
            did("role", "role app", "alter role app createdb", after="creates databases"),
            did("limit", "role app: conn", "alter role app connection limit 11", after="11", before="12"),
            did("grant", "orders: rights of prober", "revoke select on shop.orders from prober", after=None),
            did("grant", "member of", "grant pg_read_all_data to app", after="member"),
            did("schema", "column price", "alter table shop.products alter price set default 7", after="default 7"),
            did("schema", "constraint few", few),
            did("schema", "index hand", "create index hand on shop.products (price)", after="CREATE INDEX"),
            did("schema", "function shop.hand", function),
            did("schema", "extension", "create extension vector", before=None),
            did("flag", "shop.flags hand", "insert into shop.flags (name, percent) values ('hand', 5)", after="5"),
            did("deadline", "role brief", "create role brief login valid until 'now'"),
            did("crossing", "shop.short: used", "select setval('shop.short', 32000)", after="over 95 %"),
            Hand("access", "postgres", "host all nobody 10.9.9.9", self.hba),
            Hand("crossing", "postgres", "connections (narrow)", self.hold, "near its limit"),
        ]  # fmt: skip

    def others(self) -> list[Hand]:
        gateway, net = (self.shop.url(n) for n in ("gateway", "net"))
        return [
            Hand("limit", "redis", "maxclients", lambda: self.cache.config_set("maxclients", 499), "499", "500"),
            Hand("setting", "redis", "maxmemory-policy",
                 lambda: self.cache.config_set("maxmemory-policy", "noeviction"), "noeviction"),
            Hand("setting", "redis", "masterauth", lambda: self.cache.config_set("masterauth", SECRET), MASKED),
            Hand("access", "redis", "user hand", self.user, "on"),
            Hand("act", "redis", "FLUSHDB", lambda: self.cache.execute_command("FLUSHDB")),
            Hand("route", "gateway", "api.sent_to",
                 lambda: httpx.post(f"{gateway}/pools/api/use?pool=backup-api"), "backup-api"),
            Hand("route", "net", "api-db.path", lambda: httpx.post(f"{net}/edges/api-db/failover"), "B", "A"),
            Hand("limit", "batch", "memory limit", lambda: self.runtime.limits("batch", 300), "300 MB"),
            Hand("spec", "loadgen", "restart policy", self.edit("processes.yaml", services__loadgen__autorestart=False),
                 "never"),
            Hand("act", "batch", "run", lambda: self.runtime.restart("batch")),
            Hand("act", "backup-api", "stopped", lambda: self.runtime.stop("backup-api")),
            Hand("certificate", "gateway", "certificate of",
                 lambda: certify(self.folder, "other", 9), "CN=other", "CN=shop"),
        ]  # fmt: skip


@pytest.fixture
def row(transactional_db: None, shop: Running, tls_server: tuple[str, Path]) -> Iterator[System]:
    """The shop, watched; with a certificate to look at, which it has not of itself."""
    end, folder = tls_server
    certify(folder, "shop", 30)
    manifest = shop.root / "by-hand.yaml"
    data = yaml.safe_load((shop.root / "manifest.yaml").read_text())
    data["services"]["gateway"]["state"]["tls"] = [end]
    manifest.write_text(yaml.safe_dump(data))
    call_command("register_system", str(manifest), verbosity=0)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def watch() -> None:
        loop.run_until_complete(Watcher(services.load_all).run(stop))
        connections.close_all()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield System.objects.get(slug="shop")
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)


def test_one_of_each_kind_is_seen_with_its_difference(
    row: System, shop: Running, tls_server: tuple[str, Path], record_property: Callable[[str, object], None]
):
    with psycopg.connect(super_dsn(shop.site.layout, shop.site.secrets), autocommit=True) as admin:
        hands = Hands(shop, admin, *tls_server)
        admin.execute("create sequence shop.short as smallint")
        admin.execute("grant select on shop.short to prober")
        time.sleep(20)  # everything was read at least twice
        assert not ChangeRow.objects.exists(), list(ChangeRow.objects.values_list("words", flat=True))
        every = [*hands.files(), *hands.database(), *hands.others()]
        for hand in every:
            hand.begin()
        loaded = services.load("shop")
        told = reported.Report("build-1", "deploy", "9.9.9", "frontend")
        every += [
            Hand("deploy", "frontend", "9.9.9", lambda: reported.report(loaded, told)),
            Hand("act", "worker", "restart-service", lambda: _ours(row)),
        ]
        for hand in every[-2:]:
            hand.begin()
        end = time.time() + WITHIN_S + 2
        while sum(hand.seen() for hand in every) < len(every) and time.time() < end:
            time.sleep(0.1)
        lines = [hand.line() for hand in every]
        print("\n".join(["seconds  kind  what", *lines]))
        record_property("seen", lines)
        extra = set(ChangeRow.objects.values_list("words", flat=True)) - {h.row.words for h in every if h.row}
        print("\nbeside them:", *sorted(extra), sep="\n  ")
    assert all(hand.row for hand in every)
    late = [
        hand.line() for hand in every if hand.row and hand.row.noted_at.timestamp() - hand.began > WITHIN_S
    ]
    assert not late
    kept = repr(list(ChangeRow.objects.values())).encode()
    kept += b"".join(zlib.decompress(bytes(s.packed)) for s in SettledState.objects.all())
    for digest in ("md5", "sha1", "sha256"):  # Redis itself tells the last
        assert hashlib.new(digest, SECRET.encode()).hexdigest().encode() not in kept
    assert SECRET.encode() not in kept


def _ours(row: System) -> None:
    from django.utils import timezone

    acts.began(
        row.pk, "r-1", "worker", ["worker"], "restart-service on worker", timezone.now(), "restart-service"
    )
