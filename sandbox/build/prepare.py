"""`prepare` writes everything a shop needs; run again, it keeps ports, secrets and data. `reset`: as on day one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import database, files, manifest, postgres, processes, releases
from .control import Control
from .layout import EDGES, OFFSETS, Layout, answers, find_free_base, port_is_free
from .secrets import Secrets

FOLDERS = ("etc/postgres", "golden", "log", "run", "snapshots", "vol/redis", "vol/thumbs", "vol/exports", "world/etc",
           "world/log", "world/run")  # fmt: skip


@dataclass(frozen=True)
class Site:
    """One prepared shop."""

    layout: Layout
    secrets: Secrets
    pg_bin: Path
    redis_server: Path


def load(root: Path) -> Site | None:
    """What site.json says, None when there is none."""
    path = root.resolve() / "site.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    layout = Layout(root.resolve(), int(data["port_base"]))
    return Site(layout, Secrets.of(data["secrets"]), Path(data["pg_bin"]), Path(data["redis_server"]))


def prepare(root: Path, port_base: int, pg_bin: Path, redis_server: Path) -> Layout:
    """Idempotent. OSError when no ports are free, PostgresFailed when the database cannot be made."""
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    old = load(root)
    if old is None:
        layout, secrets = Layout(root, find_free_base(port_base)), Secrets()
    elif _keeps_ports(old.layout):
        layout, secrets = old.layout, old.secrets
    else:
        layout, secrets = Layout(root, find_free_base(port_base)), old.secrets
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path in (layout.socket_path(), layout.socket_path(world=True)):
        path.parent.mkdir(parents=True, exist_ok=True)
    site = Site(layout, secrets, postgres.usable_bin(layout, pg_bin.resolve()), redis_server.resolve())
    write_files(site)
    postgres.initdb(layout, secrets, site.pg_bin)
    database.build(layout, secrets, site.pg_bin)
    return layout


def _keeps_ports(layout: Layout) -> bool:
    if answers(layout.socket_path()):
        return True
    return all(port_is_free(layout.base + offset) for offset in OFFSETS.values())


def write_files(site: Site) -> None:
    """etc, golden, releases, the process files, the manifest and site.json."""
    layout, root = site.layout, site.layout.root
    releases.write(layout)
    wanted = files.etc_files(layout, site.secrets)
    if not layout.pg_conf.is_relative_to(root):
        _write(layout.pg_conf, files.PG_CONF)
    golden = wanted | {"etc/postgres/tuning.conf": files.PG_CONF}
    sums = []
    for name, text in golden.items():
        _write(root / "golden" / name, text, private=name.endswith((".env", "redis.conf")))
        sums.append(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n")
    _write(root / "golden/SHA256SUMS", "".join(sums))
    for name, text in wanted.items():
        _write(root / name, text, private=name.endswith((".env", "redis.conf")))
    _write(root / "processes.yaml", _yaml(processes.inside(layout, site.pg_bin, site.redis_server)))
    _write(root / "world/processes.yaml", _yaml(processes.world(layout)))
    _write(root / "secrets.env", manifest.secrets_env(layout, site.secrets), private=True)
    _write(root / "manifest.yaml", _yaml(manifest.manifest(layout)))
    _write(root / "site.json", json.dumps(site_facts(site), indent=1), private=True)


def site_facts(site: Site) -> dict[str, Any]:
    """site.json: everything about the site, secrets of the superuser included."""
    layout, secrets = site.layout, site.secrets
    return {
        "root": str(layout.root),
        "port_base": layout.base,
        "ports": {name: layout.port(name) for name in OFFSETS},
        "pg_bin": str(site.pg_bin),
        "pg_data": str(layout.pg_home / "data"),
        "pg_conf": str(layout.pg_conf),
        "redis_server": str(site.redis_server),
        "super_dsn": postgres.super_dsn(layout, secrets),
        "app_dsn": f"postgresql://app:{secrets.app_password}@{layout.address('postgres')}/shop",
        "redis_url": f"redis://:{secrets.redis_password}@{layout.address('redis')}/0",
        "supervisor_socket": str(layout.socket_path()),
        "world_socket": str(layout.socket_path(world=True)),
        "processes": str(layout.root / "processes.yaml"),
        "world_processes": str(layout.root / "world/processes.yaml"),
        "snapshot": str(database.snapshot_file(layout)),
        "edges": {
            name: {
                "pidfile": str(layout.root / f"run/wire-{name}.pid"),
                "address": layout.address(name),
                "target": target,
            }
            for name, (_, target) in EDGES.items()
        },
        "app_connection_limit": database.APP_LIMIT,
        "secrets": secrets.as_dict(),
    }


def reset(root: Path) -> list[str]:
    """Golden files, releases, database, cache and queue as on the first day, whether the shop runs or not.

    Returns the services that were restarted. FileNotFoundError when nothing was prepared there.
    """
    site = load(root)
    if site is None:
        raise FileNotFoundError(f"{root}: no shop was prepared here")
    layout = site.layout
    inner, outer = Control(layout.socket_path()), Control(layout.socket_path(world=True))
    running = inner.alive()
    write_files(site)
    for folder in (layout.root / "releases").iterdir():
        for version in folder.iterdir():
            if version.name != "current" and (folder.name, version.name) not in releases.ALL:
                shutil.rmtree(version)
    for name in ("vol/thumbs", "vol/exports"):
        for path in (layout.root / name).iterdir():
            path.unlink()
    restarted = [*outer.restart_all()] if outer.alive() else []
    if running:
        restarted += inner.restart_and_wait("postgres", layout.port("postgres"))
    database.restore(layout, site.secrets, site.pg_bin)
    (layout.root / "vol/redis/dump.rdb").unlink(missing_ok=True)
    if running:
        restarted += _empty_redis(site, inner)
        restarted += inner.restart_all(skip=["postgres", "redis"])
    return restarted


def _empty_redis(site: Site, inner: Control) -> list[str]:
    """Restart it and leave no key behind, whatever it saved on its way down."""
    import redis

    restarted = inner.restart_and_wait("redis", site.layout.port("redis"))
    url = str(site_facts(site)["redis_url"])
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        client.flushall()
    return restarted


def _write(path: Path, text: str, *, private: bool = False) -> None:
    """In one step, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o600 if private else 0o644)
    os.replace(fresh, path)  # noqa: PTH105 - the same


def _yaml(data: dict[str, Any]) -> str:
    return str(yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False, width=110, allow_unicode=True))
