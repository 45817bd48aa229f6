"""What was put back by telling a process to read its file again, and brought nothing: it may read it at its start only.

That is so much the likelier where the process runs since the change: then a start is what made the change count.
"""

from __future__ import annotations

from actions import service as actions
from agent.models import Run
from agent.roles.base import TAKES_BACK
from incidents.findings import PlannedStep
from systems import services
from systems.models import ChangeRow
from systems.runtimes import RuntimeFailed

RESTARTS = "restart-service"
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


def given_up(run: Run) -> list[PlannedStep]:
    """What starts those again of which a change was taken back, and that the runtime has given up in the meantime:
    nobody else does, and until then nothing can be told of what it brought."""
    attempt, slug = run.case.attempt, run.incident.system.slug
    if attempt is None:
        return []
    done = {e for s in attempt.done for e in actions.effects_of(slug, s.action, s.target, s.params)}
    names = sorted({s.target for s in attempt.done if s.action == TAKES_BACK})
    return [
        PlannedStep(action=RESTARTS, target=target)
        for name in names
        if f"restart:{name}" not in done and _is_given_up(slug, name)
        for target in actions.resolve_targets(slug, RESTARTS, name, {})
    ]


def _is_given_up(slug: str, name: str) -> bool:
    system = services.load(slug)
    unit = system.service(name).unit
    try:
        return unit is not None and system.runtime.state(unit).fatal
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
