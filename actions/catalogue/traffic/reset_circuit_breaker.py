"""Close a circuit breaker that has not closed by itself. Refused while nothing behind it answers."""

from __future__ import annotations

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem


class ResetCircuitBreaker(Action[NoParams]):
    slug = "reset-circuit-breaker"
    title = "Reset the circuit breaker"
    risk = Risk.LOW
    groups = True

    def targets(self, system: LoadedSystem) -> list[str]:
        """Proxies with a control address; and for an external service, its declared consumers that have one."""
        own = [n for n in effects.of_kind(system.services, "proxy") if system.service(n).control]
        outside = [n for n, s in system.services.items() if s.fallback and _holders(system, n)]
        return own + outside

    def touches(self, ctx: ActionContext, params: NoParams) -> list[str]:
        return list(dict.fromkeys([ctx.target, *_where(ctx)]))

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset(f"breaker:{n}" for n in _where(ctx))

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        behind = list(ctx.system.graph.needs[ctx.target]) or [ctx.target]
        if not any(effects.answers(ctx.system, ctx.system.service(n)) for n in behind):
            raise ActionRefused("nothing behind the breaker answers: it would open again at once")
        for name in _where(ctx):
            _url(ctx, name)

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        calls = "; ".join(f"POST {_url(ctx, n)}" for n in _where(ctx))
        changes = [f"{n}: breaker -> closed" for n in _where(ctx)]
        return Preview(
            calls, changes, _where(ctx), "Cannot be undone: it opens by itself when calls fail again."
        )

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        for name in _where(ctx):
            ctx.guard()
            effects.call("POST", _url(ctx, name))
        return Result(True, f"breaker closed on {', '.join(_where(ctx))}")

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return "not_applied"  # a reset leaves no trace and is safe to repeat


def _holders(system: LoadedSystem, name: str) -> list[str]:
    spec = system.service(name).fallback
    names = [m for c in (spec.consumers if spec else []) for m in system.members(c)]
    return [n for n in names if system.service(n).control]


def _url(ctx: ActionContext, name: str) -> str:
    return effects.control(ctx.system.service(name), "reset_breaker")


def _where(ctx: ActionContext) -> list[str]:
    return _holders(ctx.system, ctx.target) or [ctx.target]
