"""The contract of every action, on the fake runtime with a real database and a real Redis; what needs jobs, links or
releases on disk is run for real in test_sandbox."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from actions import effects, gate, registry, service, vault
from actions.base import Action, ActionContext, ActionRefused
from actions.catalogue.database._passwords import is_replaceable, password_of, with_password
from actions.catalogue.jobs import move_to_dlq
from actions.models import ActionRequest, AuditEntry, Status
from systems import services
from systems.envfile import parse_env
from systems.models import ChangeRow
from systems.runtimes.base import ChildStat, UnitStats
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.actions.conftest import ROLE, SECRET, undone
from tests.actions.ledger import Ledger

pytestmark = pytest.mark.django_db
HERE = {
    "restart-service": ("web-1", {}),
    "rolling-restart": ("web", {}),
    "restart-db": ("db", {}),
    "restore-config": ("web", {}),
    "regenerate-env": ("web-2", {}),
    "clear-cache": ("cache", {"pattern": "product:*"}),
    "remove-damaged": ("cache", {"prefix": "draft:"}),
    "switch-to-fallback": ("bank", {}),
    "switch-to-primary": ("bank", {}),
    "roll-back-release": ("web", {}),
    "rotate-logs": ("web-1", {}),
    "requeue-inflight": ("crew", {}),
    "regenerate-db-creds": ("db", {}),
    "revert-change": ("front", {"change": "the newest"}),
}


@pytest.fixture
def world(system: LoadedSystem, runtime: FakeRuntime, settings: Any) -> Any:
    """Something for each action to do, and a database role outside the test's transaction."""
    client = effects.redis_client(system.service("cache"))
    client.set("product:1", "{}")
    client.set("sess:1", "{}")
    client.set("draft:1", '{"lines": [', ex=600)
    client.rpush("jobs:busy", "one", "two")
    system.path("log/web-1.log").write_text("noise\n" * 100)
    system.path("etc/web-1.yaml").write_text("delay_s: 6\nbank:\n  active: first\n")
    name = sql.Identifier(ROLE)
    role = psycopg.connect(system.service("db").postgres.dsn, autocommit=True)  # type: ignore[union-attr]
    role.execute(sql.SQL("drop role if exists {}").format(name))
    role.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(SECRET)))
    _changed(system, "etc/front.yaml")
    yield client
    client.delete("product:1", "sess:1", "draft:1", "jobs:busy", "jobs")
    role.execute(sql.SQL("drop role {}").format(name))
    role.close()


def _changed(system: LoadedSystem, name: str) -> None:
    """A file that the ledger has seen to change."""
    ledger, path = Ledger(system, ("files",)), system.path(name)
    for text in (path.read_text(), "delay_s: 9\nbank:\n  active: first\n"):
        path.write_text(text)
        os.utime(path, (time.time() - 9,) * 2)
        ledger()


def run(slug: str, target: str, params: dict[str, Any], alice: Any) -> ActionRequest:
    request = service.propose("tiny", slug, target, params, requested_by="agent")
    if request.status == Status.WAITING:
        request = service.decide(request.pk, alice, True)
    assert request.status == Status.APPROVED, request.status_why
    return service.execute(request.pk)


@pytest.mark.parametrize("slug", HERE)
def test_contract(system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any, slug: str) -> None:
    target, params = HERE[slug]
    if "change" in params:
        params = {"change": str(ChangeRow.objects.latest("pk").pk)}
    shown = service.preview("tiny", slug, target, params)
    for part in ("command", "changes", "blast_radius", "undo", "if_rejected", "risk", "risk_why"):
        assert shown[part], part
    assert set(shown["blast_radius"]) <= set(system.services)
    request = run(slug, target, params, alice)
    assert request.status == Status.SUCCEEDED, request.result
    action = registry.get(slug)
    ctx = ActionContext(system, target, undo=request.undo)
    bound = action.Params.model_validate(request.params)
    assert action.read_back(ctx, bound) in ("applied", "not_applied")
    stored = json.dumps([request.preview, request.undo, request.result, shown])
    assert SECRET not in stored
    assert not AuditEntry.objects.filter(data__icontains=SECRET).exists()
    assert shown["undoable"] == action.undoable
    assert shown["undo"].startswith("Cannot be undone") != action.undoable
    if action.undoable:
        back = undone(request.pk, alice)
        assert back.status == Status.ROLLED_BACK, back.result
        return
    with pytest.raises(ActionRefused, match="cannot be undone"):
        undone(request.pk, alice)
    assert ActionRequest.objects.get(pk=request.pk).status == Status.SUCCEEDED
    assert service.not_to_be_rolled_back(request.pk)


EFFECTS = {
    "restart-service web-1": {"restart:web-1"},
    "restart-service db": {"restart:db"},
    "restart-db db": {"restart:db"},
    "rolling-restart web": {"restart:web-1", "restart:web-2"},
    "regenerate-env web": {"env:web-1", "env:web-2", "restart:web-1", "restart:web-2"},
    "restore-config web-1": {"config:web-1", "reload:web-1"},
    "regenerate-db-creds db": {f"credentials:db/{ROLE}", "restart:web-1", "restart:web-2"},
    "switch-to-fallback bank": {"provider:bank=fallback", "reload:web-1", "reload:web-2"},
    "roll-back-release web-1": {"release:web-1", "release:web-2", "restart:web-1", "restart:web-2"},
    "requeue-inflight crew": {"requeue:cache/jobs"},
    "requeue-inflight cache": {"requeue:cache/jobs"},
    "move-to-dlq crew": {"aside:cache/jobs"},
}


@pytest.mark.parametrize("wanted", EFFECTS)
def test_effects_say_what_comes_about_whatever_the_name(system: LoadedSystem, wanted: str) -> None:
    slug, target = wanted.split()
    action = registry.get(slug)
    params = action.Params(role=ROLE) if slug == "regenerate-db-creds" else action.Params()
    assert action.effects(ActionContext(system, target), params) == EFFECTS[wanted]


def test_every_action_says_its_effects_without_asking_the_target(system: LoadedSystem) -> None:
    """Also with parameters that nobody has made exact yet, and with everything down."""
    given = {"edge": "e", "job": "j", "application": "a", "process": "p", "pid": 7, "prefix": "pp:"}
    for action in registry.ACTIONS.values():
        assert type(action).effects is not Action.effects
        params = action.Params(**{k: v for k, v in given.items() if k in action.Params.model_fields})
        for target in action.targets(system):
            found = action.effects(ActionContext(system, target), params)
            assert found, action.slug
            assert all(":" in word and word == word.strip() for word in found)


def test_only_a_state_that_was_not_known_to_be_bad_is_put_back(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any
) -> None:
    damaged = run("restore-config", "web", {}, alice)  # the file of web-1 was another
    assert "web-1" in str(service.not_to_be_rolled_back(damaged.pk))
    again = run("restore-config", "web", {}, alice)  # now it was the golden copy already
    assert service.not_to_be_rolled_back(again.pk) is None
    system.path("etc/web-2.env").write_text("API_KEY=x\n")
    env = run("regenerate-env", "web-2", {}, alice)
    assert "web-2" in str(service.not_to_be_rolled_back(env.pk))
    good = run("regenerate-db-creds", "db", {}, alice)
    assert service.not_to_be_rolled_back(good.pk) is None
    with psycopg.connect(system.service("db").postgres.dsn, autocommit=True) as session:  # type: ignore[union-attr]
        session.execute(sql.SQL("alter role {} password 'another'").format(sql.Identifier(ROLE)))
    cured = run("regenerate-db-creds", "db", {}, alice)
    assert "log in" in str(service.not_to_be_rolled_back(cured.pk))
    release = run("roll-back-release", "web", {}, alice)
    assert service.not_to_be_rolled_back(release.pk)


def test_restored_configs_go_back_byte_for_byte(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any
) -> None:
    file = system.path("etc/web-1.yaml")
    before = file.read_bytes()
    request = run("restore-config", "web", {}, alice)
    assert "web-1: delay_s: 6 -> 0" in request.preview["changes"]
    assert file.read_bytes() == system.path("golden/web-1.yaml").read_bytes()
    assert ("signal", "web-1", request.fence) in runtime.calls
    undone(request.pk, alice)
    assert file.read_bytes() == before


def test_blast_radius_follows_the_dependencies(system: LoadedSystem, world: Any) -> None:
    assert set(service.preview("tiny", "restart-db", "db", {})["blast_radius"]) == {
        "db",
        "web-1",
        "web-2",
        "crew",
        "front",
    }
    assert service.preview("tiny", "restart-service", "front", {})["blast_radius"] == ["front"]


def test_rotation_changes_role_and_files_and_comes_back(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any
) -> None:
    def in_file(name: str) -> str:
        return password_of(parse_env(system.path(name).read_text())["DATABASE_URL"])

    def can(password: str) -> bool:
        dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
        try:
            psycopg.connect(dsn, user=ROLE, password=password).close()
        except psycopg.OperationalError:
            return False
        return True

    request = run("regenerate-db-creds", "db", {}, alice)
    new = in_file("etc/web-1.env")
    assert new != SECRET
    assert {in_file(f"{p}/web-{n}.env") for p in ("etc", "golden") for n in (1, 2)} == {new}
    assert "API_KEY=" + SECRET in system.path("etc/web-1.env").read_text()
    assert can(new)
    stored = json.dumps([request.preview, request.undo, request.result])
    assert new not in stored
    assert not AuditEntry.objects.filter(data__icontains=new).exists()
    assert [u for op, u, _ in runtime.calls if op == "restart"] == ["web-1", "web-2"]
    undone(request.pk, alice)
    assert in_file("etc/web-1.env") == SECRET


@pytest.mark.parametrize(
    ("done", "why"),
    [("nologin", "may not log in at all"), ("valid until '2001-02-03'", "ran out on 2001-02-03")],
)
def test_no_new_password_where_none_would_help(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any, done: str, why: str
) -> None:
    """Every consumer was restarted with a new one, for nothing."""
    with psycopg.connect(system.service("db").postgres.dsn, autocommit=True) as session:  # type: ignore[union-attr]
        session.execute(f"alter role {ROLE} {done}".encode())
    request = service.propose("tiny", "regenerate-db-creds", "db", {}, requested_by="agent")
    assert request.status == Status.REFUSED and why in request.status_why
    assert runtime.calls == []


def test_a_new_password_is_tried_before_anybody_is_interrupted(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any
) -> None:
    """A login that is refused for another reason, which nobody saw, is no better with another password."""
    with psycopg.connect(system.service("db").postgres.dsn, autocommit=True) as session:  # type: ignore[union-attr]
        session.execute(f"alter role {ROLE} set session_preload_libraries = 'no_such_library'".encode())
    before = system.path("etc/web-1.env").read_text()
    request = run("regenerate-db-creds", "db", {}, alice)
    assert request.status == Status.FAILED and "nobody was restarted" in str(request.result)
    assert system.path("etc/web-1.env").read_text() == before
    assert runtime.calls == []


def test_credentials_are_rotated_where_a_golden_copy_is_missing(
    system: LoadedSystem, world: Any, alice: Any
) -> None:
    """It is not made either: what stood in it besides is not known."""
    gone = system.path("golden/web-1.env")
    gone.unlink()
    assert run("regenerate-db-creds", "db", {}, alice).status == Status.SUCCEEDED
    assert SECRET not in parse_env(system.path("golden/web-2.env").read_text())["DATABASE_URL"]
    assert not gone.exists()


def test_a_rotation_that_breaks_off_puts_the_old_password_back(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new password on the server and old ones in the files keep everybody out."""
    files = [system.path(f"etc/web-{n}.env") for n in (1, 2)]
    before, whole, tried = [f.read_bytes() for f in files], effects.write_whole, []

    def write(path: Path, content: bytes, mode: int | None = None) -> None:
        tried.append(path)
        if len(tried) == 2:
            raise OSError(28, "No space left on device")
        whole(path, content, mode)

    monkeypatch.setattr(effects, "write_whole", write)
    request = run("regenerate-db-creds", "db", {}, alice)
    assert request.status == Status.FAILED, request.status_why
    assert "No space left" in request.status_why and "old password again" in request.status_why
    assert [f.read_bytes() for f in files] == before and runtime.calls == []
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    psycopg.connect(dsn, user=ROLE, password=SECRET).close()


def test_a_role_with_an_old_kind_of_verifier_gets_it_back_as_it_was(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """md5, as databases that were upgraded for ten years still hold."""
    md5 = f"md5{hashlib.md5((SECRET + ROLE).encode()).hexdigest()}"
    db = system.service("db")
    with effects.admin(db) as session:
        session.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(ROLE), sql.Literal(md5)))
    monkeypatch.setattr(effects, "put_files", lambda *_: (_ for _ in ()).throw(OSError("no")))
    request = run("regenerate-db-creds", "db", {}, alice)
    assert request.status != Status.SUCCEEDED
    with effects.admin(db) as session:
        row = session.execute("select rolpassword from pg_authid where rolname = %s", [ROLE]).fetchone()
    assert row == (md5,)


def test_half_a_rotation_is_neither_done_nor_undone(
    system: LoadedSystem, runtime: FakeRuntime, world: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the server has the new password and no file does: nobody can log in, and a person is told."""
    request = service.propose("tiny", "regenerate-db-creds", "db", {}, requested_by="agent")
    if request.status == Status.WAITING:
        request = service.decide(request.pk, alice, True)
    bound = gate.bind_again(request)
    bound.ctx.undo = bound.prepare()
    assert bound.read_back() == "not_applied", "nothing has been done"

    def killed(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(effects, "put_files", killed)
    with pytest.raises(SystemExit):
        bound.execute()
    assert bound.read_back() == "unknown"


@pytest.mark.parametrize(
    ("value", "may"),
    [
        ("postgresql://u:old@h:1/d", True),
        ("postgresql://u@h/d", True),
        ("s3cr3t=with/signs", True),
        ("", True),
        ("host=db user=app password=old dbname=x", False),
        ("postgresql:///x?host=/run&user=app&password=old", False),
        ("postgresql://h/d?user=app&password=old", False),
    ],
)
def test_only_where_its_password_stands_is_known_a_value_is_rewritten(value: str, may: bool) -> None:
    assert is_replaceable(value) is may


@pytest.mark.parametrize("password", ["p@ss:/?#[]%", "ünï", "plain", "a b"])
def test_passwords_are_quoted_into_urls(password: str) -> None:
    text = "A=1\nexport DSN='postgresql://u:old@h:1/d?x=1'\nDSN2=keep\n"
    changed = with_password(text, "DSN", password)
    value = parse_env(changed)["DSN"]
    assert password_of(value) == password
    assert value.endswith("@h:1/d?x=1")
    assert parse_env(changed)["DSN2"] == "keep"
    assert parse_env(with_password("PW=old\n", "PW", password))["PW"] == password


def test_queue_and_session_keys_are_safe(system: LoadedSystem, world: Any, alice: Any) -> None:
    for pattern in ("sess:*", "jobs*", "jobs:*"):
        request = service.propose("tiny", "clear-cache", "cache", {"pattern": pattern}, requested_by="agent")
        assert request.status == Status.REFUSED, pattern
    run("clear-cache", "", {}, alice)
    assert world.exists("sess:1")
    assert world.lrange("jobs:busy", 0, -1) == [b"one", b"two"]
    assert not world.exists("product:1")


def test_requeue_keeps_the_order_and_every_message(system: LoadedSystem, world: Any, alice: Any) -> None:
    request = run("requeue-inflight", "crew", {}, alice)
    assert request.result and request.result["data"]["moved"] == 2
    assert world.lrange("jobs", 0, -1) == [b"one", b"two"]
    assert world.llen("jobs:busy") == 0


def test_a_message_in_hand_is_not_called_gone(
    system: LoadedSystem, world: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between being taken and being put back it is in no queue; the second look finds it."""
    world.delete("jobs", "jobs:busy")
    listed, looks = move_to_dlq._listed, []

    def at_first_nothing(client: Any, key: str) -> list[bytes]:
        looks.append(key)
        return [] if len(looks) <= 2 else listed(client, key)

    world.lpush("jobs", "bad")
    monkeypatch.setattr(move_to_dlq, "_listed", at_first_nothing)
    params = {"messages": [hashlib.sha256(b"bad").hexdigest()[:16]]}
    asked = service.propose("tiny", "move-to-dlq", "crew", params, requested_by="agent")
    assert asked.status == Status.APPROVED, asked.status_why
    world.delete("jobs")
    gone = service.propose("tiny", "move-to-dlq", "crew", params, requested_by="alice")
    assert gone.status == Status.REFUSED and "in none of its queues" in gone.status_why


def test_a_message_that_comes_back_each_time_is_set_aside_and_can_be_put_back(
    system: LoadedSystem, world: Any, alice: Any
) -> None:
    """A consumer that puts it back at once, and finishes all others."""
    ended = threading.Event()

    def consume() -> None:
        with effects.redis_client(system.service("cache")) as client:
            while not ended.is_set():
                raw = client.blmove("jobs", "jobs:busy", 0.2, "RIGHT", "LEFT")
                time.sleep(0.03)
                if raw is not None:
                    client.lrem("jobs:busy", 1, raw)
                    if raw == b"bad":
                        client.rpush("jobs", raw)

    world.delete("jobs:busy")
    world.lpush("jobs", "bad", *(f"good {number}" for number in range(20)))
    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        request = run("move-to-dlq", "crew", {}, alice)
        assert request.params["messages"] == [hashlib.sha256(b"bad").hexdigest()[:16]]
        assert world.lrange("jobs:dead", 0, -1) == [b"bad"]
        deadline = time.monotonic() + 5
        while world.llen("jobs") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert world.llen("jobs") == 0
        with pytest.raises(service.ActionRefused, match="no message came back"):
            service.preview("tiny", "move-to-dlq", "crew", {})
    finally:
        ended.set()
        consumer.join()
    assert undone(request.pk, alice).status == Status.ROLLED_BACK
    assert world.lrange("jobs", 0, -1) == [b"bad"]
    assert not world.exists("jobs:dead")


def test_session_that_we_may_not_end_is_not_tried(base: Path, system: LoadedSystem) -> None:
    """A superuser's, where the portal's role is none: said before, with who could."""
    role, dsn = f"mender_{ROLE}", system.service("db").postgres.dsn  # type: ignore[union-attr]
    with psycopg.connect(dsn, application_name="left-over", autocommit=True) as other:
        other.execute(f"drop role if exists {role}")
        other.execute(f"create role {role} login password 'x' in role pg_read_all_stats")
        try:
            secrets = base / "secrets.env"
            parts = urlsplit(dsn)
            own = parts._replace(netloc=f"{role}:x@{parts.netloc.rpartition('@')[2]}").geturl()
            secrets.write_text(secrets.read_text().replace(dsn, own))
            services._cache.clear()
            services.register(base / "manifest.yaml")
            said = rf"is a superuser's, and {role} may not end it"
            with pytest.raises(service.ActionRefused, match=said):
                service.preview("tiny", "kill-session", "db", {"pid": other.info.backend_pid})
            other.execute("select 1")
        finally:
            other.execute(f"drop role {role}")


def test_sessions_are_ended_by_identity(system: LoadedSystem, alice: Any) -> None:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    other = psycopg.connect(dsn, application_name="left-over", autocommit=True)
    request = run("kill-session", "db", {"pid": other.info.backend_pid}, alice)
    assert request.status == Status.SUCCEEDED
    assert request.params["started"]
    with pytest.raises(psycopg.OperationalError):
        other.execute("select 1")
    with pytest.raises(service.ActionRefused):
        service.propose("tiny", "kill-session", "db", {"pid": other.info.backend_pid}, requested_by="agent")
    recycled = {"pid": connection.connection.info.backend_pid, "started": "2001-01-01T00:00:00+00:00"}
    assert (
        service.propose("tiny", "kill-session", "db", recycled, requested_by="agent").status == Status.REFUSED
    )


def _child(system: LoadedSystem, runtime: FakeRuntime) -> subprocess.Popen[bytes]:
    """A real process that the fake runtime calls a child of `crew`."""
    child = subprocess.Popen(["sleep", "600"])
    stat = ChildStat(child.pid, "thumbs", "sleep 600", 99.0, 10.0, "R")
    runtime.set_stats("crew", UnitStats(0.0, 20.0, 1, 8, "S", children=[stat]))
    return child


def test_a_child_process_is_ended_by_identity(system: LoadedSystem, runtime: FakeRuntime, alice: Any) -> None:
    runtime.near = True
    child = _child(system, runtime)
    try:
        stale = {"process": "thumbs", "pid": child.pid, "started": 1.0}  # somebody else's pid by now
        refused = service.propose("tiny", "kill-process", "crew", stale, requested_by="agent")
        assert (refused.status, "ended by itself" in refused.status_why) == (Status.REFUSED, True)
        assert child.poll() is None
        request = run("kill-process", "crew", {"process": "thumbs"}, alice)
        assert (request.status, request.params["pid"]) == (Status.SUCCEEDED, child.pid)
        assert child.wait(20) == -signal.SIGKILL
    finally:
        child.kill()


def test_of_several_of_one_name_the_one_that_matters_is_meant(
    system: LoadedSystem, runtime: FakeRuntime
) -> None:
    runtime.near = True
    children = [subprocess.Popen(["sleep", "600"]) for _ in range(3)]
    try:
        sizes = [(90.0, 5.0, None), (1.0, 80.0, None), (2.0, 900.0, 3.0)]  # CPU, resident, of which its own
        stats = [
            ChildStat(child.pid, "thumbs", "sleep 600", cpu, rss, "R", private)
            for child, (cpu, rss, private) in zip(children, sizes, strict=True)
        ]
        runtime.set_stats("crew", UnitStats(0.0, 20.0, 1, 8, "S", children=stats))
        for most, nth in (("cpu", 0), ("memory", 1)):
            params = {"process": "thumbs", "most": most}
            request = service.propose("tiny", "kill-process", "crew", params, requested_by="agent")
            assert request.params["pid"] == children[nth].pid
    finally:
        for child in children:
            child.kill()


def test_no_process_of_a_database_server_is_killed(system: LoadedSystem, runtime: FakeRuntime) -> None:
    """It would end every session: the server starts over when one of its processes dies so."""
    runtime.near = True
    child = _child(system, runtime)
    try:
        runtime.set_stats("db", UnitStats(0.0, 20.0, 1, 8, "S", children=runtime.stats("crew").children))
        action = registry.get("kill-process")
        assert "db" not in action.targets(system)
        with pytest.raises(service.ActionRefused):
            service.propose("tiny", "kill-process", "db", {"process": "thumbs"}, requested_by="agent")
        known = {"process": "thumbs", "pid": child.pid, "started": 1.0}
        with pytest.raises(ActionRefused, match="ends every session"):
            action.check(ActionContext(system, "db"), action.Params(**known))
        assert child.poll() is None
    finally:
        child.kill()


def test_a_process_of_another_machine_is_not_ended_here(system: LoadedSystem, runtime: FakeRuntime) -> None:
    """Its pid belongs to somebody else on this one."""
    child = _child(system, runtime)
    try:
        action = registry.get("kill-process")
        assert action.targets(system) == []
        assert registry.expand(action, system, "crew", {}) == []
        with pytest.raises(service.ActionRefused, match="does not run on 'crew'"):
            service.propose("tiny", "kill-process", "crew", {"process": "thumbs"}, requested_by="agent")
        with pytest.raises(service.ActionRefused, match="restart the service instead"):
            action.bind(ActionContext(system, "crew"), action.Params(process="thumbs"))
        runtime.near = True
        request = service.propose("tiny", "kill-process", "crew", {"process": "thumbs"}, requested_by="agent")
        runtime.near = False  # between the plan and the act
        done = service.execute(request.pk)
        assert done.status not in (Status.SUCCEEDED, Status.WAITING)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_idle_sessions_of_one_application_only(system: LoadedSystem, alice: Any) -> None:
    dsn = system.service("db").postgres.dsn  # type: ignore[union-attr]
    idle = [psycopg.connect(dsn, application_name="web-1", autocommit=True) for _ in range(3)]
    busy = psycopg.connect(dsn, application_name="web-1")
    busy.execute("select 1")
    other = psycopg.connect(dsn, application_name="fine", autocommit=True)
    request = run("kill-idle-connections", "db", {"application": "web-1"}, alice)
    assert request.preview["loss"] == {"sessions": 3}
    assert request.result and request.result["data"]["ended"] == 3
    assert (request.risk, request.result["lost"]) == ("medium", {"sessions": 3})
    busy.execute("select 1")
    other.execute("select 1")
    for session in (*idle, busy, other):
        session.close()
    with pytest.raises(service.ActionRefused, match="must be one of"):
        service.propose(
            "tiny", "kill-idle-connections", "db", {"application": "'; drop"}, requested_by="agent"
        )


def test_the_vault_is_closed_to_others(system: LoadedSystem) -> None:
    ref = vault.put({"a": b"\x00\xff"})
    assert vault.get(ref) == {"a": b"\x00\xff"}
    assert vault.path(ref).stat().st_mode & 0o777 == 0o600
    assert vault.path(ref).parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ValueError, match="reference"):
        vault.get("../../etc/passwd")


def test_the_vault_forgets_what_is_too_old_to_be_undone(
    system: LoadedSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = vault.put({"a": 1}), vault.put({"a": 2})
    past = time.time() - (vault.KEEP_DAYS + 1) * 86400
    os.utime(vault.path(old), (past, past))
    monkeypatch.setattr(vault, "_pruned", -vault.PRUNE_EVERY_S)
    service.sweep()
    assert not vault.path(old).exists()
    assert vault.get(new) == {"a": 2}
    assert vault.prune() == 0


def test_whole_files_keep_mode_and_leave_nothing_behind(system: LoadedSystem) -> None:
    file = system.path("etc/web-1.yaml")
    file.chmod(0o604)
    effects.write_whole(file, b"x")
    assert file.stat().st_mode & 0o777 == 0o604
    assert not list(file.parent.glob(".*.tmp"))
