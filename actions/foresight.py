"""What is known of an action before it is done: how it went on a copy, where one can be had; else who would be without
what, and for how long it took before. What failed on a copy is not asked for by the agent."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from actions.base import ActionContext, AnyAction, Params
from actions.models import ActionRequest, Status
from actions.trial import Trial
from incidents.memo import memo

FRESH_S = 15.0  # a plan is weighed, shown and asked for within this; each would try it again
RUNS = 20  # earlier ones that count
NAMED = 6


def tried(action: AnyAction, ctx: ActionContext, params: Params, restarted: list[str]) -> Trial:
    """The trial of what is asked for; of what cannot be tried, what can be foreseen. Raises nothing."""
    asked = (ctx.system.slug, action.slug, ctx.target, params.model_dump_json())
    trial = memo.get(("trial", *asked), FRESH_S, lambda: _tried(action, ctx, params))
    return trial or foreseen(action, ctx, restarted)


def foreseen(action: AnyAction, ctx: ActionContext, restarted: list[str]) -> Trial:
    """From the graph of who needs whom, and from earlier runs."""
    return Trial("foreseen", "", [*_without(ctx, restarted), *_before(action, ctx, bool(restarted))])


def _tried(action: AnyAction, ctx: ActionContext, params: Params) -> Trial | None:
    try:
        return action.try_out(ctx, params)
    except Exception as error:  # that it cannot be tried says nothing of it
        said = " ".join(str(error).split()) or type(error).__name__
        return Trial("not_tried", "", [f"it could not be tried on a copy: {said}"[:300]])


def _without(ctx: ActionContext, names: list[str]) -> Iterator[str]:
    if not names:
        return
    callers = sorted(ctx.system.graph.callers(names).keys() - set(names))
    more = f" and {len(callers) - NAMED} more" if len(callers) > NAMED else ""
    whom = (
        f", and {', '.join(callers[:NAMED])}{more} without {'them' if len(names) > 1 else 'it'}"
        if callers
        else ""
    )
    yield f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} away while starting anew{whom}"


def _before(action: AnyAction, ctx: ActionContext, interrupts: bool) -> Iterator[str]:
    asked = (ctx.system.slug, action.slug, ctx.target)
    took = memo.get(("took", *asked), FRESH_S, lambda: _earlier(*asked))
    if len(took) == 1:
        yield f"done here once before: it took {took[0]:.1f} s"
    elif took:
        yield f"done here {len(took)} times before: it took {median(took):.1f} s, at most {max(took):.1f} s"
    elif interrupts:
        yield "it was not done here before, so how long it takes is not known"


def _earlier(system: str, slug: str, target: str) -> list[float]:
    """Seconds that the same took on the same target."""
    rows = ActionRequest.objects.filter(
        system__slug=system, slug=slug, target=target, status=Status.SUCCEEDED, undo_of=None
    ).exclude(claimed_at=None)
    ended = rows.order_by("-finished_at").values_list("claimed_at", "finished_at")[:RUNS]
    return [(end - begun).total_seconds() for begun, end in ended if begun and end]
