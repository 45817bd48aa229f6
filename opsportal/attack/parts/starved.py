"""Busy loops beside the portal: a starved watcher accuses nobody, and still sees a real death."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.watching import actions_since, incidents_since, now
from systems import services

LOOPS = 16
KIND = "http"  # of the part that is killed
SEEN_WITHIN_S = 30.0


def run(context: Context, verdict: Verdict) -> None:
    seconds = context.pick(40, 120, 300)
    with context.portal("starved") as portal:
        time.sleep(20)  # the watcher learns what is normal here
        began = now()
        with _busy(LOOPS):
            context.say(f"  {LOOPS} busy loops for {seconds} s ...")
            time.sleep(seconds / 2)  # the load is what is tried
            false = incidents_since(portal, began)
            needless = actions_since(portal, began)
            killed = now()
            system = services.from_manifest(portal.manifest)
            victim = next(name for name, s in system.services.items() if s.kind == KIND and s.unit)
            system.runtime.kill(victim)
            clock = time.monotonic()
            seen = until(lambda: incidents_since(portal, killed), SEEN_WITHIN_S + 15)
            seen_s = time.monotonic() - clock
            time.sleep(max(0.0, seconds / 2 - seen_s))
        later = [i for i in incidents_since(portal, killed) if i not in (seen or [])[:1]]
        verdict.figures |= {
            "loops": LOOPS,
            "seconds": seconds,
            "false incidents": len(false) + len(later),
            "false actions": len(needless),
            "killed api seen s": round(seen_s, 1) if seen else None,
        }
    verdict.must(not false and not later, f"false incidents: {false + later}")
    verdict.must(not needless, f"actions without a reason: {needless}")
    verdict.must(
        bool(seen) and seen_s <= SEEN_WITHIN_S, f"{victim} killed: no incident within {SEEN_WITHIN_S:.0f} s"
    )


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()
