"""Roles, schema, seed data and the snapshot of the shop's database."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ..shop.migrate.__main__ import EXPECTED, files, migrate
from .layout import Layout
from .postgres import PostgresFailed, connect, running, super_dsn
from .secrets import Secrets
from .seed import GOODS, USERS, products, seed

Conn = psycopg.Connection[tuple[Any, ...]]
APP_LIMIT = 12


def build(layout: Layout, secrets: Secrets, pg_bin: Path) -> None:
    """Everything, on a server that may or may not run; does nothing to a database that is there already."""
    with running(layout, pg_bin):
        furnish(layout, secrets, pg_bin)


def furnish(layout: Layout, secrets: Secrets, pg_bin: Path, *, keep: bool = False) -> None:
    """Everything, on a server that runs. `keep`: roles that are there keep their password, which may be another by
    now."""
    with connect(super_dsn(layout, secrets, "postgres"), layout.names) as conn:
        roles(conn, secrets, keep=keep)
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = 'shop'").fetchone() is None:
            conn.execute("CREATE DATABASE shop OWNER app")
    with connect(super_dsn(layout, secrets), layout.names) as conn:
        conn.execute("REVOKE ALL ON DATABASE shop FROM PUBLIC")
        conn.execute("GRANT CONNECT ON DATABASE shop TO prober, ops_admin")
        conn.execute("GRANT CREATE ON DATABASE shop TO ops_admin")
        # who may log in from where is for superusers alone, unless it is granted
        conn.execute("GRANT SELECT ON pg_hba_file_rules TO prober")
        conn.execute("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO prober")
        fresh = _fingerprint()
        mark = snapshot_file(layout).with_name("built-from")
        outdated = not mark.exists() or mark.read_text() != fresh
        if outdated:
            conn.execute("DROP SCHEMA IF EXISTS shop CASCADE")
        fill(conn)
    if outdated:
        dump(layout, secrets, pg_bin)
        mark.write_text(fresh)


def _fingerprint() -> str:
    """Changes when migrations or seed data of this code differ from those a database was built from."""
    parts = [path.read_text() for path in files().values()] + [repr(products()), repr(GOODS), repr(USERS)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def roles(conn: Conn, secrets: Secrets, *, keep: bool = False) -> None:
    """app: the shop itself, owner of its schema. prober: reads only. ops_admin: repairs.

    ops_admin is no superuser: membership in `app` lets it restore the schema and change app's password (with the ADMIN
    option), pg_signal_backend lets it end sessions, pg_maintain lets it vacuum.
    """
    wanted = (
        ("app", secrets.app_password, f"CONNECTION LIMIT {APP_LIMIT}"),
        ("prober", secrets.prober_password, "CONNECTION LIMIT 10"),
        ("ops_admin", secrets.admin_password, "CREATEROLE CONNECTION LIMIT 10"),
    )
    for name, password, options in wanted:
        exists = conn.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
        if exists and keep:
            continue
        verb = "ALTER" if exists else "CREATE"
        conn.execute(
            sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(name), sql.SQL(options), sql.Literal(password)
            )
        )
    conn.execute("ALTER ROLE app SET lock_timeout = '2s'")
    conn.execute("GRANT pg_monitor TO prober, ops_admin")
    conn.execute("GRANT pg_signal_backend, pg_maintain TO ops_admin")
    conn.execute("GRANT app TO ops_admin WITH ADMIN OPTION")


def fill(conn: Conn) -> None:
    """Migrations and seed data as the role app, when the schema is missing."""
    conn.execute("SET ROLE app")
    if conn.execute("SELECT to_regnamespace('shop')").fetchone() == (None,):
        migrate(conn, "up", EXPECTED)
        seed(conn)
        grants(conn)
    conn.execute("RESET ROLE")


def grants(conn: Conn) -> None:
    """The prober may read the whole schema, later tables too."""
    conn.execute("GRANT USAGE ON SCHEMA shop TO prober")
    conn.execute("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO prober")
    conn.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO prober")


def snapshot_file(layout: Layout) -> Path:
    return layout.root / f"snapshots/{layout.names.word('shop')}-baseline.sql"


def dump(layout: Layout, secrets: Secrets, pg_bin: Path) -> None:
    """A plain SQL dump of the schema, with its owner and its grants."""
    target = snapshot_file(layout)
    target.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        str(pg_bin / "pg_dump"),
        f"--schema={layout.names.word('shop')}",
        f"--file={target}",
        super_dsn(layout, secrets),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=_plain_env())
    if done.returncode:
        raise PostgresFailed(f"pg_dump: {done.stderr.strip()}")


def restore(layout: Layout, secrets: Secrets, pg_bin: Path) -> None:
    """As `refurnish`, on a server that may or may not run."""
    with running(layout, pg_bin):
        refurnish(layout, secrets, pg_bin)


def refurnish(layout: Layout, secrets: Secrets, pg_bin: Path) -> None:
    """Roles as they were, nobody connected, and the schema as in the snapshot."""
    with connect(super_dsn(layout, secrets), layout.names) as conn:
        roles(conn, secrets)
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    drop = layout.names.sql("DROP SCHEMA IF EXISTS shop CASCADE")
    text = f"BEGIN;\nSET LOCAL lock_timeout = '10s';\n{drop};\n".encode()
    text += snapshot_file(layout).read_bytes() + b"\nCOMMIT;\n"
    argv = [str(pg_bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", super_dsn(layout, secrets)]
    done = subprocess.run(argv, input=text, capture_output=True, check=False, env=_plain_env())
    if done.returncode:
        raise PostgresFailed(f"psql: {done.stderr.decode(errors='replace').strip()}")


def _plain_env() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
