"""The portal's mirror of injections, and game day results. The injector's own journal is files (chaos/journal.py)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Injection(models.Model):
    """One press of one button."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        REVERTED = "reverted", "Reverted"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="+")
    fault = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    error = models.TextField(blank=True)
    by = models.CharField(max_length=120)
    started_at = models.DateTimeField(auto_now_add=True)
    deadline = models.DateTimeField()
    reverted_at = models.DateTimeField(null=True, blank=True)
    reverted_by = models.CharField(max_length=120, blank=True)
    result = models.JSONField(
        null=True,
        blank=True,
        help_text='of chaos mode: {"incident", "detect_s", "resolve_s", "state"}; null: not yet',
    )

    class Meta:
        ordering = ["-started_at"]
        permissions = [("inject_fault", "Can inject and revert faults")]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "fault"],
                condition=Q(status="running"),
                name="one_running_injection_per_fault",
            )
        ]

    def __str__(self) -> str:
        return f"{self.fault} ({self.status})"


class Schedule(models.Model):
    """Chaos mode of one system: what may be broken at random, when, and how far. There is one row for a system."""

    system = models.OneToOneField("systems.System", on_delete=models.CASCADE, related_name="+")
    on = models.BooleanField(default=False)
    every_s = models.PositiveIntegerField(default=300)
    lasts_s = models.PositiveIntegerField(
        default=240, help_text="a fault is taken back after so long at the latest"
    )
    categories = models.JSONField(default=list, blank=True, help_text="empty: all")
    faults = models.JSONField(default=list, blank=True, help_text="ids; empty: all of the categories")
    most_parts = models.PositiveIntegerField(
        default=3, help_text="of the system that one fault may be put into"
    )
    most_impact = models.FloatField(
        default=0.75, help_text="share of what customers do that may fail for long"
    )
    from_hour = models.PositiveIntegerField(default=0, help_text="of the day, in UTC")
    until_hour = models.PositiveIntegerField(
        default=24, help_text="of the day, in UTC; before `from_hour`: over night"
    )
    approve = models.BooleanField(
        default=False, help_text="what the agent asks for meanwhile is approved beforehand"
    )
    next_at = models.DateTimeField(null=True, blank=True)
    skipped = models.TextField(blank=True, help_text="why nothing was broken when it was time")
    skipped_at = models.DateTimeField(null=True, blank=True)
    halted = models.TextField(blank=True, help_text="why it was turned off by itself")
    halted_at = models.DateTimeField(null=True, blank=True)
    hurting = models.PositiveIntegerField(default=0, help_text="fresh looks in a row above `most_impact`")
    looked_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.CharField(max_length=120, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["system"]

    def __str__(self) -> str:
        return f"Chaos mode of {self.system}"


class GameDay(models.Model):
    """One game day: a set of faults and seeds, and the table that came of it."""

    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    baseline = models.CharField(
        max_length=10, blank=True, help_text="empty = the agent; none; restart; revert"
    )
    mode = models.CharField(max_length=40, default="plain", help_text="of the system around the faults")
    commit = models.CharField(max_length=60, blank=True, help_text="of the code that ran; empty: not known")
    by = models.CharField(max_length=120)
    quiet = models.JSONField(
        null=True, blank=True, help_text='{"minutes", "changes", "incidents", "actions"}'
    )
    # Of one that workers play, run by run; one of the command line has none of it.
    system = models.ForeignKey("systems.System", null=True, on_delete=models.CASCADE, related_name="+")
    planned = models.JSONField(default=list, blank=True, help_text="its runs: faults, seed, mode, amid")
    approve = models.BooleanField(
        default=False, help_text="what the agent asks for meanwhile is approved beforehand"
    )
    stopped_by = models.CharField(max_length=120, blank=True)
    held_by = models.CharField(max_length=36, blank=True, help_text="the worker that plays a run now")
    held_until = models.DateTimeField(null=True, blank=True, help_text="renewed while it plays")
    current = models.JSONField(null=True, blank=True, help_text="which of the planned is played now")

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["system"], condition=Q(ended_at=None), name="one_game_day_under_way"
            )
        ]

    def __str__(self) -> str:
        return f"Game day {self.pk}"


class GameDayRun(models.Model):
    """One fault, one seed: what the agent made of it. Seconds count from the injection; null = did not happen."""

    game_day = models.ForeignKey(GameDay, on_delete=models.CASCADE, related_name="runs")
    fault = models.CharField(max_length=130, help_text="of a pair: both, a+b")
    category = models.CharField(max_length=40)
    mode = models.CharField(max_length=40, default="plain")
    seed = models.PositiveIntegerField()
    incident_number = models.IntegerField(null=True, blank=True)
    detected = models.BooleanField(default=False)
    detect_s = models.FloatField(null=True)
    component_ok = models.BooleanField(default=False)
    cause_ok = models.BooleanField(default=False)
    fixed = models.BooleanField(default=False)
    repair_s = models.FloatField(null=True)
    paths = models.PositiveIntegerField(default=0)
    approvals = models.PositiveIntegerField(default=0)
    collateral = models.JSONField(default=list)
    first_component_ok = models.BooleanField(default=False)
    first_cause_ok = models.BooleanField(default=False)
    culprit_ok = models.BooleanField(null=True, help_text="null: nothing to blame")
    category_ok = models.BooleanField(null=True, help_text="null: it belongs to none")
    severity_ok = models.BooleanField(null=True, help_text="as the users felt it; null: not measured")
    confidence = models.FloatField(
        null=True, help_text="of the first diagnosis, 0 to 1; null: none was given"
    )
    wrong_actions = models.JSONField(default=list)
    data_lost = models.JSONField(default=dict, help_text="what was planted and is gone: thing -> number")
    left = models.JSONField(default=list, help_text="of the repair, once the fault was taken back")
    false_recovery = models.BooleanField(default=False)
    needless_handover = models.BooleanField(default=False)
    outcome = models.CharField(max_length=20, blank=True, help_text="see chaos/gameday/grading.py")
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["game_day", "fault", "seed"]

    def __str__(self) -> str:
        return f"{self.fault}/{self.seed}"
