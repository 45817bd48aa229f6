"""kill -9 of each own process and store, alone and in pairs, launcher included, in the middle of incidents."""

from __future__ import annotations

import itertools
import time

from opsportal.attack.base import Context, Verdict, until
from opsportal.attack.portal import Scratch
from opsportal.attack.watching import Starts, claimed_twice, illegal_runs, live_faults, overrun_faults
from opsportal.local.probe import look

OWN = ("web", "worker", "watch", "keeper", "redis", "postgres")
FAULTS = ("queue_worker_crash", "api_down", "config_corruption")
TARGET = "frontend"  # a unit that none of these faults touches: its starts are the effects asked for here
ASKED = 3
FAULT_S = 30.0
BACK_WITHIN_S = 60.0
OVER_WITHIN_S = 120.0
QUIET_END_S, BUSY_END_S = 10.0, 30.0  # what the launcher's death may take, without and with an open fault


def run(context: Context, verdict: Verdict) -> None:
    pairs = list(itertools.combinations(OWN, 2))
    few = [("worker", "redis"), ("watch", "postgres"), ("web", "keeper")]
    rounds: list[tuple[str, ...]] = [
        (name,) for name in context.pick(("worker", "redis", "postgres"), OWN, OWN)
    ]
    rounds += context.pick([], few, pairs)
    with context.portal("kills") as portal:
        back = [_round(context, portal, verdict, victims, n) for n, victims in enumerate(rounds)]
        over, longest = overrun_faults(portal)
        verdict.figures |= {
            "rounds": len(rounds),
            "slowest back s": max(back),
            "claimed twice": claimed_twice(portal),
            "illegal runs": illegal_runs(portal),
            "faults past their deadline": over,
            "longest overrun s": longest,
        }
        _launcher(context, portal, verdict)
    for name in ("claimed twice", "illegal runs", "faults past their deadline"):
        verdict.must(verdict.figures[name] == 0, f"{name}: {verdict.figures[name]}")


def _round(
    context: Context, portal: Scratch, verdict: Verdict, victims: tuple[str, ...], number: int
) -> float:
    """One kill with effects in flight. Seconds until everything is ready again."""
    fault = FAULTS[number % len(FAULTS)]
    with Starts(portal) as starts:
        portal.break_(fault, FAULT_S)
        until(portal.open_incidents, 20)
        before = starts.of[TARGET]
        asked = [
            portal.api("POST", "action/restart-service", {"target": TARGET, "wait": False})
            for _ in range(ASKED)
        ]
        killed = [name for name in victims if portal.kill(name)]
        began = time.monotonic()
        verdict.must(killed == list(victims), f"not there to be killed: {set(victims) - set(killed)}")
        gone = until(lambda: not look(portal.url).ready, 3)  # /healthz may need a moment to notice
        ready = portal.wait_ready(BACK_WITHIN_S)
        seconds = time.monotonic() - began
        verdict.must(
            ready,
            f"{'+'.join(victims)} killed: not ready again after {BACK_WITHIN_S:.0f} s: {look(portal.url).missing}",
        )
        _settle(portal, verdict, victims)
        ids = [r.json()["id"] for r in asked if r.status_code in (200, 202)]
        claims = portal.count(
            "select count(*) from actions_actionrequest where claimed_at is not null and id = any(%s)", ids
        )
        doubled = max(0, starts.of[TARGET] - before - claims)
    verdict.figures["doubled"] = verdict.figures.get("doubled", 0) + doubled
    verdict.must(doubled == 0, f"{'+'.join(victims)} killed: {doubled} effects doubled")
    context.say(
        f"  {'+'.join(victims)} killed during {fault}: {'seen, ' if gone else ''}ready after {seconds:.1f} s"
    )
    return seconds


def _settle(portal: Scratch, verdict: Verdict, victims: tuple[str, ...]) -> None:
    """Until no fault is in, every request is over, and nothing that ran is without an outcome."""
    name = "+".join(victims)
    over = until(lambda: live_faults(portal) == 0 and not _mine_open(portal), OVER_WITHIN_S)
    portal.manage("revert", "--all", check=False)
    verdict.must(bool(over), f"{name} killed: still open after {OVER_WITHIN_S:.0f} s: {_mine_open(portal)}")


def _mine_open(portal: Scratch) -> list[str]:
    """Requests that will still move, and incidents that have no agent and are with nobody."""
    moving = portal.rows(
        "select slug, target, status from actions_actionrequest "
        "where status in ('approved', 'running', 'unknown')"
    )
    lost = portal.rows(
        "select number, state from incidents_incident i where state not in ('resolved', 'handed_over') "
        "and not exists (select 1 from agent_run r where r.incident_id = i.number and r.phase <> 'done')"
    )
    return [f"{r['slug']}@{r['target']} {r['status']}" for r in moving] + [
        f"#{r['number']} {r['state']}" for r in lost
    ]


def _launcher(context: Context, portal: Scratch, verdict: Verdict) -> None:
    """The launcher dies: with a fault open, with the keeper dying too, and with nothing open."""
    both: list[tuple[str, ...]] = [("launcher",), ("launcher", "keeper")]
    deaths = context.pick(both[:1], both, both)
    for victims in deaths:
        portal.break_("config_corruption", 300.0)
        until(lambda: live_faults(portal), 5)
        ended = _end(portal, victims, BUSY_END_S)
        left = live_faults(portal)
        words = "+".join(victims)
        context.say(
            f"  {words} killed with a fault open: ended after {ended:.1f} s, {left} fault left for the next start"
        )
        verdict.figures[f"{words} ended s"] = ended
        verdict.must(
            ended <= BUSY_END_S, f"{words} killed: {portal.left(0)} still runs after {BUSY_END_S:.0f} s"
        )
        verdict.must(left == 0 or "keeper" in victims, f"{words} killed: the fault was not taken back")
        portal.seen.clear()
        portal.start()
        verdict.must(live_faults(portal) == 0, f"{words} killed: a fault is still in after the next start")
    ended = _end(portal, ("launcher",), QUIET_END_S)
    verdict.figures["launcher ended (quiet) s"] = ended
    verdict.must(
        ended <= QUIET_END_S,
        f"launcher killed, no fault: {portal.left(0)} still runs after {QUIET_END_S:.0f} s",
    )


def _end(portal: Scratch, victims: tuple[str, ...], within_s: float) -> float:
    """Seconds from the kill until nothing of the copy runs any more; more than `within_s` when something stays."""
    portal.remember()
    for name in reversed(victims):  # the keeper first, so that it cannot act
        portal.kill(name)
    began = time.monotonic()
    if portal.process is not None:
        portal.process.wait(10)
    portal.left(within_s + 5)
    return time.monotonic() - began
