"""A configuration on trial: the product's own checker reads it from a copy beside the real file, so that what it
includes is found; the copy is gone again at once, and its name is one that patterns pass over."""

from __future__ import annotations

import uuid
from pathlib import PurePath

from actions import effects
from actions.base import ActionContext
from actions.trial import TRIED_S, Trial, judged

MARK = ".ops-try."


def config(ctx: ActionContext, name: str, content: bytes) -> Trial | None:
    """What the checker that the manifest declares for `name` says of `content`; None where it declares none, or the
    service runs nowhere that we could ask."""
    service = ctx.system.service(name)
    if service.config is None or not service.config.check or service.unit is None:
        return None
    real = ctx.system.path(service.config.file)
    copy = real.with_name(f"{MARK}{uuid.uuid4().hex[:8]}.{real.name}")  # several may try at once
    words = [word.replace("{file}", str(copy)).replace("{name}", copy.name) for word in service.config.check]
    try:
        effects.write_whole(copy, content, mode=real.stat().st_mode & 0o777 if real.exists() else None)
        done = ctx.runtime.exec(service.unit, words, TRIED_S)
    finally:
        copy.unlink(missing_ok=True)
    if done.timed_out:
        return Trial("not_tried", "", [f"its checker did not end in {TRIED_S:g} s"])
    said = (done.err.strip() or done.out).replace(str(copy), real.name).replace(copy.name, real.name)
    program, *more = service.config.check
    named = " ".join([PurePath(program).name, *(word for word in more if "{" not in word)])
    return judged(done.code, said, f"a copy, by {named}")
