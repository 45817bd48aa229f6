"""What each action would say here and now: every one is checked and previewed on each of its targets, and none is run.

For a manifest that is being written: what an action needs and cannot reach is told before it is wanted.
"""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import psycopg
import redis
from django.db import connections

from actions import gate, registry
from actions.base import ActionContext, ActionRefused, AnyAction
from actions.execution import words
from systems import threads
from systems.redact import for_system
from systems.runtimes.base import RuntimeError_
from systems.services import LoadedSystem

# `ready`: it could be asked for now. `idle`: everything it needs is there, and there is nothing for it to do, or it has
# to be told on what. `unreached`: what it needs cannot be reached, or is not there.
Outcome = Literal["ready", "idle", "unreached"]
WITHIN_S = 20.0
ROOM = "rehearsal"
AWAY = (OSError, RuntimeError_, psycopg.Error, redis.RedisError, httpx.HTTPError)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One action on one target, and why it is not ready; without secrets."""

    action: str
    target: str
    outcome: Outcome
    why: str = ""


def rehearse(system: LoadedSystem, within_s: float = WITHIN_S) -> list[Rehearsed]:
    """Every action that applies, on each of its targets, side by side for at most `within_s` in all."""
    asked: list[tuple[str, str, Future[Rehearsed]]] = []
    found: list[Rehearsed] = []
    for slug, action in registry.of(system).items():
        try:
            targets = action.targets(system)
        except Exception as error:
            found.append(Rehearsed(slug, "", "unreached", _clean(system, words(error))))
            continue
        asked += [(slug, t, threads.submit(system.slug, ROOM, _apart, system, action, t)) for t in targets]
    try:
        wait_for([future for *_, future in asked], within_s)
        late = f"no answer in {within_s:g} s"
        for slug, target, future in asked:
            done = future.done() and not future.cancelled()
            found.append(future.result() if done else Rehearsed(slug, target, "unreached", late))
    finally:
        threads.abandon(system.slug)
    return found


def without_a_unit(system: LoadedSystem) -> list[str]:
    """Actions that do not apply because nothing of the system has a unit."""
    if any(service.unit is not None for service in system.services.values()):
        return []
    return [slug for slug, action in registry.of(system).items() if action.needs_unit]


def _apart(system: LoadedSystem, action: AnyAction, target: str) -> Rehearsed:
    try:
        return _one(system, action, target)
    finally:
        connections.close_all()  # this thread's


def _one(system: LoadedSystem, action: AnyAction, target: str) -> Rehearsed:
    try:
        bound = gate.bind(system, action.slug, target, _example(action, ActionContext(system, target)))
        bound.check()
        bound.preview()
    except ActionRefused as error:
        away = _is_away(error)
        return Rehearsed(action.slug, target, "unreached" if away else "idle", _clean(system, str(error)))
    except Exception as error:
        return Rehearsed(action.slug, target, "unreached", _clean(system, words(error)))
    return Rehearsed(action.slug, target, "ready")


def _example(action: AnyAction, ctx: ActionContext) -> dict[str, Any]:
    """The first of what may be chosen, for each parameter that has to be given. ActionRefused when there is none."""
    wanted = [name for name, field in action.Params.model_fields.items() if field.is_required()]
    choices = action.choices(ctx) if wanted else {}
    for name in wanted:
        if not choices.get(name):
            raise ActionRefused(f"there is no {name} to choose now")
    return {name: choices[name][0] for name in wanted}


def _is_away(error: BaseException) -> bool:
    """Whether it was refused because something else could not be reached, or is not there."""
    behind: BaseException | None = error.__cause__ or error.__context__
    while behind is not None:
        if isinstance(behind, AWAY):
            return True
        behind = behind.__cause__ or behind.__context__
    return False


def _clean(system: LoadedSystem, text: str) -> str:
    return for_system(system).text(" ".join(text.split()))[:300]
