"""One row of the append-only audit log; actions/audit.py writes it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class AuditEntry(models.Model):
    """Who or what did what to which target. Append-only: a trigger refuses changes; rows are hash-chained."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    verb = models.CharField(max_length=80)
    system = models.CharField(max_length=60, blank=True)
    target = models.CharField(max_length=120, blank=True)
    incident = models.IntegerField(null=True, blank=True)
    request_id = models.UUIDField(null=True, blank=True)
    outcome = models.CharField(max_length=40, blank=True)
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-seq"]
        permissions = [("export_audit", "Can export the audit log")]
        indexes = [  # and those of its words and verbs: see the migration
            models.Index(
                fields=["incident", "-seq"], condition=Q(incident__isnull=False), name="audit_by_incident"
            ),
            models.Index(
                fields=["request_id", "seq"], condition=Q(request_id__isnull=False), name="audit_by_request"
            ),
            models.Index(fields=["actor", "-seq"], name="audit_by_actor"),
            models.Index(fields=["target", "-seq"], name="audit_by_target"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.verb} {self.target}"
