"""Remove cached keys of one pattern. Never everything, never sessions or queues unless they are named."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator

import redis
from pydantic import Field, field_validator

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem

SESSION = re.compile(r"(?i)^(sess|session|sessions|sid|token|auth|lock|celery)(?=[:_.*\-]|$)")
CACHE_TYPES = (b"string", b"hash")
BATCH = 500


class CacheParams(Params):
    pattern: str | None = Field(
        None, max_length=120, description="like page:*; empty: the caches the manifest declares"
    )
    sessions: bool = Field(False, description="name it: also clear keys that hold sessions")

    @field_validator("pattern")
    @classmethod
    def _narrow(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        if not re.fullmatch(r"[A-Za-z0-9_.{}-]{2,}(:[A-Za-z0-9_.{}-]+)*(:\*|\*)?", value):
            raise ValueError("must begin with at least two literal characters, and have * only at its end")
        return value


class ClearCache(Action[CacheParams]):
    slug = "clear-cache"
    title = "Clear cached keys"
    risk = Risk.MEDIUM
    Params = CacheParams
    aliases = ("purge-cache",)
    can_lose = ("keys",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "redis")

    def raised_by(self, ctx: ActionContext, params: CacheParams) -> tuple[Risk, str] | None:
        return (Risk.HIGH, "it ends the sessions that people have open") if params.sessions else None

    def effects(self, ctx: ActionContext, params: CacheParams) -> frozenset[str]:
        return frozenset({f"clear:{ctx.target}/{params.pattern or 'declared'}"})

    def check(self, ctx: ActionContext, params: CacheParams) -> None:
        for pattern in _patterns(ctx, params):
            if SESSION.match(pattern) and not params.sessions:
                raise ActionRefused(f"{pattern} holds sessions; say so (sessions: true) when they are meant")
            for queue in _queue_keys(ctx):
                if fnmatch.fnmatchcase(queue, pattern):
                    raise ActionRefused(f"{pattern} would remove the queue {queue}")
        with effects.redis_client(ctx.service) as client:
            client.ping()
            for pattern in _patterns(ctx, params):
                _only_cache(client, pattern)

    def preview(self, ctx: ActionContext, params: CacheParams) -> Preview:
        patterns = _patterns(ctx, params)
        with effects.redis_client(ctx.service) as client:
            counts = {p: _count(client, p) for p in patterns}
        return Preview(
            "; ".join(f"SCAN {p}, UNLINK what is found" for p in patterns),
            [
                f"{count} keys match {p} and go; {lasting} of them have no expiry"
                for p, (count, lasting) in counts.items()
            ],
            [ctx.target],
            "Cannot be undone: cached values are read anew from their source.",
            loss={"keys": sum(count for count, _ in counts.values())},
        )

    def execute(self, ctx: ActionContext, params: CacheParams) -> Result:
        removed = 0
        with effects.redis_client(ctx.service) as client:
            for pattern in _patterns(ctx, params):
                for batch in _scan(client, pattern):
                    ctx.guard()
                    removed += int(client.unlink(*batch))
        return Result(True, f"{removed} keys removed", {"removed": removed}, {"keys": removed})

    def read_back(self, ctx: ActionContext, params: CacheParams) -> ReadBack:
        return "not_applied"  # keys come back by themselves; safe to repeat


def _patterns(ctx: ActionContext, params: CacheParams) -> list[str]:
    if params.pattern:
        return [params.pattern]
    declared = [
        re.sub(r"\{[^}]*\}", "*", c.cache)
        for c in ctx.system.manifest.consistency
        if c.cache and c.service == ctx.target
    ]
    if not declared:
        raise ActionRefused("name a pattern: the manifest declares no cache here")
    return list(dict.fromkeys(declared))


def _queue_keys(ctx: ActionContext) -> list[str]:
    spec = ctx.service.redis
    keys = [k for q in (spec.queues if spec else []) for k in (q.name, q.processing, q.heartbeat, q.done)]
    return [k for k in keys if k]


def _scan(client: redis.Redis, pattern: str) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for key in client.scan_iter(match=pattern, count=BATCH):
        batch.append(key)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _count(client: redis.Redis, pattern: str) -> tuple[int, int]:
    """(keys, keys without an expiry) of a pattern."""
    keys = lasting = 0
    for batch in _scan(client, pattern):
        pipe = client.pipeline(transaction=False)
        for key in batch:
            pipe.ttl(key)
        left = [ttl for ttl in pipe.execute() if ttl != -2]
        keys, lasting = keys + len(left), lasting + left.count(-1)
    return keys, lasting


def _only_cache(client: redis.Redis, pattern: str) -> None:
    """Lists, streams and sorted sets are queues to somebody: refuse the pattern that hits one."""
    for batch in _scan(client, pattern):
        pipe = client.pipeline(transaction=False)
        for key in batch:
            pipe.type(key)
        for key, kind in zip(batch, pipe.execute(), strict=True):
            if kind not in (*CACHE_TYPES, b"none"):
                raise ActionRefused(
                    f"{pattern} would remove {key.decode(errors='replace')}, which is a {kind.decode()}"
                )
