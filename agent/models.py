"""The agent's journal: a run per incident, a row per committed step."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agent.case import Case
from incidents.typed import Typed


class Phase(models.TextChoices):
    OBSERVE = "observe", "Observe"
    DIAGNOSE = "diagnose", "Diagnose"
    PLAN = "plan", "Plan"
    ACT = "act", "Act"
    VERIFY = "verify", "Verify"
    EXPLAIN = "explain", "Explain"
    DONE = "done", "Done"


class Run(models.Model):
    """One attempt of the agent at one incident. `due_at` says when it next wants to be woken."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="runs")
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.OBSERVE)
    outcome = models.CharField(max_length=40, blank=True, help_text="recovered, handed_over, stopped")
    # Everything that is carried from step to step.
    case: models.Field[Case, Case] = Typed(of=Case, default=Case)
    paths_tried = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"], condition=~Q(phase="done"), name="one_live_run_per_incident"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of #{self.incident_id}: {self.phase}"


class Call(models.Model):
    """What a role answered once, by the hash of what it was asked: asked the same again, this is the answer."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="+")
    run_id = models.BigIntegerField(null=True, blank=True)
    role = models.CharField(max_length=20)
    player = models.CharField(max_length=80, help_text="who played the role")
    asked = models.CharField(max_length=64, help_text="SHA-256 of the question")
    answer = models.JSONField()
    seconds = models.FloatField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "role", "asked"], name="one_answer_per_question")
        ]

    def __str__(self) -> str:
        return f"{self.role} of #{self.incident_id}"


class Step(models.Model):
    """One committed step. A finished step is never repeated."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    seq = models.PositiveIntegerField()
    phase = models.CharField(max_length=12, choices=Phase.choices)
    name = models.CharField(max_length=120)
    output = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="run_step_seq")]

    def __str__(self) -> str:
        return f"{self.seq} {self.name}"


class FollowUp(models.Model):
    """A detour that an ended incident left: what only held its trouble off, and is ended once its cause is gone."""

    class State(models.TextChoices):
        STANDING = "standing", "Standing"
        ASKED = "asked", "Being ended"
        ENDED = "ended", "Ended"
        KEPT = "kept", "For a person"

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="follow_ups")
    request = models.OneToOneField(
        "actions.ActionRequest", on_delete=models.CASCADE, related_name="follow_up"
    )
    ending = models.ForeignKey(
        "actions.ActionRequest", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.STANDING)
    looks = models.PositiveIntegerField(
        default=0, help_text="fresh ones in a row in which its cause was gone"
    )
    looked_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["made_at"]

    def __str__(self) -> str:
        return f"{self.request.slug} of #{self.incident_id}: {self.state}"
