"""`prepare` writes everything a shop needs; run again, it keeps ports, secrets and data. `reset`: as on day one.

As processes: databases too. As containers: files only; `fill` makes the database once its container answers. Compose
runs both again whenever somebody says `up`, also while the shop runs and something in it is broken or being repaired:
what is there already is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from . import authority, containers, database, files, manifest, pictures, postgres, processes, releases
from .containers import Containers
from .control import Control
from .engine import Engine
from .layout import EDGES, OFFSETS, Layout, answers, find_free_base, port_is_free
from .names import OWN, Names, drawn
from .secrets import Secrets

FOLDERS = ("etc/postgres", "golden", "log", "run/clock", "snapshots", "vol/redis", "vol/thumbs", "vol/exports",
           "vol/logs", "vol/spool", "world/etc", "world/log", "world/run", "world/vol")  # fmt: skip

CONTAINER_FOLDERS = [
    name for name in FOLDERS if name not in ("log", "world/log", "world/run")
]  # logs are the engine's


@dataclass(frozen=True)
class Site:
    """One prepared shop. The programs are those of processes; containers bring their own."""

    layout: Layout
    secrets: Secrets
    pg_bin: Path = Path()
    redis_server: Path = Path()


def load(root: Path) -> Site | None:
    """What site.json says, None when there is none."""
    root = root.resolve()
    path = root / "site.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    secrets = Secrets.of(data["secrets"])
    if data.get("driver") == "docker":
        return Site(Containers(root, containers.BASE, str(data["project"]), data["published"]), secrets)
    layout = Layout(root, int(data["port_base"]), names=_named(data.get("names_seed")))
    return Site(layout, secrets, Path(data["pg_bin"]), Path(data["redis_server"]))


def prepare_containers(root: Path, project: str, published: int | None = None) -> Containers:
    """The files of a shop in containers. `published`: first port on this machine; an earlier one is kept when it is
    free and not below that, or none is given. OSError when no such block of ports is free."""
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    old = load(root)
    known = old.layout.published if old and isinstance(old.layout, Containers) else None
    if published is not None and (known is None or known < published or not port_is_free(known)):
        known = find_free_base(published)
    layout = Containers(root, containers.BASE, project, known)
    for folder in CONTAINER_FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    write_files(Site(layout, old.secrets if old else Secrets()), keep=True)
    return layout


def fill(root: Path, pg_bin: Path) -> None:
    """Roles, schema, data and snapshot in the database container; run inside the containers' network."""
    site = load(root)
    if site is None or not isinstance(site.layout, Containers):
        raise FileNotFoundError(f"{root}: no shop in containers was prepared here")
    database.furnish(site.layout.inside(), site.secrets, pg_bin, keep=True)


def prepare(
    root: Path, port_base: int, pg_bin: Path, redis_server: Path, names_seed: int | None = None
) -> Layout:
    """Idempotent. `names_seed`: under other names than its own, drawn from that. OSError when no ports are free,
    PostgresFailed when the database cannot be made."""
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    old = load(root)
    if old is None:
        layout, secrets = _placed(root, port_base, _named(names_seed)), Secrets()
    elif _keeps_ports(old.layout):
        layout, secrets = old.layout, old.secrets
    else:
        layout, secrets = _placed(root, port_base, old.layout.names), old.secrets
    for folder in FOLDERS:
        layout.at(folder).mkdir(parents=True, exist_ok=True)
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
    return all(port_is_free(layout.base + offset) for offset in layout.offsets.values())


def _named(seed: int | None) -> Names:
    return OWN if seed is None else drawn(seed, OFFSETS, EDGES)


def _placed(root: Path, port_base: int, names: Names) -> Layout:
    """OSError when there is no block of free ports."""
    offsets = (names.offsets or OFFSETS).values()
    return Layout(root, find_free_base(port_base, offsets=offsets), names=names)


def write_files(site: Site, *, keep: bool = False) -> None:
    """etc, golden, releases, the process files, the manifest and site.json. `keep`: what is in etc is left alone
    unless this version of the shop wants another text than the one it was written from."""
    layout, root = site.layout, site.layout.root
    wanted = files.etc_files(layout, site.secrets)
    golden = wanted | {layout.names.path("etc/postgres/tuning.conf"): layout.text(files.PG_CONF)}
    kept = {name for name, text in wanted.items() if keep and _reads(layout.at(f"golden/{name}")) == text}
    for name in wanted.keys() - kept:
        _write(layout.at(name), wanted[name], private=name.endswith((".env", "redis.conf")))
    authority.provide(layout, keep=keep)
    sums = []
    for name, text in golden.items():
        _write(layout.at(f"golden/{name}"), text, private=name.endswith((".env", "redis.conf")))
        sums.append(f"{hashlib.sha256(text.encode()).hexdigest()}  {layout.names.path(name)}\n")
    _write(root / "golden/SHA256SUMS", "".join(sums))
    plain = manifest.manifest(layout)
    if isinstance(layout, Containers):
        plain = containers.manifest(layout, plain)
        _write(root / "etc/postgres/postgresql.conf", files.postgresql_conf(layout))
        _write(root / containers.PASSWORD_FILE, site.secrets.super_password, private=True)
        _write(root / "published.yaml", _yaml(containers.published_ports(layout)))
    else:
        releases.write(layout)
        if not layout.pg_conf.is_relative_to(root):
            _write(layout.pg_conf, layout.text(files.PG_CONF))
        _write(
            root / "processes.yaml",
            _yaml(layout.called(processes.inside(layout, site.pg_bin, site.redis_server))),
        )
        _write(root / "world/processes.yaml", _yaml(layout.called(processes.world(layout))))
    pictures.write(layout, keep=keep)
    _write(root / "secrets.env", layout.text(manifest.secrets_env(layout, site.secrets)), private=True)
    _write(root / "manifest.yaml", _yaml(plain))
    _write(root / "site.json", json.dumps(site_facts(site), indent=1), private=True)


def site_facts(site: Site) -> dict[str, Any]:
    """site.json: everything about the site, secrets of the superuser included."""
    layout, secrets = site.layout, site.secrets
    found = {
        "addresses": {name: layout.seen(name) for name in OFFSETS},
        "super_dsn": postgres.super_dsn(layout, secrets),
        "redis_url": f"redis://:{secrets.redis_password}@{layout.seen('redis')}/0",
        "secrets": secrets.as_dict(),
    }
    if isinstance(layout, Containers):
        return found | containers.facts(layout)
    return found | {
        "driver": "process",
        "port_base": layout.base,
        "pg_bin": str(site.pg_bin),
        "redis_server": str(site.redis_server),
        "supervisor_socket": str(layout.socket_path()),
        "world_socket": str(layout.socket_path(world=True)),
        "wires": {name: str(layout.root / f"run/wire-{layout.names.word(name)}.pid") for name in EDGES},
        "volumes": {name: str(layout.root / "vol" / name) for name in containers.VOLUMES},
        "names": layout.names.as_json(),
        "names_seed": layout.names.seed,
    }


def reset(root: Path, pg_bin: Path | None = None) -> list[str]:
    """Golden files, releases, database, cache and queue as on the first day, whether the shop runs or not.

    Returns the services that were restarted. FileNotFoundError when nothing was prepared there; OSError when it is
    made of containers and these do not run. `pg_bin`: where psql is, for containers.
    """
    site = load(root)
    if site is None:
        raise FileNotFoundError(f"{root}: no shop was prepared here")
    write_files(site)
    for name in ("vol/thumbs", "vol/exports", "vol/logs", "vol/spool", "run/clock", "world/vol"):
        for path in (site.layout.root / name).glob("*"):
            path.unlink(missing_ok=True)  # a spool is sent meanwhile
    if isinstance(site.layout, Containers):
        return _reset_containers(replace(site, pg_bin=pg_bin or Path()), Engine(site.layout.project))
    return _reset_processes(site)


def remove(root: Path) -> None:
    """A shop of processes that does not run, with what it has outside of its folder. OSError when it runs."""
    layout = Layout(root.resolve(), 0)
    if any(answers(layout.socket_path(world)) for world in (False, True)):
        raise OSError(f"{root}: this shop runs; stop it first")
    for folder in (layout.root, layout.short):
        if folder.exists():
            shutil.rmtree(folder)


def _reset_processes(site: Site) -> list[str]:
    layout, called = site.layout, site.layout.names.word
    inner, outer = Control(layout.socket_path()), Control(layout.socket_path(world=True))
    running = inner.alive()
    known = [(called(service), version) for service, version in releases.ALL]
    for folder in (layout.root / "releases").iterdir():
        for version in folder.iterdir():
            if version.name != "current" and (folder.name, version.name) not in known:
                shutil.rmtree(version)
    restarted = [*outer.restart_all("")] if outer.alive() else []
    if running:
        restarted += inner.restart_and_wait(called("postgres"), layout.port("postgres"))
    database.restore(layout, site.secrets, site.pg_bin)
    layout.at("vol/redis/dump.rdb").unlink(missing_ok=True)
    if running:
        restarted += inner.restart_and_wait(called("redis"), layout.port("redis"))
        _empty_redis(site)
        restarted += inner.restart_all(called("net"), skip=[called("postgres"), called("redis")])
    return restarted


def _reset_containers(site: Site, engine: Engine) -> list[str]:
    stores = [f"{containers.PREFIX}{name}" for name in ("postgres", "redis")]
    engine.restart(stores)
    database.refurnish(site.layout, site.secrets, site.pg_bin)
    _empty_redis(site)
    rest = [
        name for name in engine.services() if name not in stores and not name.endswith(("-setup", "-fill"))
    ]
    rest = [name for name in rest if name.startswith((containers.PREFIX, containers.WORLD_PREFIX))]
    engine.restart(rest)
    return stores + rest


def _empty_redis(site: Site) -> None:
    """Leave no key behind, whatever it saved on its way down."""
    import redis
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    url = str(site_facts(site)["redis_url"])
    patience = Retry(ConstantBackoff(0.2), 50)
    with redis.Redis.from_url(url, socket_timeout=5, retry=patience) as client:
        client.flushall()


def _write(path: Path, text: str, *, private: bool = False) -> None:
    """In one step, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o600 if private else 0o644)
    os.replace(fresh, path)  # noqa: PTH105 - the same


def _reads(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _yaml(data: dict[str, Any]) -> str:
    return str(yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False, width=110, allow_unicode=True))
