"""Makes the secrets of the containers: `python -m opsportal.containers.secretfiles`, before everything else.

Each reader has a folder, and a volume, of its own. What portal.env gives is taken, the rest is made at the first
start and kept. Standard library only.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

FOLDER = Path("/secrets")
DATABASE, USER = "opsportal", "opsportal"
POSTGRES, REDIS = "portal-postgres:5432", "portal-redis:6379"
REDIS_CONF = """\
requirepass "{password}"
dir /data
appendonly yes
save ""
maxmemory 192mb
maxmemory-policy volatile-lru
"""


def write(path: Path, text: str) -> None:
    """Atomic; only the owner reads it."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def kept(path: Path, name: str, given: str | None) -> str:
    """The secret in `path`, made at the first call: `given`, else a random one. Later ones do not change it, because
    a server was set up with it; a `name` in portal.env that differs is told."""
    if not path.exists():
        write(path, given or secrets.token_urlsafe(32))
    found = path.read_text()
    if given and given != found:
        print(f"{name} is not used: what it protects was made with another one", file=sys.stderr)
    return found


def make(folder: Path, env: Mapping[str, str]) -> None:
    """The files below `folder`/portal, /postgres and /redis, which exist."""
    portal = folder / "portal"
    database = kept(folder / "postgres" / "password", "POSTGRES_PASSWORD", env.get("POSTGRES_PASSWORD"))
    cache = kept(folder / "redis" / "password", "REDIS_PASSWORD", env.get("REDIS_PASSWORD"))
    escaped = cache.replace("\\", "\\\\").replace('"', '\\"')
    write(folder / "redis" / "redis.conf", REDIS_CONF.format(password=escaped))
    own_postgres = f"postgresql://{USER}:{quote(database, safe='')}@{POSTGRES}/{DATABASE}"
    own_redis = f"redis://:{quote(cache, safe='')}@{REDIS}/0"
    write(portal / "database-url", env.get("DATABASE_URL") or own_postgres)
    write(portal / "redis-url", env.get("REDIS_URL") or own_redis)
    if given := env.get("OPSPORTAL_SECRET_KEY"):
        write(portal / "secret-key", given)
    kept(portal / "secret-key", "OPSPORTAL_SECRET_KEY", None)


if __name__ == "__main__":
    make(FOLDER, os.environ)
