"""The journal of what roles answer: the same question, by the hash of what was asked, is never put twice.

An answer is stored as soon as it is there, in a transaction of its own: a worker that is killed before it commits its
step, or a second run of the incident, finds it again. Meanwhile the lease of the run is held (agent/journal.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from agent import journal
from agent.models import Call, Run
from incidents.typed import plain

# Answers of a role that are kept of an incident, the newest: an opinion is only asked again of the newest pictures.
KEPT = {"diagnoser": 4}
MOST = 24
T = TypeVar("T")


def once(
    incident_id: int,
    role: str,
    player: str,
    asked: Any,
    think: Callable[[], T],
    *,
    of: TypeAdapter[T],
    run: Run | None = None,
) -> T:
    """The answer to `asked` (anything that is JSON): as journaled, else by `think`, and journaled then. `of`: its type.

    Whatever `think` raises is no answer."""
    key = hashlib.sha256(to_json([player, asked], inf_nan_mode="strings")).hexdigest()
    mine = Call.objects.filter(incident=incident_id, role=role)
    known = mine.filter(asked=key).values_list("answer", flat=True).first()
    if known is not None:
        return of.validate_python(known)
    began = time.perf_counter()
    with journal.held(run) if run else nullcontext():
        answer = think()
    row = Call(
        incident_id=incident_id,
        run_id=run.pk if run else None,
        role=role,
        player=player,
        asked=key,
        answer=plain(of.dump_python(answer, mode="json", exclude_defaults=True)),
        seconds=time.perf_counter() - began,
    )
    Call.objects.bulk_create([row], ignore_conflicts=True)
    old = mine.order_by("-pk").values_list("pk", flat=True)[KEPT.get(role, MOST) :]
    Call.objects.filter(pk__in=list(old)).delete()
    return answer
