"""Set messages aside that come back to their queue again and again: they go to a list of their own, for a person to
look at, and the others go on."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import Any

import redis
from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from actions.catalogue.jobs.requeue_inflight import queues
from actions.models import Risk
from systems.manifest.types import QueueSpec
from systems.services import LoadedSystem

WATCH_S, LOOK_S = 4.0, 0.01
LOOKS = 20
ROUNDS = 6
TIMES = 3  # so often taken up within that time: no other message of a queue is
QUIET_S, MOST_S = 1.0, 12.0  # a consumer that has it in hand puts it back
SHOWN = 80  # characters of a message
DIGEST = 16
# out of wherever it is, all of it, and into the list of those set aside, but not more often than it was there
ASIDE = (
    "local n = redis.call('LREM', KEYS[1], 0, ARGV[1]) + redis.call('LREM', KEYS[2], 0, ARGV[1]) "
    "for i = 1, math.min(n, tonumber(ARGV[2])) do redis.call('RPUSH', KEYS[3], ARGV[1]) end return n"
)
BACK = (
    "local n = redis.call('LREM', KEYS[1], 0, ARGV[1]) "
    "for i = 1, n do redis.call('LPUSH', KEYS[2], ARGV[1]) end return n"
)


class MessageParams(Params):
    messages: list[str] = Field(
        [], max_length=20, description="digests of messages; empty: those that come back now"
    )


class MoveToDlq(Action[MessageParams]):
    slug = "move-to-dlq"
    title = "Set messages aside that fail each time"
    risk = Risk.LOW
    groups = True
    Params = MessageParams
    aliases = ("set-aside-message", "move-message-to-dlq")

    def targets(self, system: LoadedSystem) -> list[str]:
        stores = {n: s.redis.queues for n, s in system.services.items() if s.redis}
        mine = {n: [q for q in specs if q.processing and not q.group] for n, specs in stores.items()}
        workers = [q.worker for specs in mine.values() for q in specs if q.worker]
        return list(dict.fromkeys([*workers, *(n for n, specs in mine.items() if specs)]))

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        found = self.targets(system)
        return found[0] if found else None

    def touches(self, ctx: ActionContext, params: MessageParams) -> list[str]:
        return [ctx.target]

    def effects(self, ctx: ActionContext, params: MessageParams) -> frozenset[str]:
        return frozenset(f"aside:{store}/{queue.name}" for store, queue in queues(ctx))

    def bind(self, ctx: ActionContext, params: MessageParams) -> MessageParams:
        """Name the messages, so that an approval covers these and no others."""
        if params.messages:
            return params
        found = [digest(raw) for store, queue in queues(ctx) for raw in _coming_back(ctx, store, queue)]
        if not found:
            raise ActionRefused(f"no message came back {TIMES} times within {WATCH_S:g} s")
        return MessageParams(messages=found[:20])

    def check(self, ctx: ActionContext, params: MessageParams) -> None:
        if params.messages and not any(_found(ctx, params).values()):
            raise ActionRefused("the messages are in none of its queues any more")

    def preview(self, ctx: ActionContext, params: MessageParams) -> Preview:
        return Preview(
            "; ".join(
                f"move {len(params.messages)} messages from {q.name} to {dead(q)}" for _, q in queues(ctx)
            ),
            [
                *(
                    f"{count} x {raw[:SHOWN].decode('utf-8', 'replace')}"
                    for messages in _found(ctx, params).values()
                    for raw, count in messages.items()
                ),
                "and others that had no turn because of them, if they come back in the same way then",
            ],
            [ctx.target],
            "What was set aside by it is put back at the end of the queue.",
        )

    def prepare(self, ctx: ActionContext, params: MessageParams) -> dict[str, Any]:
        before = {}
        for store, queue in queues(ctx):
            with effects.redis_client(ctx.system.service(store)) as client:
                before[f"{store}/{queue.name}"] = int(client.llen(dead(queue)))
        return {"before": before}

    def execute(self, ctx: ActionContext, params: MessageParams) -> Result:
        moved, digests = 0, params.messages
        for _ in range(ROUNDS):
            moved += _move(ctx, _found(ctx, MessageParams(messages=digests)))
            # those that were behind them have their turn now
            digests = [
                digest(raw) for store, queue in queues(ctx) for raw in _coming_back(ctx, store, queue)
            ][:20]
            if not digests:
                break
        kept = ", ".join(dead(q) for _, q in queues(ctx))
        return Result(moved > 0, f"{moved} messages are set aside in {kept}", {"moved": moved})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        back = 0
        for store, queue in queues(ctx):
            with effects.redis_client(ctx.system.service(store)) as client:
                for raw in set(
                    _listed(client, dead(queue))[undo["before"].get(f"{store}/{queue.name}", 0) :]
                ):
                    ctx.guard()
                    back += int(client.eval(BACK, 2, dead(queue), queue.name, raw))
        return Result(True, f"{back} messages are back in the queue", {"moved": back})

    def read_back(self, ctx: ActionContext, params: MessageParams) -> ReadBack:
        return "not_applied" if any(_found(ctx, params).values()) else "applied"


def dead(queue: QueueSpec) -> str:
    """The list of those set aside."""
    return queue.dead or f"{queue.name}:dead"


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:DIGEST]


def _coming_back(ctx: ActionContext, store: str, queue: QueueSpec) -> list[bytes]:
    """The messages that were taken up again and again while it was looked at, the most often taken first."""
    taken: Counter[bytes] = Counter()
    before: set[bytes] = set()
    until = time.monotonic() + WATCH_S
    with effects.redis_client(ctx.system.service(store)) as client:
        while time.monotonic() < until:
            now = set(_listed(client, str(queue.processing)))
            taken.update(now - before)
            before = now
            time.sleep(LOOK_S)
    return [raw for raw, times in taken.most_common() if times >= TIMES]


def _found(ctx: ActionContext, params: MessageParams) -> dict[tuple[str, str], Counter[bytes]]:
    """(store, queue) -> the messages meant that are there, waiting or in work, and how often. Whoever puts one back has
    it in hand for a moment, when it is in neither: that it is in none is believed after LOOKS looks only."""
    found = _listed_of(ctx, params)
    for _ in range(LOOKS):
        if any(found.values()):
            break
        time.sleep(LOOK_S)
        found = _listed_of(ctx, params)
    return found


def _listed_of(ctx: ActionContext, params: MessageParams) -> dict[tuple[str, str], Counter[bytes]]:
    found = {}
    for store, queue in queues(ctx):
        with effects.redis_client(ctx.system.service(store)) as client:
            there = [*_listed(client, queue.name), *_listed(client, str(queue.processing))]
        found[store, queue.name] = Counter(raw for raw in there if digest(raw) in params.messages)
    return found


def _move(ctx: ActionContext, found: dict[tuple[str, str], Counter[bytes]]) -> int:
    moved = 0
    for (store, name), messages in found.items():
        queue = next(q for s, q in queues(ctx) if (s, q.name) == (store, name))
        with effects.redis_client(ctx.system.service(store)) as client:
            for raw, copies in messages.items():
                moved += _set_aside(ctx, client, queue, raw, copies)
    return moved


def _set_aside(ctx: ActionContext, client: redis.Redis, queue: QueueSpec, raw: bytes, copies: int) -> int:
    """Until it has been gone for a while: whoever has it in hand puts back what is set aside already."""
    moved, seen_at, until = 0, time.monotonic(), time.monotonic() + MOST_S
    while time.monotonic() - seen_at < QUIET_S and time.monotonic() < until:
        ctx.guard()
        keys = (queue.name, str(queue.processing), dead(queue))
        if count := int(client.eval(ASIDE, 3, *keys, raw, copies - moved)):
            moved, seen_at = min(copies, moved + count), time.monotonic()
        time.sleep(LOOK_S)
    return moved


def _listed(client: redis.Redis, key: str) -> list[bytes]:
    found: list[bytes] = client.lrange(key, 0, -1)  # type: ignore[assignment]
    return found
