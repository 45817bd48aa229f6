"""What has to be started after something was put back.

Who was told to read its file again, and it brought nothing: it may read it at its start only; so much the likelier
where the process runs since the change, since then a start is what made the change count. And who was given up
meanwhile: its runtime does not try again by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from actions import effectnames
from actions import service as actions
from agent.context import symptom_key, without_label
from agent.models import Run
from incidents.findings import PlannedStep
from incidents.signals import CATALOG
from systems import services
from systems.models import ChangeRow
from systems.runtimes import RuntimeFailed

RESTARTS = "restart-service"
STARTS = ("restart-db", RESTARTS)  # the first that applies to a part
SLACK_S = 1.0


def steps(run: Run) -> list[PlannedStep]:
    """What starts those anew that the path had only read their files again, and that run since the change it is for."""
    attempt, finding, slug = run.case.attempt, run.case.acted_on, run.incident.system.slug
    row = ChangeRow.objects.filter(pk=finding.change_id).first() if finding and finding.change_id else None
    if attempt is None or row is None:
        return []
    done = {e for s in attempt.done for e in actions.effects_of(slug, s.action, s.target, s.params)}
    told = [e.partition(":")[2] for e in sorted(done) if e.startswith("reload:")]
    names = [n for n in told if f"restart:{n}" not in done and _runs_since(slug, n, row)]
    return [
        PlannedStep(action=RESTARTS, target=target)
        for name in names
        for target in actions.resolve_targets(slug, RESTARTS, name, {})
    ]


def longer(run: Run, active: Collection[str]) -> list[PlannedStep]:
    """The rest of a longer path of the same cause that begins with what was done, while something of what the cause was
    said to show is among what still holds (`active`, keys of symptoms), where the cause is a changed file that is back:
    who read it again may still be at what it took up before."""
    attempt, finding = run.case.attempt, run.case.acted_on
    if attempt is None or finding is None or not attempt.done:
        return []
    shown = {symptom_key(e.signal, e.service) for e in finding.pro}
    rests_on_a_change = any((found := CATALOG.get(e.signal)) and found.changed for e in finding.pro)
    if not rests_on_a_change or not any(without_label(key) in shown for key in active):
        return []
    done = [s.key for s in attempt.done]
    longer = [p for p in finding.paths if len(p) > len(done) and [s.key for s in p[: len(done)]] == done]
    tried = {*run.case.tried}
    new = [p for p in longer if attempt.path.model_copy(update={"steps": p}).key not in tried]
    return min(new, key=len, default=[])[len(done) :]


def given_up(run: Run) -> list[PlannedStep]:
    """What starts those that ended until nobody started them any more, where the path wrote a state anew on them."""
    attempt, finding, slug = run.case.attempt, run.case.acted_on, run.incident.system.slug
    if attempt is None or not attempt.done:
        return []
    effects = {e for s in attempt.done for e in actions.effects_of(slug, s.action, s.target, s.params)}
    if not effectnames.writes(effects):
        return []
    system = services.load(slug)
    parts = {s.target for s in attempt.done} | {
        e.partition(":")[2] for e in effects if e.startswith("reload:")
    }
    parts |= {*system.graph.members(finding.component)} if finding else set()
    names = [n for n in sorted(parts) if f"restart:{n}" not in effects and _is_given_up(slug, n)]
    return [step for name in names if (step := _start(slug, name)) and step not in attempt.path.steps]


def _start(slug: str, name: str) -> PlannedStep | None:
    found = ((a, actions.resolve_targets(slug, a, name, {})) for a in STARTS)
    return next((PlannedStep(action=a, target=t[0]) for a, t in found if t), None)


def _is_given_up(slug: str, name: str) -> bool:
    system = services.load(slug)
    service = system.services.get(name)
    try:
        return bool(service and service.unit and system.runtime.state(service.unit).fatal)
    except RuntimeFailed:
        return False


def _runs_since(slug: str, name: str, row: ChangeRow) -> bool:
    system = services.load(slug)
    unit = system.service(name).unit
    try:
        started = system.runtime.state(unit).started_at if unit else None
    except RuntimeFailed:
        return False
    return started is not None and started >= row.last_old.timestamp() - SLACK_S
