"""The cache and queue: settings as they run, users, and what it follows."""

from __future__ import annotations

import secrets
from typing import Any

import redis as redis_client

from chaos.alterations import Touched
from chaos.faults.base import Undo
from chaos.site import Site
from chaos.unknown.base import Drawn, Value, config
from chaos.unknown.orders import take_up_again, waiting


class OfCache(Value):
    family = "redis"
    components = ("redis",)
    kind = "setting"

    def undo(self, site: Site, undo: Undo) -> None:
        """What the worker had done and could not say so is done once more."""
        if self.look(site, undo["chosen"]) != undo["was"]:
            self.restore(site, undo["chosen"], undo["was"])
            take_up_again(site)


class Settings(OfCache):
    """A choice is (part, what, {setting: value}): settings of the running server, of which its file knows nothing."""

    def look(self, site: Site, chosen: list[Any]) -> Any:
        with site.redis() as redis:
            return {name: config(redis, name) for name in chosen[2]}

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._set(site, chosen[2])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._set(site, was)

    def _set(self, site: Site, values: dict[str, str]) -> None:
        with site.redis() as redis:
            for name, value in values.items():
                redis.config_set(name, value)


class NoReplicas(Settings):
    """Right where there are replicas; here there are none."""

    id = "no_replicas"
    title = "The cache takes writes only while replicas follow it"
    choices = tuple(("redis", "min-replicas-to-write", {"min-replicas-to-write": str(n)}) for n in (1, 2, 3))


class FullAndKept(Settings):
    """Nothing may be thrown away, and there is hardly room for what is there."""

    id = "full_and_kept"
    title = "The cache is full and throws nothing away"
    choices = tuple(
        ("redis", "maxmemory", {"maxmemory-policy": policy, "maxmemory": str(kib * 1024)})
        for policy in ("noeviction", "volatile-ttl")
        for kib in (640, 800)
    )

    def is_well(self, now: Any, was: Any) -> bool:
        size = int(now["maxmemory"])
        return bool(now == was) or size == 0 or size >= 8 * 1024 * 1024


class Follows(OfCache):
    """A standby of a primary that is not there: it keeps what it has, and takes no writes."""

    id = "follows"
    title = "The cache follows another one"
    choices = tuple(
        ("redis", "follows", host, port) for host in ("127.0.0.1", "192.0.2.10") for port in (6380, 26379)
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        with site.redis() as redis:
            return str(redis.info("replication")["role"])

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.replicaof(chosen[2], chosen[3])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.replicaof("NO", "ONE")


class FewKeys(OfCache):
    """Everybody logs in as the default user, who may now touch some names only."""

    id = "few_keys"
    title = "The users of the cache may touch some keys only"
    kind = "access"
    choices = tuple(
        ("redis", "user default", allowed)
        for allowed in ("~product:* ~sess:*", "~product:* ~q:* ~worker:*", "~sess:* ~q:orders", "~shop:*")
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        with site.redis() as redis:
            return " ".join(redis.acl_getuser("default")["keys"])

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._allow(site, chosen[2])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._allow(site, was)

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site)  # some of it only the worker misses

    def _allow(self, site: Site, keys: str) -> None:
        with site.redis() as redis:
            redis.execute_command("ACL", "SETUSER", "default", "resetkeys", *keys.split())


class FewCommands(FewKeys):
    """Hardened by a list from another shop."""

    id = "few_commands"
    title = "The users of the cache may not use a kind of command"
    choices = tuple(
        ("redis", "user default", f"-@{kind}") for kind in ("string", "list", "write", "blocking")
    )

    def look(self, site: Site, chosen: list[Any]) -> Any:
        with site.redis() as redis:
            found = redis.acl_getuser("default")
            return " ".join(sorted([*found["categories"], *found["commands"]]))

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.execute_command("ACL", "SETUSER", "default", chosen[2])

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        with site.redis() as redis:
            redis.execute_command("ACL", "SETUSER", "default", "+@all")

    def undo(self, site: Site, undo: Undo) -> None:
        if self.still_broken(site, undo):
            self.restore(site, undo["chosen"], undo["was"])
            take_up_again(site)


class CachePassword(Drawn):
    """Another password than all who use it have; and those who were in are sent away, so that it shows."""

    id = "cache_password"
    title = "The cache has another password"
    causes = ("", "cache_login_refused")  # that runbook is of this very thing
    family = "redis"
    components = ("redis",)
    may_touch = ("api", "api-1", "api-2", "worker", "batch", "backup-api")
    kind = "access"
    choices = (("redis", "requirepass"),)

    def inverse(self, site: Site, seed: int) -> Undo:
        with site.redis() as redis:
            return {
                "chosen": self.chosen(seed),
                "was": config(redis, "requirepass"),
                "now": secrets.token_hex(12),
            }

    def apply(self, site: Site, undo: Undo) -> None:
        with site.redis() as redis:
            redis.config_set("requirepass", undo["now"])
            for client in redis.client_list(_type="normal"):
                if client["cmd"] != "client|list":
                    redis.client_kill_filter(_id=client["id"])

    def undo(self, site: Site, undo: Undo) -> None:
        """One that was changed once more, by whoever mended it, is left alone."""
        if not self._takes(site, undo["was"]) and self._takes(site, undo["now"]):
            with redis_client.Redis.from_url(_with(site, undo["now"]), socket_timeout=5) as redis:
                redis.config_set("requirepass", undo["was"])
            take_up_again(site)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return "the password that all have is refused" if self._takes(site, undo["now"]) else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("redis", self.kind, "user default: passwords")]

    def _takes(self, site: Site, password: str) -> bool:
        with redis_client.Redis.from_url(_with(site, password), socket_timeout=5) as redis:
            try:
                return bool(redis.ping())
            except (redis_client.AuthenticationError, redis_client.ResponseError):
                return False


def _with(site: Site, password: str) -> str:
    return f"redis://:{password}@{str(site.facts['redis_url']).rpartition('@')[2]}"
