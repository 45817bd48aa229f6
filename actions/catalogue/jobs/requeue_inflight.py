"""Put messages a dead consumer left in its processing list back into the queue, each exactly once."""

from __future__ import annotations

import time
from typing import Any

import redis

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems import queries
from systems.manifest.types import QueueSpec
from systems.runtimes.base import RuntimeFailed
from systems.services import LoadedSystem

SETTLE_S = 3.0  # a living consumer finishes, or at least takes another message, well within this
# moves one message only if it still is where it was seen
MOVE = (
    "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then "
    "redis.call('RPUSH', KEYS[2], ARGV[1]) return 1 end return 0"
)


class RequeueInflight(Action[NoParams]):
    slug = "requeue-inflight"
    title = "Requeue orphaned messages"
    risk = Risk.LOW
    groups = True
    tidies = ("inflight_orphans",)

    def targets(self, system: LoadedSystem) -> list[str]:
        stores = [
            n for n, s in system.services.items() if s.redis and any(q.processing for q in s.redis.queues)
        ]
        workers = [q.worker for n in stores for q in _specs(system, n) if q.processing and q.worker]
        return list(dict.fromkeys([*workers, *stores]))

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        found = self.targets(system)
        return found[0] if found else None

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return [ctx.target]

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"requeue:{store}/{queue.name}" for store, queue in queues(ctx))

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if not any(_waiting(ctx).values()):
            raise ActionRefused("no message is in flight")

    def asks(self, ctx: ActionContext, params: NoParams) -> str:
        """A message that somebody is still at would be worked on twice."""
        read = queries.latest(ctx.system)
        for store, queue in queues(ctx):
            held, usual = (read.get((store, f"queue.{what}_s", queue.name)) for what in ("held", "handled"))
            if held is None or held.value is None:
                return f"for how long the messages of {queue.name} have been in hand was not seen"
            if usual is not None and (usual.value or 0.0) >= SETTLE_S:
                return (
                    f"a message of {queue.name} may take {usual.value:g} s: one that stays may be worked on"
                )
            if held.value and (name := _at_it_since(ctx, queue, held.value)):
                return f"{name} runs since before they were taken, and may be at them still"
        return ""

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        return Preview(
            "; ".join(
                f"move what stays in {q.processing} for {SETTLE_S:g} s back to {q.name}"
                for _, q in queues(ctx)
            ),
            [f"{key}: {len(items)} messages in flight now" for key, items in _waiting(ctx).items()],
            [ctx.target],
            "Cannot be undone: the messages are worked on again, in their old order.",
        )

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        moved = 0
        for store, queue in queues(ctx):
            with effects.redis_client(ctx.system.service(store)) as client:
                for item in _orphans(client, str(queue.processing)):
                    ctx.guard()
                    moved += int(client.eval(MOVE, 2, queue.processing, queue.name, item))
        return Result(True, f"{moved} messages are back in the queue", {"moved": moved})

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "not_applied"  # each message moves once however often this runs


def _at_it_since(ctx: ActionContext, queue: QueueSpec, held_s: float) -> str:
    """A consumer of the queue whose process is older than that; empty: none is."""
    for name in ctx.system.members(queue.worker) if queue.worker else []:
        if (unit := ctx.system.service(name).unit) is None:
            return name
        try:
            started = ctx.runtime.state(unit).started_at
        except RuntimeFailed:
            return name
        if started is not None and time.time() - started > held_s:
            return name
    return ""


def _orphans(client: redis.Redis, key: str) -> list[bytes]:
    """What is in flight and does not move: a consumer that works takes its message out, unless it takes very long."""
    first: list[bytes] = client.lrange(key, 0, -1)  # type: ignore[assignment]

    def gone() -> bool:
        now: list[bytes] = client.lrange(key, 0, -1)  # type: ignore[assignment]
        return not set(first) & set(now)

    if effects.wait_until(gone, SETTLE_S):
        return []
    still: list[bytes] = client.lrange(key, 0, -1)  # type: ignore[assignment]
    return [item for item in first if item in set(still)]


def _specs(system: LoadedSystem, store: str) -> list[QueueSpec]:
    spec = system.service(store).redis
    return spec.queues if spec else []


def queues(ctx: ActionContext) -> list[tuple[str, QueueSpec]]:
    """(store, queue) the target stands for: its own queues, or those it works on."""
    return [
        (store, queue)
        for store, service in ctx.system.services.items()
        for queue in (service.redis.queues if service.redis else [])
        if queue.processing and (store == ctx.target or queue.worker in ctx.members)
    ]


def _waiting(ctx: ActionContext) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for store, queue in queues(ctx):
        with effects.redis_client(ctx.system.service(store)) as client:
            found[str(queue.processing)] = client.lrange(str(queue.processing), 0, -1)
    return found
