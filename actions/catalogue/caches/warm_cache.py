"""Fill the cache by asking for what people ask for: the plain GET requests of journeys and consistency rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import psycopg

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem

MAX_URLS = 300
ROUNDS = 20  # a rule's query samples few keys at a time


class WarmCache(Action[NoParams]):
    slug = "warm-cache"
    title = "Warm the cache"
    risk = Risk.LOW

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "redis")

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"warm:{ctx.target}"})

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        if not _plain(ctx) and not _rules(ctx):
            raise ActionRefused("the manifest declares no request that would warm this cache")

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        urls = [*_plain(ctx)] + [url for _, url, _ in _rules(ctx)]
        return Preview(
            "; ".join(f"GET {u}" for u in urls),
            ["only reads: what is not cached yet is cached"],
            [ctx.target],
            "Cannot be undone, and need not be: what was read stays cached.",
        )

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        headers, urls = dict(_plain(ctx)), [*_plain(ctx)]
        for service, url, query in _rules(ctx):
            urls += [url.replace("{key}", quote(str(k), safe="")) for k in _keys(ctx, service, query)]
        urls = list(dict.fromkeys(urls))[:MAX_URLS]
        with httpx.Client(timeout=3, trust_env=False) as client, ThreadPoolExecutor(8) as pool:
            good = sum(pool.map(lambda u: _get(client, u, headers.get(u, {})), urls))
        return Result(
            good > 0, f"{good} of {len(urls)} requests answered", {"asked": len(urls), "good": good}
        )

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "not_applied"  # only reads; safe to repeat


def _get(client: httpx.Client, url: str, headers: dict[str, str]) -> bool:
    try:
        return client.get(url, headers=headers).status_code < 400
    except httpx.HTTPError:
        return False


def _plain(ctx: ActionContext) -> dict[str, dict[str, str]]:
    """Url -> headers of the GET steps that need nothing of an earlier step."""
    steps = [s for j in ctx.system.manifest.journeys for s in j.steps if s.get]
    return {str(s.get): s.headers for s in steps if "{" not in f"{s.get}{''.join(s.headers.values())}"}


def _rules(ctx: ActionContext) -> list[tuple[str, str, str]]:
    rules = [c for c in ctx.system.manifest.consistency if c.service == ctx.target]
    return [(c.sql_service, c.url, c.sql) for c in rules]


def _keys(ctx: ActionContext, service: str, query: str) -> list[str]:
    """Keys the rule's own query gives, read-only and with the prober's role."""
    spec = ctx.system.service(service).postgres
    if spec is None:
        return []
    found: dict[str, None] = {}
    try:
        with psycopg.connect(
            spec.dsn, connect_timeout=3, autocommit=True, options="-c statement_timeout=3000"
        ) as session:
            session.read_only = True
            for _ in range(ROUNDS):
                found |= dict.fromkeys(str(r[0]) for r in session.execute(query).fetchall())
    except psycopg.Error:
        return list(found)
    return list(found)
