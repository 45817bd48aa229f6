"""Harmless changes in the database and in the cache, made as their administrator."""

from __future__ import annotations

import secrets
from typing import Any

from chaos.decoys.base import Decoy
from chaos.site import Site

ROLE_COMMENT = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '{}'"
ROLE_LIMIT = "SELECT rolconnlimit FROM pg_roles WHERE rolname = '{}'"
SETTING = "SELECT setting FROM pg_settings WHERE name = '{}'"
GRANTED = "SELECT has_table_privilege('{}', '{}', '{}')"
THERE = "SELECT to_regclass('shop.{}') IS NOT NULL"


class Sql(Decoy):
    """Statements of `places`: (component, what, the query that sees it, the one that changes it, the one that puts it
    back; {} in that one stands for what was there)."""

    def look(self, site: Site, place: list[Any]) -> Any:
        with site.superuser() as db:
            row = db.execute(place[2]).fetchone()
        return None if row is None else row[0]

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        self._run(site, place[3])

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        self._run(site, place[4].replace("{}", "NULL" if was is None else str(was)))

    def _run(self, site: Site, statements: str) -> None:
        with site.superuser() as db:
            for statement in statements.split(";"):
                db.execute(statement)


class RoleComment(Sql):
    id = "role_comment"
    title = "A comment on a database role"
    kind = "role"
    places = tuple(
        ("postgres", role, ROLE_COMMENT.format(role), f"COMMENT ON ROLE {role} IS 'ask the platform team'",
         f"COMMENT ON ROLE {role} IS NULL")
        for role in ("app", "prober")
    )  # fmt: skip


class RoleLimit(Sql):
    """More sessions than it ever uses, and still more."""

    id = "role_limit"
    title = "A role may have more sessions"
    kind = "limit"
    places = tuple(
        ("postgres", role, ROLE_LIMIT.format(role), f"ALTER ROLE {role} CONNECTION LIMIT {limit}",
         f"ALTER ROLE {role} CONNECTION LIMIT {{}}")
        for role, limit in (("ops_admin", 12), ("app", 14))
    )  # fmt: skip


class Index(Sql):
    id = "index"
    title = "One more index"
    kind = "schema"
    places = tuple(
        ("postgres", name, THERE.format(name), f"CREATE INDEX CONCURRENTLY {name} ON shop.{on}",
         f"DROP INDEX IF EXISTS shop.{name}")
        for name, on in (("orders_created_idx", "orders (created_at)"), ("users_created_idx", "users (created_at)"))
    )  # fmt: skip


class Table(Sql):
    id = "table"
    title = "One more table"
    kind = "schema"
    places = tuple(
        ("postgres", name, THERE.format(name), f"CREATE TABLE shop.{name} (name text PRIMARY KEY, since date)",
         f"DROP TABLE IF EXISTS shop.{name}")
        for name in ("campaigns", "suppliers")
    )  # fmt: skip


class Grant(Sql):
    id = "grant"
    title = "One more grant to read"
    kind = "grant"
    places = tuple(
        ("postgres", table, GRANTED.format(role, f"shop.{table}", "TRIGGER"),
         f"GRANT TRIGGER ON shop.{table} TO {role}", f"REVOKE TRIGGER ON shop.{table} FROM {role}")
        for role, table in (("prober", "coupons"), ("prober", "users"))
    )  # fmt: skip


class ServerSetting(Sql):
    """Of the running server, with the reload that makes it count."""

    id = "server_setting"
    title = "A setting of the database that makes no difference"
    kind = "setting"
    places = tuple(
        ("postgres", name, SETTING.format(name), f"ALTER SYSTEM SET {name} = {value};SELECT pg_reload_conf()",
         f"ALTER SYSTEM RESET {name};SELECT pg_reload_conf()")
        for name, value in (("autovacuum_naptime", "'25s'"), ("log_temp_files", "0"), ("tcp_keepalives_idle", "120"))
    )  # fmt: skip


class FlagRow(Sql):
    """A row of the table of feature flags, for a feature that no release has yet."""

    id = "flag_row"
    title = "A feature flag of a feature to come"
    kind = "data"
    places = (
        ("postgres", "flags", "SELECT count(*) FROM shop.flags WHERE name = 'gift_wrap'",
         "INSERT INTO shop.flags (name, percent) VALUES ('gift_wrap', 10) ON CONFLICT DO NOTHING",
         "DELETE FROM shop.flags WHERE name = 'gift_wrap'"),
    )  # fmt: skip


class CacheSetting(Decoy):
    id = "cache_setting"
    title = "A setting of the cache that makes no difference"
    kind = "setting"
    places = (
        ("redis", "slowlog-max-len", "256"),
        ("redis", "maxclients", "600"),
        ("redis", "tcp-keepalive", "240"),
    )

    def look(self, site: Site, place: list[Any]) -> Any:
        with site.redis() as redis:
            return redis.config_get(place[1])[place[1]]

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.config_set(place[1], place[2])

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.config_set(place[1], was)


class CacheUser(Decoy):
    id = "cache_user"
    title = "One more user of the cache"
    kind = "access"
    places = (("redis", "reporting"), ("redis", "warehouse"))

    def look(self, site: Site, place: list[Any]) -> Any:
        with site.redis() as redis:
            return place[1] in redis.acl_users()

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        with site.redis() as redis:
            password = secrets.token_hex(16)
            redis.execute_command("ACL", "SETUSER", place[1], "on", f">{password}", "~report:*", "+get")

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.acl_deluser(place[1])
