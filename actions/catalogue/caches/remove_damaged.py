"""Remove the values below one key prefix that cannot be read any more, and leave all others where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from pydantic import Field

from actions import effects, vault
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from incidents.plain import counted
from systems.probes.redisvalues import LEARNT, verdict
from systems.services import LoadedSystem

BATCH = 200
MOST_KEYS, MOST_BYTES = (
    20_000,
    32_000_000,
)  # that are kept for the undo; where there are more, a person decides
MOST_LOOKED = 500_000
Damaged = dict[bytes, tuple[bytes, int]]  # key -> value, and the milliseconds it has left (-1: no end)


class DamagedParams(Params):
    prefix: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{1,39}:$", description="like page: (with its colon)"
    )


class RemoveDamaged(Action[DamagedParams]):
    slug = "remove-damaged"
    title = "Remove values that cannot be read"
    risk = Risk.MEDIUM
    Params = DamagedParams
    can_lose = ("keys",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "redis")

    def effects(self, ctx: ActionContext, params: DamagedParams) -> frozenset[str]:
        return frozenset({f"clear:{ctx.target}/{params.prefix}damaged"})

    def check(self, ctx: ActionContext, params: DamagedParams) -> None:
        with effects.redis_client(ctx.service) as client:
            damaged, whole = _below(client, params.prefix)
        if not damaged:
            raise ActionRefused(f"nothing below {params.prefix} is damaged")
        if len(damaged) > MOST_KEYS or sum(len(v) for v, _ in damaged.values()) > MOST_BYTES:
            raise ActionRefused(f"{len(damaged)} values are more than can be kept for an undo")
        if whole < LEARNT and not all(v.lstrip()[:1] in (b"{", b"[") for v, _ in damaged.values()):
            raise ActionRefused(f"too little below {params.prefix} can be read to say what belongs there")

    def preview(self, ctx: ActionContext, params: DamagedParams) -> Preview:
        with effects.redis_client(ctx.service) as client:
            damaged, whole = _below(client, params.prefix)
        return Preview(
            f"SCAN {params.prefix}*, UNLINK what is no whole JSON value",
            [
                f"{counted(len(damaged), 'keys')} below {params.prefix} cannot be read by anybody, and go",
                f"{counted(whole, 'keys')} there can be read, and stay",
            ],
            [ctx.target],
            "The values are kept as they are, and can be put back where nothing has taken their place.",
            loss={"keys": len(damaged)},
        )

    def prepare(self, ctx: ActionContext, params: DamagedParams) -> dict[str, Any]:
        with effects.redis_client(ctx.service) as client:
            damaged, _ = _below(client, params.prefix)
        rows = [[key, value, left] for key, (value, left) in damaged.items()]
        return {"vault": vault.put({"rows": rows}), "keys": len(rows)}

    def execute(self, ctx: ActionContext, params: DamagedParams) -> Result:
        removed = 0
        with effects.redis_client(ctx.service) as client:
            rows = _kept(ctx.undo or {})
            for first in range(0, len(rows), BATCH):
                ctx.guard()
                removed += sum(_remove(client, key, value) for key, value, _ in rows[first : first + BATCH])
        return Result(True, f"{counted(removed, 'keys')} removed", {"removed": removed}, {"keys": removed})

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        with effects.redis_client(ctx.service) as client:
            pipe = client.pipeline(transaction=False)
            for key, value, left in _kept(undo):
                pipe.set(key, value, px=left if left > 0 else None, nx=True)
            put = sum(bool(done) for done in pipe.execute())
        return Result(True, f"{counted(put, 'keys')} put back as they were")

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return "the values that were removed could not be read: they would be in the way again"

    def is_back(self, ctx: ActionContext, params: DamagedParams, undo: dict[str, Any]) -> ReadBack:
        with effects.redis_client(ctx.service) as client:
            keys = [key for key, _, _ in _kept(undo)]
            return "applied" if not keys or client.exists(*keys) == len(keys) else "not_applied"

    def read_back(self, ctx: ActionContext, params: DamagedParams) -> ReadBack:
        with effects.redis_client(ctx.service) as client:
            rows = _kept(ctx.undo or {})
            there = [client.get(key) == value for key, value, _ in rows[:BATCH]]
        return "not_applied" if any(there) else "applied"


def _kept(undo: dict[str, Any]) -> list[tuple[bytes, bytes, int]]:
    try:
        return [tuple(row) for row in vault.get(str(undo.get("vault")))["rows"]]
    except (FileNotFoundError, ValueError):
        raise ActionRefused("what was removed is not kept any more") from None


def _below(client: redis.Redis, prefix: str) -> tuple[Damaged, int]:
    """What is damaged below a prefix, and how many values there are whole. ActionRefused where there are too many."""
    values: dict[bytes, bytes] = {}
    for keys in _batches(client, prefix):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
        found = pipe.execute(raise_on_error=False)
        values |= {k: v for k, v in zip(keys, found, strict=True) if isinstance(v, bytes)}
    whole = sum(verdict(value)[0] == "whole" for value in values.values())
    known = whole >= LEARNT
    bad = [key for key, value in values.items() if verdict(value, known=known)[0] == "damaged"]
    pipe = client.pipeline(transaction=False)
    for key in bad:
        pipe.pttl(key)
    left = zip(bad, pipe.execute() if bad else [], strict=True)
    return {key: (values[key], ms) for key, ms in left if ms != -2}, whole


def _batches(client: redis.Redis, prefix: str) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for number, key in enumerate(client.scan_iter(match=f"{prefix}*", count=500)):
        if number > MOST_LOOKED:
            raise ActionRefused(f"there are too many keys below {prefix} to look at each")
        batch.append(key)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _remove(client: redis.Redis, key: bytes, value: bytes) -> bool:
    """Unless it is another value by now."""
    with client.pipeline() as pipe:
        try:
            pipe.watch(key)  # type: ignore[no-untyped-call]
            if pipe.get(key) != value:
                return False
            pipe.multi()
            pipe.unlink(key)
            return bool(pipe.execute()[0])
        except redis.WatchError:
            return False
