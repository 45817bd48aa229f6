"""Run, ask or refuse: decided by this code and rows an administrator keeps, never by a model.

Low and medium run alone unless a rule, a freeze or the asker says otherwise. High always asks: no rule can loosen
that. What stands in for a person at a game day is a grant: see actions/grants.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from actions import audit
from actions.models import Freeze, PolicyRule, Risk
from systems.models import System

Verdict = PolicyRule.Verdict
AGENT = "agent"
FREEZE = "actions.add_policyrule"  # who may freeze, halt and stop, and lift it again, at every door
STOP_LOCK = (
    0x0A0D18  # advisory lock between the switch (alone) and claims (together); ends with the transaction
)


@dataclass(frozen=True, slots=True)
class Ruling:
    verdict: str
    why: str


def rule(
    system: System, slug: str, risk: str, requester: str, ask_why: str = "", *, despite_hold: bool = False
) -> Ruling:
    """The policy's answer now. `ask_why`: the asker's own reason to have a person look; it can only tighten.
    `despite_hold`: as it would be were nothing stopped or halted, for what waits until that is lifted."""
    if not despite_hold and (hold := held(system, requester)) is not None:
        return Ruling(Verdict.REFUSE, hold)
    if requester == AGENT and not system.agent_on:
        return Ruling(Verdict.REFUSE, only_watches(system))
    found = _rule_for(system, slug)
    if found is not None and found.verdict == Verdict.REFUSE:
        return Ruling(Verdict.REFUSE, f"a policy refuses {slug}{_note(found.note)}")
    if risk not in (Risk.LOW, Risk.MEDIUM):
        return Ruling(Verdict.ASK, "high risk always asks a person")
    if found is not None and found.verdict == Verdict.ASK:
        return Ruling(Verdict.ASK, f"a policy asks before {slug}{_note(found.note)}")
    frozen = freezes(system).filter(mode=Freeze.Mode.ASK).first()
    if frozen is not None:
        return Ruling(Verdict.ASK, f"a freeze is on{_note(frozen.note)}")
    if ask_why:
        return Ruling(Verdict.ASK, ask_why[:300])
    return Ruling(Verdict.RUN, f"{risk} risk runs alone")


def only_watches(system: System) -> str:
    return f"the agent only watches {system.slug}: it is not turned on there"


def _note(note: str) -> str:
    return f": {note}" if note else ""


def _rule_for(system: System, slug: str) -> PolicyRule | None:
    """The most specific rule: this system before all, this action before `*`."""
    rules = list(
        PolicyRule.objects.filter(Q(system=system) | Q(system=None), action__in=[slug, "*"]).order_by("pk")
    )
    rules.sort(key=lambda r: (r.system_id is None, r.action == "*"))
    return rules[0] if rules else None


def approval_time(system: System, slug: str) -> timedelta:
    """How long a request waits, or an approval holds, before it is measured again."""
    found = _rule_for(system, slug)
    seconds = found.approval_seconds if found is not None else None
    return timedelta(seconds=seconds or settings.OPSPORTAL_APPROVAL_SECONDS)


def freezes(system: System) -> QuerySet[Freeze]:
    """The freezes and halts in force now, by the database's clock."""
    return Freeze.objects.filter(
        Q(system=system) | Q(system=None), Q(ends_at=None) | Q(ends_at__gt=Now()), starts_at__lte=Now()
    )


def held(system: System, requester: str, *, claiming: bool = False) -> str | None:
    """Why nothing of this requester may start there now, though it may once a person lifts it: all acting is stopped,
    or the agent is halted. What was approved waits meanwhile. `claiming`: see `stopped`."""
    if (stop := stopped(claiming=claiming)) is not None or requester != AGENT:
        return stop
    halted = freezes(system).filter(mode=Freeze.Mode.HALT).first()
    return f"the agent is halted by {halted.by}{_note(halted.note)}" if halted is not None else None


def stopped(*, claiming: bool = False) -> str | None:
    """Why no effect of anybody may start now; None when effects may. `claiming`: the switch cannot be set between this
    answer and the end of the caller's transaction, so that nothing starts after it was set."""
    if claiming:
        _lock("pg_advisory_xact_lock_shared")
    live = Freeze.objects.filter(Q(ends_at=None) | Q(ends_at__gt=Now()), mode=Freeze.Mode.STOP)
    found = live.order_by("starts_at").first()
    return f"all acting was stopped by {found.by}{_note(found.note)}" if found else None


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}(%s)", [STOP_LOCK])


def set_freeze(
    system: System | None, mode: str, by: str, note: str = "", minutes: int | None = None
) -> Freeze:
    """Freeze or halt from now on; `minutes` None = until lifted."""
    with transaction.atomic():
        if mode == Freeze.Mode.STOP:
            system = None  # it is one switch for everything
            _lock("pg_advisory_xact_lock")
        ends = timezone.now() + timedelta(minutes=minutes) if minutes is not None else None
        freeze = Freeze.objects.create(
            system=system, mode=mode, starts_at=Now(), ends_at=ends, by=by, note=note
        )
        audit.append(by, f"policy.{mode}", system=system.slug if system else "", data={"note": note})
    return freeze


def lift_freezes(system: System | None, mode: str, by: str) -> int:
    """End the freezes (or halts) set for exactly this scope. Returns how many."""
    with transaction.atomic():
        live = Freeze.objects.filter(Q(ends_at=None) | Q(ends_at__gt=Now()), system=system, mode=mode)
        count = live.update(ends_at=Now())
        if count:
            audit.append(by, f"policy.{mode}.lifted", system=system.slug if system else "")
    return count


def set_rule(
    system: System | None,
    action: str,
    verdict: str,
    by: str,
    note: str = "",
    approval_seconds: int | None = None,
) -> PolicyRule:
    """Create or change the rule of an action (or `*`); `lift_rule` takes it away. `approval_seconds`: None = as set for
    all of the portal."""
    values = {"verdict": verdict, "note": note, "approval_seconds": approval_seconds}
    with transaction.atomic():
        row, _ = PolicyRule.objects.update_or_create(system=system, action=action, defaults=values)
        data = {"action": action, **values}
        audit.append(by, "policy.rule", system=system.slug if system else "", data=data)
    return row


def lift_rule(system: System | None, action: str, by: str) -> int:
    with transaction.atomic():
        count, _ = PolicyRule.objects.filter(system=system, action=action).delete()
        if count:
            audit.append(
                by, "policy.rule.lifted", system=system.slug if system else "", data={"action": action}
            )
    return count
