"""Requests for actions and the decisions on them; the rows of the audit log are in actions/auditentry.py."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT

from actions.auditentry import AuditEntry as AuditEntry


class Risk(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class Status(models.TextChoices):
    """Lifecycle of a request; the legal moves are in actions/lifecycle.py."""

    WAITING = "waiting", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Refused by policy"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"  # rows of the first version: silence closes nothing any more
    CANCELLED = "cancelled", "Cancelled"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Outcome unknown"
    ROLLED_BACK = "rolled_back", "Rolled back"


class ActionRequest(models.Model):
    """One action, bound to exact parameters by `digest`, from proposal to outcome."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="+")
    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.CASCADE, related_name="action_requests"
    )
    run_id = models.BigIntegerField(null=True, blank=True, help_text="the agent run that asked, if one did")
    slug = models.CharField(max_length=80)
    target = models.CharField(max_length=80)
    params = models.JSONField(default=dict)
    risk = models.CharField(max_length=10, choices=Risk.choices)
    risk_why = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    status_why = models.CharField(max_length=500, blank=True)
    reason = models.TextField(blank=True, help_text="why it was asked for, with the evidence")
    runbook = models.CharField(max_length=120, blank=True, help_text="slug and version it came from")
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of what the target was when it was asked for"
    )
    digest = models.CharField(
        max_length=64,
        help_text="SHA-256 of action, target, parameters, evidence, preview, runbook and fingerprint",
    )
    effects = ArrayField(
        models.CharField(max_length=300),
        default=list,
        help_text="what it does to what, whatever the action is called: see actions/outcomes.py",
    )
    # {"command", "changes": [str], "blast_radius": [service], "undo", "if_rejected", "trial"}
    preview = models.JSONField(default=dict)
    undo = models.JSONField(null=True, blank=True, help_text="stored before the effect; holds no secret")
    undo_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="undos",
        help_text="the request whose effect this one takes back; slug, target and parameters are its own",
    )
    result = models.JSONField(null=True, blank=True)
    fence = models.BigIntegerField(null=True, blank=True)
    requested_by = models.CharField(max_length=120)
    requested_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="asked again then, measured afresh; an approval unused until then lapses",
    )
    renewals = models.PositiveIntegerField(default=0, help_text="how often it was asked again")
    renewed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(
        null=True, blank=True, help_text="when asking again last found something else than before"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="renewed by the executor while it lives"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]
        permissions = [
            ("run_action", "Can ask for actions"),
            ("approve_action", "Can approve or reject risky actions"),
        ]
        indexes = [
            models.Index(fields=["status", "requested_at"], name="requests_by_status"),
            models.Index(fields=["-requested_at"], name="requests_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "target"],
                condition=Q(status__in=["running", "unknown"]),
                name="one_uncompleted_action_per_target",
            ),
            models.UniqueConstraint(
                fields=["undo_of"],
                condition=Q(status__in=["waiting", "approved", "running", "unknown"]),
                name="one_live_undo_per_request",
            ),
            models.UniqueConstraint(
                fields=["system"],
                condition=Q(slug="revert-change", undo_of=None, status__in=["running", "unknown"]),
                name="one_change_taken_back_at_a_time",
            ),
            models.UniqueConstraint(
                F("system"),
                KT("params__change"),
                condition=Q(
                    slug="revert-change",
                    undo_of=None,
                    status__in=["running", "unknown", "succeeded", "rolled_back"],
                ),
                name="each_change_taken_back_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deed} ({self.status})"

    @property
    def deed(self) -> str:
        """`restart-service on web`, `undo of restore-config on web`."""
        return f"{'undo of ' if self.undo_of_id else ''}{self.slug} on {self.target}"

    @property
    def live_undo(self) -> ActionRequest | None:
        """The undo of this that waits or runs now."""
        return self.undos.filter(
            status__in=(Status.WAITING, Status.APPROVED, Status.RUNNING, Status.UNKNOWN)
        ).first()


class Decision(models.Model):
    """A person's (or the policy's) answer to a request, over exactly one digest."""

    request = models.OneToOneField(ActionRequest, on_delete=models.CASCADE, related_name="decision")
    approved = models.BooleanField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    by_policy = models.CharField(max_length=120, blank=True, help_text="set when no person decided")
    grant = models.ForeignKey(
        "actions.PolicyGrant", null=True, blank=True, on_delete=models.PROTECT, related_name="decisions"
    )
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return "approved" if self.approved else "rejected"


class Fence(models.Model):
    """The rising token of each target: drivers refuse lower ones."""

    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=80)
    token = models.BigIntegerField(default=0)
    held_by = models.ForeignKey(
        ActionRequest,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="holds",
        help_text="the uncompleted action that touches this target",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "target"], name="one_fence_per_target")]

    def __str__(self) -> str:
        return f"{self.target}: {self.token}"


class PolicyRule(models.Model):
    """Overrides the built-in policy for an action (or `*`) in a system (or all)."""

    class Verdict(models.TextChoices):
        RUN = "run", "Run alone"
        ASK = "ask", "Ask a person"
        REFUSE = "refuse", "Refuse"

    system = models.ForeignKey("systems.System", null=True, blank=True, on_delete=models.CASCADE)
    action = models.CharField(max_length=80, default="*")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    note = models.CharField(max_length=300, blank=True)
    approval_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="ask again after so many seconds; empty: as everywhere"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system", "action"], name="one_rule_per_action", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.verdict}"


class PolicyGrant(models.Model):
    """Approvals given in advance, for a while: whose requests, for what, which actions. Made by a person or a command,
    audited, and shown on every decision it makes. The only way a risky action runs without a person at that moment."""

    class Scope(models.TextChoices):
        GAME_DAY = "game_day", "game day"
        DEMO = "demo", "demo"
        SCHEDULE = "schedule", "chaos schedule"
        INCIDENT = "incident", "incident"

    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="+")
    requester = models.CharField(max_length=120, help_text="whose requests, and nobody else's")
    scope = models.CharField(
        max_length=20,
        choices=Scope.choices,
        help_text="but for `incident`: incidents that open while it lives",
    )
    scope_id = models.CharField(max_length=80, help_text="the incident's number, or a name of the run")
    actions = ArrayField(models.CharField(max_length=80), help_text="slugs; never a pattern")
    created_by = models.CharField(max_length=120)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(actions__contains=["*"]), name="a_grant_lists_actions"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.actions)} until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def name(self) -> str:
        return f"{self.get_scope_display()} {self.scope_id}"


class Freeze(models.Model):
    """A window in which nothing runs alone, or (halt) in which nobody but a person's own request runs at all."""

    class Mode(models.TextChoices):
        ASK = "ask", "Freeze: every action asks"
        HALT = "halt", "Halt: the agent's actions are refused"
        STOP = "stop", "All acting is stopped: nobody's actions start"

    system = models.ForeignKey(
        "systems.System", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    mode = models.CharField(max_length=10, choices=Mode.choices)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="empty: until someone ends it")
    by = models.CharField(max_length=120)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-starts_at"]

    def __str__(self) -> str:
        return f"{self.mode} since {self.starts_at:%Y-%m-%d %H:%M}"
