"""redis.*, queue.* and worker.*: the server's counters as rates, and the queues kept in it."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import redis.asyncio as aioredis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from systems.manifest import Service
from systems.manifest.types import QueueSpec
from systems.probes import streams
from systems.probes.base import Clock, Probe, Rates, error_kind
from systems.probes.inhand import InHand
from systems.probes.redisvalues import Values
from systems.readings import Reading, clean
from systems.services import LoadedSystem

LEAST_LOOKUPS = 5  # of which a hit ratio is made
ENDS = 100  # messages read at either end of a queue that may be long
_STAMPS = ("enqueued_at", "created_at", "queued_at", "ts", "time", "at")


def connection(service: Service, *, most: int) -> aioredis.Redis:
    """A client of a Redis under care that gives up soon and tries nothing twice; at most `most` connections."""
    assert service.redis is not None
    return aioredis.Redis.from_url(
        service.redis.url,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        max_connections=most,
        client_name="prober",
        retry=None,
        protocol=2,
    )


class RedisProbe(Probe):
    name = "redis"
    interval_s = 1.0
    timeout_s = 1.5
    main = ("redis.ok", "redis.hit_ratio")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._clients: dict[str, aioredis.Redis] = {}
        self._rates = Rates(clock)
        self._heads: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._looked: dict[str, tuple[float, float]] = {}  # hits and misses that no ratio was made of yet
        self._own: dict[
            str, tuple[int, int]
        ] = {}  # look-ups of ours that the server has counted: found, not found
        self._hands: dict[tuple[str, str], InHand] = {}
        self._values: dict[str, Values] = {}

    def applies(self, service: Service) -> bool:
        return service.redis is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.redis is not None
        client = self._client(service)
        try:
            pipe = client.pipeline(transaction=False)
            pipe.info("all")
            pipe.dbsize()
            for queue in service.redis.queues:
                pipe.type(queue.name)
            info, keys, *kinds = await pipe.execute(raise_on_error=False)
            if isinstance(info, Exception):
                raise info
            readings = self._server(service.name, info, float(keys) if isinstance(keys, int) else None)
            for queue, kind in zip(service.redis.queues, kinds, strict=True):
                self._looked_up(service.name, _text(kind) != "none")
                readings += await self._queue(client, service.name, queue, kind)
            return readings + await self._held(client, service.name)
        except (RedisError, OSError) as error:
            kind = error_kind(error)
            reason = clean(str(error), 200) if kind not in ("refused", "timeout", "reset") else kind
            if isinstance(error, AuthenticationError):
                reason = f'{reason.rstrip(".")}, as user "{_user(client)}"'
            elif isinstance(error, ResponseError):  # whoever refuses a command is there, and well enough to
                reason = f"it answers: {reason}"
            return [
                Reading(service.name, "redis.ok", 0.0, reason),
                *self.unknown(service, reason, known=("redis.ok",)),
            ]

    def _client(self, service: Service) -> aioredis.Redis:
        client = self._clients.get(service.name)
        if client is None:
            client = self._clients[service.name] = connection(service, most=2)
        return client

    def _server(self, service: str, info: dict[str, Any], keys: float | None) -> list[Reading]:
        used, most = float(info.get("used_memory", 0)), float(info.get("maxmemory", 0))
        readings = [
            Reading(service, "redis.ok", 1.0),
            Reading(
                service, "redis.used_mb", round(used / 1e6, 2), f"of {most / 1e6:.0f} MB" if most else ""
            ),
            Reading(
                service,
                "redis.maxmemory_mb",
                round(most / 1e6, 2),
                f"{most / 1e6:.3g} MB" if most else "none",
            ),
            Reading(service, "redis.rss_mb", round(float(info.get("used_memory_rss", 0)) / 1e6, 1)),
            Reading(
                service,
                "redis.fragmentation_mb",
                round(float(info.get("mem_fragmentation_bytes", 0)) / 1e6, 1),
            ),
            Reading(service, "redis.clients", float(info.get("connected_clients", 0))),
            Reading(service, "redis.keys", keys),
            Reading(service, "redis.bgsave_ok", float(info.get("rdb_last_bgsave_status", "ok") == "ok")),
            *self._rated(service, info),
        ]
        if most:
            readings.append(Reading(service, "redis.used_pct", round(100 * used / most, 1)))
        return readings

    def _rated(self, service: str, info: dict[str, Any]) -> list[Reading]:
        evicted = self._rates.rate((service, "evicted"), float(info.get("evicted_keys", 0)))
        commands = self._rates.rate((service, "commands"), float(info.get("total_commands_processed", 0)))
        hits = self._rates.delta((service, "hits"), float(info.get("keyspace_hits", 0)))
        misses = self._rates.delta((service, "misses"), float(info.get("keyspace_misses", 0)))
        own_hits, own_misses = self._own.pop(service, (0, 0))
        readings = []
        if evicted is not None and commands is not None:
            readings.append(Reading(service, "redis.evicted_rate", round(evicted, 2)))
            readings.append(Reading(service, "redis.commands_rate", round(commands, 1)))
        if hits is not None and misses is not None:
            # ours are no cache's: an empty queue is looked for in vain with each look
            hits, misses = max(0.0, hits - own_hits), max(0.0, misses - own_misses)
            before = self._looked.pop(service, (0.0, 0.0))
            hits, misses = hits + before[0], misses + before[1]
            if hits + misses < LEAST_LOOKUPS:  # too few to say anything: they count with those that come
                self._looked[service] = hits, misses
            else:
                text = f"{hits:.0f} hits, {misses:.0f} misses"
                readings.append(Reading(service, "redis.hit_ratio", round(hits / (hits + misses), 3), text))
        return readings

    def _looked_up(self, service: str, found: bool, times: int = 1) -> None:
        hits, misses = self._own.get(service, (0, 0))
        self._own[service] = (hits + times, misses) if found else (hits, misses + times)

    async def _held(self, client: aioredis.Redis, service: str) -> list[Reading]:
        """Whether what lies there can be read; nothing where this login may not look."""
        values = self._values.setdefault(service, Values())
        try:
            found = await values.look(client, service)
        except ResponseError:
            return []
        for was_there in values.asked:
            self._looked_up(service, was_there)
        return found

    async def _queue(
        self, client: aioredis.Redis, service: str, queue: QueueSpec, kind: Any
    ) -> list[Reading]:
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind == "stream":
            return await self._stream(client, service, queue)
        pipe = client.pipeline(transaction=True)
        pipe.llen(queue.name)
        pipe.lindex(queue.name, 0)
        pipe.lrange(queue.name, -ENDS, -1)
        told = [key for key in (queue.heartbeat, queue.done) if key]
        for key in told:
            pipe.get(key)
        if queue.processing:
            pipe.llen(queue.processing)
            pipe.lrange(queue.processing, -ENDS, -1)
        depth, first, ends, *others = await pipe.execute(raise_on_error=False)
        values, hand = dict(zip(told, others, strict=False)), others[len(told) :]
        heartbeat, done = (values.get(key) if key else None for key in (queue.heartbeat, queue.done))
        self._looked_up(service, depth != 0, 3)
        for value in values.values():
            self._looked_up(service, value is not None)
        if hand:
            self._looked_up(service, hand[0] != 0, 2)
        depth = float(depth) if isinstance(depth, int) else None
        ends = ends if isinstance(ends, list) else []
        oldest = self._oldest(service, queue.name, depth, first, *ends[-1:])
        readings = [
            Reading(service, "queue.depth", depth, label=queue.name),
            Reading(service, "queue.oldest_s", oldest, label=queue.name),
        ]
        if queue.processing:
            readings += self._in_hand(service, queue, hand, ends, _number(done))
        return readings + self._worker(service, queue, heartbeat, done)

    def _in_hand(
        self, service: str, queue: QueueSpec, hand: list[Any], waiting: list[bytes], done: float | None
    ) -> list[Reading]:
        """`hand`: the length of the list of what is worked on, and the end of it where the oldest are."""
        count, messages = hand
        if not isinstance(count, int) or not isinstance(messages, list):
            return [Reading(service, "queue.inflight", None, label=queue.name)]
        hands = self._hands.setdefault((service, queue.name), InHand(self.clock))
        finished = self._rates.delta((service, queue.name, "in hand"), done) if done is not None else None
        hands.look(messages, waiting=waiting, finished=finished)
        text = f"{hands.together()} of {count} in hand for as long" if count else ""
        return [
            Reading(service, "queue.inflight", float(count), label=queue.name),
            Reading(service, "queue.held_s", round(hands.held_s(), 1), text, queue.name),
            Reading(service, "queue.handled_s", hands.usual_s(), label=queue.name),
            Reading(service, "queue.returned", float(hands.returned()), label=queue.name),
        ]

    def _worker(self, service: str, queue: QueueSpec, heartbeat: Any, done: Any) -> list[Reading]:
        readings = []
        owner = queue.worker or service
        beat, count = _number(heartbeat), _number(done)
        if queue.heartbeat:
            age = round(max(0.0, time.time() - beat), 1) if beat is not None else None
            text = "" if beat is not None else "no heartbeat is stored"
            readings.append(Reading(owner, "worker.heartbeat_age_s", age, text, queue.name))
        if queue.done:
            rate = self._rates.rate((service, queue.name, "done"), count or 0.0)
            if rate is not None:
                readings.append(Reading(owner, "queue.done_rate", round(rate, 2), label=queue.name))
        return readings

    def _oldest(self, service: str, queue: str, depth: float | None, *ends: Any) -> float | None:
        """Seconds the oldest message waits: by its own time stamp, else since when the head has not changed."""
        if depth is None:
            return None
        messages = [m for m in ends if isinstance(m, bytes)]
        if not depth or not messages:
            self._heads.pop((service, queue), None)
            return 0.0
        stamps = [s for s in map(_stamp, messages) if s is not None]
        if stamps:
            return round(max(0.0, time.time() - min(stamps)), 1)
        head = hashlib.sha1(b"\0".join(messages[-1:]), usedforsecurity=False).digest()
        known = self._heads.get((service, queue))
        if known is None or known[0] != head:
            known = self._heads[service, queue] = (head, self.clock())
        return round(self.clock() - known[1], 1)

    async def _stream(self, client: aioredis.Redis, service: str, queue: QueueSpec) -> list[Reading]:
        found = await streams.groups(client, service, queue)
        self._looked_up(service, True, found.looks)
        return found.readings

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: Any) -> float | None:
    if not isinstance(value, bytes | str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return (
            _stamp(value.encode() if isinstance(value, str) else bytes(value))
            if isinstance(value, bytes | str)
            else None
        )


def _stamp(message: bytes) -> float | None:
    """The epoch seconds a JSON message says it was queued at."""
    try:
        data = json.loads(message)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    for key in _STAMPS:
        value = data.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 1e9:
            return value / 1000 if value > 1e12 else float(value)
    return None


def _user(client: aioredis.Redis) -> str:
    return str(client.connection_pool.connection_kwargs.get("username") or "default")
