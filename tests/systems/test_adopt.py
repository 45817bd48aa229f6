"""`./ops adopt`: a manifest out of what runs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from systems.adopt import draft, host_of
from systems.manifest import ManifestError, parse_manifest
from systems.services import from_manifest
from tests.systems.runtimes import docker_bench
from tests.systems.supervisor.harness import eventually


def container(image: str, ports: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    config = {"Image": image, "Env": [], "Labels": {}, "Cmd": []} | more
    bindings = {p: [{"HostIp": "", "HostPort": here}] for p, here in (ports or {}).items()}
    live = {p: [{"HostIp": "0.0.0.0", "HostPort": here}] for p, here in (ports or {}).items()}
    return {"Config": config, "HostConfig": {"PortBindings": bindings}, "NetworkSettings": {"Ports": live}}


def needs(label: str) -> dict[str, str]:
    return {"com.docker.compose.depends_on": label}


SHOP = {
    "web": container(
        "shop-web:1.2",
        {"8000/tcp": "18000"},
        Labels=needs("db:service_healthy:false,cache:service_started:true"),
        Healthcheck={"Test": ["CMD-SHELL", "curl -fsS 'http://localhost:8000/healthz' || exit 1"]},
    ),
    "db": container(
        "docker.io/pgvector/pgvector:pg16",
        {"5432/tcp": "15432"},
        Env=["POSTGRES_USER=app", "POSTGRES_DB=shop", "POSTGRES_PASSWORD=hunter2"],
        Healthcheck={"Test": ["CMD", "pg_isready"]},
    ),
    "cache": container("redis:7", {"6379/tcp": "16379"}),
    "mail": container("shop-mail", Labels=needs("gone:service_started:false")),
    "inner": container("shop-inner", Healthcheck={"Test": ["CMD", "wget", "-q", "http://127.0.0.1:9/ping"]}),
}


def test_a_draft_tells_what_runs() -> None:
    text = draft(SHOP, "shop.yaml", {"project": "My_Shop"})
    manifest = parse_manifest(text)
    assert manifest.system == "my-shop"
    assert manifest.runtime.options() == {"project": "My_Shop"}
    web, db, cache = (manifest.services[n] for n in ("web", "db", "cache"))
    assert (web.kind, web.depends_on, web.unit) == ("http", ["db", "cache"], "web")
    assert web.http
    assert web.http.url == "http://127.0.0.1:18000/healthz"
    assert (db.kind, db.tcp, db.postgres) == ("postgres", "127.0.0.1:15432", None)
    assert (cache.kind, cache.redis and cache.redis.url) == ("redis", "redis://127.0.0.1:16379/0")
    assert (manifest.services["mail"].kind, manifest.services["mail"].depends_on) == ("worker", [])
    assert manifest.front_door == "http://127.0.0.1:18000/healthz"
    assert manifest.journeys[0].steps[0].get == manifest.front_door


def test_a_draft_holds_no_secret_and_says_what_is_missing() -> None:
    locked = SHOP | {"cache": container("redis:7", {"6379/tcp": "1"}, Cmd=["--requirepass", "hunter2"])}
    text = draft(locked, "shop.yaml", {"project": "shop"})
    assert "hunter2" not in text
    assert '# postgres: {dsn: "postgresql://app:${DB_PASSWORD}@127.0.0.1:15432/shop"}' in text
    assert '# redis: {url: "redis://:${CACHE_PASSWORD}@127.0.0.1:1/0"}' in text
    assert "http://127.0.0.1:9/ping" in text
    assert "./ops manage register_system shop.yaml" in text
    assert parse_manifest(text).services["cache"].redis is None


def test_part_of_a_project_on_another_machine() -> None:
    part = {name: SHOP[name] | {} for name in ("web", "db")}
    part["web"]["Config"] = part["web"]["Config"] | {
        "Labels": needs("shop-db:service_healthy:true,mail:x:true")
    }
    runtime = {"project": "all", "prefix": "shop-", "engine": "tcp://10.0.0.7:2376"}
    text = draft(part, "shop.yaml", runtime)
    manifest = parse_manifest(text)
    assert (manifest.system, manifest.runtime.options()) == ("shop", runtime)
    assert manifest.services["web"].depends_on == ["db"]
    assert manifest.front_door == "http://10.0.0.7:18000/healthz"
    assert "ports published on 10.0.0.7" in text
    assert [host_of(e) for e in (None, "unix:///x.sock", "tcp://h:1")] == ["127.0.0.1", "127.0.0.1", "h"]


def test_seen_from_inside_nothing_need_be_published() -> None:
    hidden = {
        "web": container("shop-web", Healthcheck=SHOP["web"]["Config"]["Healthcheck"]),
        "web-2": container("shop-web", Healthcheck=SHOP["web"]["Config"]["Healthcheck"])
        | {"Name": "/shop-web-2"},
        "db": container("postgres:18", ExposedPorts={"5432/tcp": {}}, Env=["POSTGRES_USER=app"]),
        "cache": container("redis:8", {"6379/tcp": "0"}, ExposedPorts={"6379/tcp": {}}),
    }
    hidden["web-2"]["Config"]["Labels"] = {
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "2",
    }
    for raw in hidden.values():
        raw["NetworkSettings"]["Networks"] = {"shop_default": {}}
    text = draft(hidden, "shop.yaml", {"project": "shop"}, inside=True)
    manifest = parse_manifest(text)
    urls = {name: s.http.url for name, s in manifest.services.items() if s.http}
    assert urls == {"web": "http://web:8000/healthz", "web-2": "http://shop-web-2:8000/healthz"}
    assert manifest.services["db"].tcp == "db:5432"
    assert "postgresql://app:${DB_PASSWORD}@db:5432/app" in text
    assert manifest.services["cache"].redis
    assert manifest.services["cache"].redis.url == "redis://cache:6379/0"
    assert "own networks (shop_default)" in text
    assert "another number" not in text


def test_a_port_that_changes_is_pointed_out() -> None:
    loose = container("x", {"80/tcp": "49153"})
    loose["HostConfig"]["PortBindings"] = {"80/tcp": [{"HostIp": "", "HostPort": ""}]}
    assert "port 80 gets another number" in draft({"web": loose}, "-", {"project": "shop"})
    assert "another number" not in draft(SHOP, "-", {"project": "shop"})


def test_no_engine_and_no_project_are_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="no Docker engine answers"):
        call_command("adopt", "shop", engine=f"unix://{tmp_path}/none.sock")
    (tmp_path / "shop.yaml").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        call_command("adopt", "shop")
    assert (tmp_path / "shop.yaml").read_text() == "mine"


def test_a_running_project_is_adopted_breaks_and_is_repaired(tmp_path: Path) -> None:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("adopt") as project:
        image, always = project.image("1.0"), {"Name": "unless-stopped"}
        project.container("db", docker_bench.SLEEPER, image=image, restart_policy=always)
        project.container(
            "web",
            docker_bench.TALKER,
            image=image,
            restart_policy=always,
            port_bindings={"8080/tcp": ("127.0.0.1", None)},
            labels=needs("db:service_started:false"),
        )
        out = tmp_path / "two.yaml"
        said = io.StringIO()
        call_command("adopt", project.project, out=str(out), stdout=said)
        assert "2 services" in said.getvalue()
        system = from_manifest(out)
        assert system.service("web").depends_on == ["db"]
        assert system.service("web").tcp
        runtime = system.runtime
        runtime.kill("web")
        eventually(lambda: runtime.state("web").state == "RUNNING" and runtime.state("web").restarts == 1)
        runtime.signal("db", "STOP")
        eventually(lambda: (s := runtime.stats("db")) and s.proc_state == "T")
        assert runtime.restart("db", grace_s=0.5).exit_code == -9
        eventually(lambda: (s := runtime.stats("db")) and s.proc_state == "S")
        with pytest.raises(CommandError, match="is it up"):
            call_command("adopt", f"{project.project}-not", out="-")


def test_a_name_that_yaml_would_misread_stays_a_name() -> None:
    manifest = parse_manifest(draft({"on": container("x"), "8": container("y")}, "-", {"project": "shop"}))
    assert set(manifest.services) == {"on", "8"}
    with pytest.raises(ManifestError):
        parse_manifest(draft({}, "-", {"project": "shop"}))
