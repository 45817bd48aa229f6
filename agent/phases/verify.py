"""Verify: the probes that found the trouble decide whether it is gone. What the action says counts for nothing."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from actions import policy
from agent import patience, relapse, roles, served
from agent import rounds as rounds_
from agent.context import is_self_healed, symptom_key
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import explain, heldoff, putback, waiting
from agent.roles.base import Verdict
from incidents import evidence, lifecycle, timeline
from incidents import service as incidents
from incidents.evidence import SignalState
from incidents.models import State
from incidents.signals import CATALOG
from knowledge import lessons
from systems import services
from systems.probes import journeys

TICK_S = 0.9
SUSTAIN = 4  # fresh looks in a row, all green
FRESH = ("verify_from", "green_since", *patience.COUNTS)  # begins anew with each effect


def step(run: Run) -> Outcome:
    memory, slug = run.memory, run.incident.system.slug
    if "again" in memory:
        return _look_again(run)
    if not memory.get("verify_from"):
        memory["verify_from"] = timezone.now().isoformat()
        memory["green_since"] = None
        title = "Measuring whether it helped" if memory.get("acted_at") else "Measuring whether all is well"
        lifecycle.transition(run.incident_id, State.VERIFYING, actor="agent", title=title)
    stamp, acted = evidence.taken_at(slug), memory.get("acted_at")
    if stamp is None or stamp == memory.get("stamp") or (acted and _older(stamp, acted)):
        return Outcome(Phase.VERIFY, wait_s=TICK_S / 3)
    memory["stamp"] = stamp
    states = evidence.snapshot(slug)
    verdict = roles.validator().judge(run.incident, states, set(memory.get("before", [])), _time(acted))
    verdict = _unless_changed(run, states, verdict)
    if verdict.state != "recovered" and evidence.is_starved(slug):
        memory["green_since"] = None
        return Outcome(Phase.VERIFY, wait_s=TICK_S)  # what is slow or silent now tells nothing of the effect
    patience.note(memory, states, verdict.active, stamp)
    lacking = ""
    if verdict.state == "recovered":
        memory["green_since"] = memory.get("green_since") or timezone.now().isoformat()
        verdict, lacking = _proven(run, verdict)
    if verdict.state == "recovered" and not lacking:
        return _recovered(run, verdict)
    if lacking:
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    memory["green_since"] = None
    if patience.is_too_early(memory, cleared=verdict.cleared > 0):
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    why = policy.held(run.incident.system, policy.AGENT)
    if why is not None and not verdict.cleared and memory.get("requests"):
        waiting.tell_held(run, why, "putting back what brought nothing")
        return Outcome(Phase.VERIFY, wait_s=TICK_S)
    if verdict.cleared and heldoff.is_it(run, states, verdict):
        return heldoff.tell(run, states)
    return _not_recovered(run, verdict)


def _proven(run: Run, verdict: Verdict) -> tuple[Verdict, str]:
    """Everything is green now: whether that has lasted long enough for this fault, and what is still lacking."""
    memory, acted, green = run.memory, _time(run.memory.get("acted_at")), _time(run.memory["green_since"])
    ended = relapse.exits(run.incident)
    if green and any(at > green for _, at in ended):
        memory |= {"green_since": timezone.now().isoformat(), "watched": 0.0, "green_looks": 0}
    if int(memory.get("green_looks", 0)) < SUSTAIN:
        return verdict, "a few looks more"
    gap = 2 * relapse.longest_gap(run.incident, ended, acted)
    if float(memory.get("watched", 0)) < gap:
        return verdict, f"it came back before within {gap / 2:.0f} s"
    rounds: dict[str, int] = memory.setdefault("rounds", {})
    proofs = relapse.proofs(run.incident, acted)
    wanting = [p for p in proofs if p.clean + rounds.get(p.name, 0) < p.needed]
    if not wanting:
        return _served(run, verdict, acted)
    system = services.load(run.incident.system.slug)
    again = [p.words() for p in wanting if green and p.last_failed > green]
    # where the agent only watches, it only watches: no runs of its own
    problem = (rounds_.go(memory, system, wanting) if run.incident.system.agent_on else "") or "; ".join(
        again
    )
    if problem:
        memory["relapsed"] = problem
        why = f"it still fails now and then: {problem}"
        active = [
            f"journey_failed@{journeys.entry_service(system, j)}#{j.name}"
            for j in system.manifest.journeys
            if j.name in {p.name for p in wanting}
        ]
        return Verdict("unwell", why, [why], [], verdict.cleared, sorted({*verdict.active, *active})), ""
    return verdict, "; ".join(f"{p.clean + rounds.get(p.name, 0)} of {p.needed} runs" for p in wanting)


def _served(run: Run, verdict: Verdict, acted: datetime | None) -> tuple[Verdict, str]:
    """What the services themselves count: enough of the requests of others went well. Where hardly any come, what has
    been seen by then is enough; where they go on failing, it is not over."""
    wanting = served.wanting(run.incident, acted)
    looked = int(run.memory.get("green_looks", 0))
    failing = [p for p in wanting if p.is_failing]
    if failing and looked >= patience.PATIENCE:
        why = f"{failing[0].name} still fails some of its requests, which it did not before"
        run.memory["relapsed"] = why
        key = symptom_key("app_errors", failing[0].name, "")
        return Verdict("unwell", why, [why], [], verdict.cleared, sorted({*verdict.active, key})), ""
    if not wanting or looked >= patience.DRAIN:
        return verdict, ""
    return verdict, "; ".join(f"{p.name}: {p.clean:.0f} of {p.needed} requests" for p in wanting)


def _unless_changed(run: Run, states: list[SignalState], verdict: Verdict) -> Verdict:
    """A changed setting that was taken for the cause, and repaired, must be back."""
    if verdict.state != "recovered" or not run.memory.get("acted_at"):
        return verdict
    if not (left := heldoff.still_changed(run, states)):
        return verdict
    words = [CATALOG[s.signal].describe(s) for s in left]
    keys = sorted({*verdict.active, *(symptom_key(s.signal, s.service, s.label) for s in left)})
    return Verdict("unwell", "; ".join(words), words, [], verdict.cleared, keys)


def _time(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None


def _older(stamp: str, than: str) -> bool:
    """Whether the picture was taken before the effect."""
    return datetime.fromisoformat(stamp) <= datetime.fromisoformat(than)


def _recovered(run: Run, verdict: Verdict) -> Outcome:
    """Said of our own work only where there was any: else what is measured is that the symptoms are gone."""
    if limits := relapse.limits_changed(run.incident):
        return explain.hand_over(
            run, f"the symptoms are gone, and what may have caused them is not: {limits[0]}"
        )
    _learn(run, worked=True)
    mended = explain.is_mended(run)
    timeline.record(
        run.incident_id,
        "verify",
        f"Recovered: {verdict.why}" if mended else f"Well, and not by anything done here: {verdict.why}",
        actor="validator",
        data={"green_since": run.memory["green_since"], "remaining": verdict.remaining, "mended": mended},
    )
    if not mended and (left := relapse.still_changed(run.incident)):
        return explain.hand_over(run, f"the symptoms are gone, and what caused them is not: {left[0]}")
    return Outcome(Phase.EXPLAIN, "recovered", {"why": verdict.why})


def _not_recovered(run: Run, verdict: Verdict) -> Outcome:
    """Undo what brought nothing, keep what helped in part, and look again."""
    memory = run.memory
    timeline.record(
        run.incident_id,
        "verify",
        f"Not recovered: {verdict.why}",
        actor="validator",
        data={"remaining": verdict.remaining, "new": verdict.new, "cleared": verdict.cleared},
    )
    if not verdict.cleared:  # new symptoms beside cleared ones are more likely a second fault than our doing
        putback.begin(run, verdict.why)
    relapsed = memory.pop("relapsed", "")
    if memory.get("path"):
        _learn(run, worked=not relapsed and _helped(run, verdict))
        memory["tried"] = [*memory.get("tried", []), memory["path"]["key"]]
    for key in (*FRESH, "rounds", "leader", "steady", "looks", "acted_at", "shown"):
        memory.pop(key, None)
    memory["asked"], memory["answers"] = [], []
    memory["again"] = {"why": verdict.why, "relapsed": relapsed}
    return _look_again(run)


def _look_again(run: Run) -> Outcome:
    """Once all that is taken back is back."""
    if (waits := putback.step(run)) is not None:
        return waits
    again = run.memory.pop("again")
    if again["relapsed"] and is_self_healed(run.incident):  # no symptom holds that could be looked into
        why = f"it still fails now and then, and why was not found: {again['relapsed']}"
        return explain.hand_over(run, why)
    lifecycle.transition(run.incident_id, State.DIAGNOSING, actor="agent", title="Looking again")
    return Outcome(Phase.DIAGNOSE, "not recovered", {"why": again["why"]})


def _helped(run: Run, verdict: Verdict) -> bool:
    """Whether what the repaired cause was said to show is gone: a new process that is as ill as the old one is none."""
    shown = {(e.get("signal"), e.get("service")) for e in heldoff.acted_on(run).get("pro", [])}

    def mine(key: str) -> bool:
        signal, _, rest = key.partition("@")
        return (signal, rest.partition("#")[0]) in shown

    expected = [key for key in run.memory.get("before", []) if mine(key)]
    return bool(expected) and verdict.cleared > 0 and not any(mine(key) for key in verdict.active)


def _learn(run: Run, *, worked: bool) -> None:
    """Outcome statistics come from verified measurements only."""
    path = run.memory.get("path")
    if not path or not run.memory.get("acted_at"):
        return
    finding = heldoff.acted_on(run)
    cause = str(finding.get("cause", ""))
    did = [f"{s['action']} on {s['target']}" for s in path["steps"][: int(run.memory["cursor"])]]
    if finding:
        incidents.note_repair(run.incident_id, finding, did, helped=worked)
    for item in path["steps"][: int(run.memory["cursor"])]:
        lessons.record_outcome(cause, item["action"], worked=worked, system_slug=run.incident.system.slug)
