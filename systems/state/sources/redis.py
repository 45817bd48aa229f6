"""A Redis server: its settings, who may do what, modules, its role, and what was done to it that leaves a count."""

from __future__ import annotations

import re
from typing import Any

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from systems.manifest import Service
from systems.probes.redis import connection
from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Fact, Facts, Read, Source

DONE = {
    "flushall": "was emptied (FLUSHALL)",
    "flushdb": "had a database emptied (FLUSHDB)",
    "failover": "was told to fail over",
    "swapdb": "had two databases swapped",
    "restore": "had keys restored",
    "config|resetstat": "had its counters reset",
}
LIMITS = re.compile(r"^maxmemory$|^maxclients$|timeout$|limit|^client-output-buffer-limit")
OF_THE_ROLE = ("replicaof", "slaveof")  # told by whom it follows
NOBODY = "nobody"  # whom a primary follows
FEW, LOST = 100, 0.7  # keys it had, and the share it lost between two looks


class Redis(Source):
    every_s = 3.0
    timeout_s = 2.0

    def __init__(self, system: LoadedSystem, service: Service) -> None:
        assert service.redis is not None
        self.name = f"redis of {service.name}"
        self.service = service
        self._client: aioredis.Redis | None = None
        self._known: dict[str, tuple[Any, Facts]] = {}
        self._keys: int | None = None
        self._lost = 0

    async def read(self) -> Read:
        pipe = self._connected().pipeline(transaction=False)
        pipe.execute_command("CONFIG", "GET", "*")
        pipe.execute_command("ACL", "LIST")
        pipe.execute_command("MODULE", "LIST")
        pipe.execute_command("INFO", "server", "replication", "commandstats", "keyspace")
        settings, acl, modules, info = await pipe.execute(raise_on_error=False)
        if isinstance(info, Exception):
            raise info
        found: dict[str, Facts] = {}
        for area, answer, made in (
            ("settings", settings, _settings),
            ("access", acl, _access),
            ("modules", modules, _modules),
        ):
            if not isinstance(answer, RedisError):  # one that is forbidden is unknown
                known = self._known.get(area)
                if known is None or known[0] != answer:
                    known = self._known[area] = (answer, made(answer))
                found[area] = known[1]
        found["server"] = self._server(info)
        return {(self.service.name, area): facts for area, facts in found.items()}

    def _connected(self) -> aioredis.Redis:
        if self._client is None:
            self._client = connection(self.service, most=1)
        return self._client

    def _server(self, info: dict[str, Any]) -> Facts:
        role = {"master": "primary", "slave": "standby"}.get(str(info.get("role")), str(info.get("role")))
        facts: Facts = {"primary or standby": Fact(role, "act", act=f"became {role}")}
        at = f"{info.get('master_host')}:{info.get('master_port')}" if role == "standby" else NOBODY
        facts["follows"] = Fact(at, "route")
        if self.service.unit is None:
            facts["run"] = Fact(str(info.get("run_id")), "act", act="was started anew")
        stats = {k.removeprefix("cmdstat_"): v for k, v in info.items() if k.startswith("cmdstat_")}
        for command, words in DONE.items():
            calls = stats.get(command, {}).get("calls", 0)
            facts[command.upper().replace("|", " ")] = Fact(str(calls), "act", act=words)
        facts["keys lost"] = self._loss(info, flushed=bool(stats.get("flushall") or stats.get("flushdb")))
        return facts

    def _loss(self, info: dict[str, Any], *, flushed: bool) -> Fact:
        now = sum(int(v.get("keys", 0)) for k, v in info.items() if re.fullmatch(r"db\d+", k))
        had, self._keys = self._keys, now
        words = "lost most of its keys"
        if had is not None and had >= FEW and now <= had * (1 - LOST):
            self._lost += 1
            words = f"lost {had - now} of {had} keys"
        return Fact(str(self._lost), "act", act=words)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _settings(answer: Any) -> Facts:
    """`CONFIG GET *` as a map or as a row of names and values."""
    pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=False))
    facts: Facts = {}
    read = {_text(name): _text(value) for name, value in pairs.items()}
    for key, text in read.items():
        if _now_called(key) in read.keys() - {key} or key in OF_THE_ROLE:
            continue  # the server tells it by its old name, too
        kind = "limit" if LIMITS.search(key) else "setting"
        facts[key] = Fact(text, kind, masking.is_secret(key, text))
    return facts


def _now_called(key: str) -> str:
    """The name that a setting has had since Redis 5 and 7, when some were renamed; its own for all others."""
    return key.replace("slave", "replica").replace("ziplist", "listpack")


def _access(answer: Any) -> Facts:
    """`user NAME on #HASH ~* +@all`: the hashes of passwords are told by their marks alone."""
    facts: Facts = {}
    for line in map(_text, answer):
        words = line.split()
        name = f"user {words[1]}"
        told = [w for w in words[2:] if not w.startswith(("#", ">", "<", "!"))]
        facts[name] = Fact(" ".join(told), "access")
        passwords = sorted(set(words[2:]) - set(told))
        facts[f"{name}: passwords"] = Fact(" ".join(passwords), "access", secret=True, parent=name)
    return facts


def _modules(answer: Any) -> Facts:
    facts: Facts = {}
    for one in answer:
        pairs = one if isinstance(one, dict) else dict(zip(one[::2], one[1::2], strict=False))
        found = {_text(k): v for k, v in pairs.items()}
        facts[f"module {_text(found.get('name'))}"] = Fact(_text(found.get("ver", "")), "module")
    return facts


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
