"""Symptoms, the incidents they open, their timeline and the postmortem."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from incidents import facts
from incidents import verdict as verdicts
from incidents.facts import Facts
from incidents.findings import Finding, Repair
from incidents.openings import Opening
from incidents.sections import Sections
from incidents.typed import Typed


class Severity(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class State(models.TextChoices):
    """Lifecycle of an incident; the legal moves are in incidents/lifecycle.py."""

    DETECTING = "detecting", "Detecting"
    DIAGNOSING = "diagnosing", "Diagnosing"
    WAITING = "waiting", "Waiting for you"
    ACTING = "acting", "Acting"
    VERIFYING = "verifying", "Verifying"
    HANDED_OVER = "handed_over", "Handed over"
    RESOLVED = "resolved", "Resolved"


OPEN_STATES = [s for s in State.values if s != State.RESOLVED]


class Incident(models.Model):
    """One thing that is wrong with one system, from first symptom to verified recovery.

    Trouble that comes back soon after opens it again (incidents/returned.py): its times are then those of the newest
    opening, and `openings` has the earlier ones."""

    number = models.AutoField(primary_key=True)
    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="incidents")
    fingerprint = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    category = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DETECTING)
    started_at = models.DateTimeField(help_text="when the first symptom was first seen")
    opened_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    # Earlier times that it was open, oldest first.
    openings: models.Field[list[Opening], list[Opening]] = Typed(of=list[Opening], default=list, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    agent_stopped = models.BooleanField(default=False, help_text="a person took over; the agent keeps out")
    # What people did with it (incidents/people.py).
    severity_by = models.CharField(
        max_length=120, blank=True, help_text="who set the severity; empty: measured"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged"
    )
    reopened = models.PositiveSmallIntegerField(default=0, help_text="how often a person opened it again")
    reopened_at = models.DateTimeField(null=True, blank=True, help_text="the last time, by whomever")
    closed_by = models.CharField(
        max_length=120, blank=True, help_text="the person who resolved it, if one did"
    )
    closing_note = models.TextField(blank=True, help_text="what that person says the cause was")
    # The diagnosis as it stands: component, cause and detail as in {component}:{cause}[:{detail}].
    component = models.CharField(max_length=80, blank=True)
    cause = models.CharField(max_length=120, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    summary = models.TextField(blank=True, help_text="one plain sentence of what is wrong")
    # What is thought, "none of these" last. Shown through `verdict` only.
    hypotheses: models.Field[list[Finding], list[Finding]] = Typed(of=list[Finding], default=list, blank=True)
    # What verified measurements said of each repair; see incidents/verdict.py.
    repairs: models.Field[list[Repair], list[Repair]] = Typed(of=list[Repair], default=list, blank=True)
    last_seq = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-number"]
        permissions = [
            ("respond_incident", "Can take over, annotate and close incidents"),
            ("export_incident", "Can download an incident with all its evidence"),
            ("diagnose_bundle", "Can have an incident of another system diagnosed from files"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "fingerprint"],
                condition=~Q(state="resolved"),
                name="one_open_incident_per_fingerprint",
            )
        ]
        indexes = [
            models.Index(fields=["-number"], condition=Q(state__in=OPEN_STATES), name="open_incidents"),
            models.Index(fields=["component", "-number"], name="incidents_by_component"),
            models.Index(fields=["system", "cause", "-number"], name="incidents_by_cause"),
            models.Index(fields=["system", "opened_at"], name="incidents_by_opening"),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"

    @property
    def is_open(self) -> bool:
        return self.state != State.RESOLVED

    @property
    def flaps(self) -> int:
        """How often it came back after it was over."""
        return len(self.openings)

    @property
    def first_started_at(self) -> datetime:
        return self.openings[0].started_at if self.openings else self.started_at

    @property
    def all_openings(self) -> list[Opening]:
        """The earlier ones, and the one of now, or the last one."""
        newest = Opening(started_at=self.started_at, opened_at=self.opened_at, resolved_at=self.resolved_at)
        return [*self.openings, newest]

    @property
    def seconds_open(self) -> float | None:
        """From the first symptom to the verified recovery; None while open."""
        return (self.resolved_at - self.started_at).total_seconds() if self.resolved_at else None

    @cached_property
    def verdict(self) -> verdicts.Verdict:
        """Headline, cause, certainty and bars, for whoever shows them; see incidents/verdict.py."""
        return verdicts.of(self)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.pop("verdict", None)
        super().refresh_from_db(*args, **kwargs)

    @property
    def diagnosis(self) -> str:
        """`{component}:{cause}[:{detail}]`, empty while unknown."""
        return ":".join(p for p in (self.component, self.cause, self.detail) if p) if self.cause else ""


class Symptom(models.Model):
    """A signal that held on one service; cleared when it stopped holding, or `given_up` when that could not be seen."""

    system = models.ForeignKey("systems.System", on_delete=models.CASCADE, related_name="symptoms")
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="symptoms"
    )
    signal = models.CharField(max_length=80)
    service = models.CharField(max_length=80)
    label = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    title = models.CharField(max_length=300, help_text="plain words")
    text = models.CharField(max_length=500, blank=True, help_text="raw evidence: the reading's text")
    value = models.FloatField(null=True, blank=True)
    opens = models.BooleanField(default=True, help_text="may open an incident by itself")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)
    given_up = models.BooleanField(
        default=False, help_text="it could not be read any more: whether it is over is not known"
    )

    class Meta:
        ordering = ["first_seen"]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "signal", "service", "label"],
                condition=Q(cleared_at__isnull=True),
                name="one_active_symptom",
            )
        ]
        indexes = [
            models.Index(fields=["system", "cleared_at"]),
            models.Index(fields=["service", "incident"], name="symptoms_by_service"),
        ]

    def __str__(self) -> str:
        return self.title


class TimelineEvent(models.Model):
    """One committed fact of an incident's life. `seq` has no gaps: pages catch up by it."""

    class Kind(models.TextChoices):
        SYMPTOM = "symptom", "Symptom"
        CLEARED = "cleared", "Cleared"
        UNREAD = "unread", "Not read"
        STATE = "state", "State"
        HYPOTHESES = "hypotheses", "Hypotheses"
        CHECK = "check", "Check"
        RUNBOOK = "runbook", "Runbook"
        PLAN = "plan", "Plan"
        APPROVAL = "approval", "Approval"
        ACTION = "action", "Action"
        VERIFY = "verify", "Verification"
        ROLLBACK = "rollback", "Rollback"
        NOTE = "note", "Note"
        HANDOVER = "handover", "Hand-over"
        POSTMORTEM = "postmortem", "Postmortem"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    actor = models.CharField(max_length=120, default="agent")
    title = models.CharField(max_length=500)
    body = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["incident", "seq"]
        constraints = [models.UniqueConstraint(fields=["incident", "seq"], name="timeline_seq")]
        indexes = [models.Index(fields=["incident", "kind", "-seq"], name="timeline_by_kind")]

    def __str__(self) -> str:
        return f"{self.seq}. {self.title}"

    @cached_property
    def facts(self) -> Facts:
        """What it says, typed by its kind."""
        return facts.read(self.kind, self.data)


class Postmortem(models.Model):
    """What broke, what was done, why, how to prevent it. Each sentence carries the seq of its event."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="postmortem")
    sections: models.Field[Sections, Sections] = Typed(of=Sections, default=Sections)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Postmortem of #{self.incident_id}"


class PostmortemRevision(models.Model):
    postmortem = models.ForeignKey(Postmortem, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    sections: models.Field[Sections, Sections] = Typed(of=Sections)
    author = models.CharField(max_length=120)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["postmortem", "version"], name="postmortem_version")]

    def __str__(self) -> str:
        return f"v{self.version}"
