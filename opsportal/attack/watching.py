"""What is counted while a portal is attacked: effects at the target, illegal runs, overrun faults, false incidents."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from types import TracebackType

from chaos.journal import Journal
from opsportal.attack.portal import Scratch
from systems import services

OVERRUN_S = 5.0  # the keeper looks twice a second; a revert takes its time

ILLEGAL = """
select count(*) from actions_actionrequest r
left join actions_decision d on d.request_id = r.id
left join auth_user u on u.id = d.by_id
left join actions_policygrant g on g.id = d.grant_id
left join incidents_incident i on i.number = r.incident_id
where r.claimed_at is not null and r.risk = 'high' and (
  d.id is null or not d.approved or d.digest <> r.digest
  or (d.grant_id is null and (u.id is null or not u.is_active or u.username = r.requested_by))
  or (d.grant_id is not null and (
    g.system_id <> r.system_id or g.requester <> r.requested_by or not r.slug = any(g.actions)
    or r.claimed_at > g.expires_at or r.claimed_at > g.revoked_at or i.number is null
    or (g.scope = 'incident' and g.scope_id <> i.number::text)
    or (g.scope <> 'incident' and i.opened_at <= g.created_at))))
"""
CLAIMED_TWICE = """
select count(*) from (
  select request_id from actions_auditentry where verb = 'action.started' and request_id is not null
  group by request_id having count(*) > 1) twice
"""


class Starts:
    """Counts what the runtime tells of starts, per unit, from a thread, for the length of a block."""

    def __init__(self, portal: Scratch) -> None:
        self._system = services.from_manifest(portal.manifest)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._task: asyncio.Task[None] | None = None
        self._begun = threading.Event()
        self.of: Counter[str] = Counter()

    def __enter__(self) -> Starts:
        self._thread.start()
        self._begun.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            return

    async def _listen(self) -> None:
        while True:
            try:
                self._begun.set()
                async for event in self._system.runtime.events():
                    if event.kind == "started":
                        self.of[event.unit] += 1
            except Exception:  # the runtime is away for a moment; what it counts then is not missed twice
                await asyncio.sleep(0.2)


def illegal_runs(portal: Scratch) -> int:
    """High-risk actions that ran without a valid decision of somebody else, or a grant that names them."""
    return portal.count(ILLEGAL)


def claimed_twice(portal: Scratch) -> int:
    return portal.count(CLAIMED_TWICE)


def overrun_faults(portal: Scratch) -> tuple[int, float]:
    """How many faults outlived their deadline, and the longest overrun in seconds."""
    overruns = [
        (entry.reverted_at or time.time()) - entry.deadline
        for entry in Journal(portal.folder / "chaos-journal").entries()
    ]
    return sum(s > OVERRUN_S for s in overruns), max([0.0, *overruns])


def live_faults(portal: Scratch) -> int:
    return len(Journal(portal.folder / "chaos-journal").live())


def incidents_since(portal: Scratch, at: datetime) -> list[str]:
    found = portal.rows(
        "select number, title from incidents_incident where opened_at >= %s order by number", at
    )
    return [f"#{row['number']} {row['title']}" for row in found]


def actions_since(portal: Scratch, at: datetime) -> list[str]:
    query = "select slug, target from actions_actionrequest where claimed_at >= %s order by claimed_at"
    return [f"{row['slug']}@{row['target']}" for row in portal.rows(query, at)]


def now() -> datetime:
    return datetime.now(UTC)
