"""Systems under care, and what the watcher last saw of them."""

from __future__ import annotations

from django.db import models


class System(models.Model):
    """One system under care: its active manifest, and the name people know it by.

    The text that was activated counts, an edit of the file is only offered. Secrets stay in their own file."""

    slug = models.SlugField(unique=True, max_length=60)
    title = models.CharField(max_length=120)
    manifest_path = models.CharField(max_length=500)
    manifest_text = models.TextField(blank=True, default="", help_text="what was activated")
    manifest_before = models.TextField(blank=True, default="", help_text="what was active before")
    manifest_version = models.PositiveIntegerField(default=0)
    activated_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    agent_on = models.BooleanField(
        default=False, help_text="off: incidents are opened and explained, the agent does not act"
    )
    blind = models.JSONField(
        default=dict,
        blank=True,
        help_text='sources that are switched off: {"sources": [names], "until": ISO 8601}',
    )
    registered_at = models.DateTimeField(auto_now_add=True)
    last_tick_at = models.DateTimeField(null=True, blank=True)
    last_tick_ms = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["slug"]
        permissions = [("view_logs", "Can read what the parts of a system write")]

    def __str__(self) -> str:
        return self.title


class Retention(models.Model):
    """How long a kind of record is kept, where that was set: see systems/retention.py."""

    kind = models.CharField(max_length=20, unique=True)
    hours = models.PositiveIntegerField(null=True, help_text="empty: for ever")
    by = models.CharField(max_length=120)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind}: {'for ever' if self.hours is None else f'{self.hours} h'}"


class ReadingRow(models.Model):
    """A raw reading. The table is partitioned by hour (see the migration) and written in one statement a tick."""

    pk = models.CompositePrimaryKey("system_id", "at", "service", "metric", "label")
    system_id = models.BigIntegerField()
    at = models.DateTimeField()
    service = models.CharField(max_length=80)
    metric = models.CharField(max_length=80)
    label = models.CharField(max_length=200, default="")
    value = models.FloatField(null=True)
    text = models.CharField(max_length=500, default="")

    class Meta:
        managed = False
        db_table = "systems_reading"

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.service} {self.metric} {self.label}: {self.value}"


class Rollup(models.Model):
    """One minute of one metric: kept for weeks."""

    pk = models.CompositePrimaryKey("system_id", "minute", "service", "metric", "label")
    system_id = models.BigIntegerField()
    minute = models.DateTimeField()
    service = models.CharField(max_length=80)
    metric = models.CharField(max_length=80)
    label = models.CharField(max_length=200, default="")
    count = models.IntegerField()
    mean = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()

    class Meta:
        managed = False
        db_table = "systems_rollup"

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} {self.service} {self.metric} {self.label}: {self.mean}"


class ChangeRow(models.Model):
    """One change of the ledger; see `systems.state.types.Change`. Values are masked, secrets stand in no column."""

    system = models.ForeignKey(System, on_delete=models.CASCADE, related_name="changes")
    component = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    what = models.CharField(max_length=300)
    before = models.TextField(null=True)
    after = models.TextField(null=True)
    last_old = models.DateTimeField()
    first_new = models.DateTimeField()
    written_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    pending = models.BooleanField(default=False, help_text="written, and not in effect yet")
    source = models.CharField(max_length=40)
    owner = models.CharField(max_length=80, default="")
    actor = models.CharField(max_length=20, default="")
    ref = models.CharField(max_length=120, default="", help_text="the caller's or the request's own id")
    touched = models.JSONField(default=list, help_text="of a request of ours: the components it is about")
    words = models.CharField(max_length=500)
    area = models.TextField(
        default="", help_text="where its source found it; empty: nothing that could be put back"
    )
    mark_before = models.CharField(
        max_length=20, default="", help_text="keyed fingerprint; empty: it was not there"
    )
    mark_after = models.CharField(max_length=20, default="", help_text="the same of the new value")
    noted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-first_new", "-pk"]
        default_permissions = ()
        permissions = [
            ("view_changes", "Can see what changed"),
            ("report_change", "Can report deploys, flags, commits and maintenance"),
        ]
        indexes = [
            models.Index(fields=["system", "-first_new"], name="changes_by_time"),
            models.Index(fields=["-first_new", "-id"], name="changes_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["system", "source", "ref"], condition=~models.Q(ref=""), name="one_change_per_ref"
            )
        ]

    def __str__(self) -> str:
        return self.words


class SettledState(models.Model):
    """What one source last read of one component, so that a change made while nobody looked is found afterwards."""

    system = models.ForeignKey(System, on_delete=models.CASCADE, related_name="+")
    component = models.CharField(max_length=80)
    source = models.CharField(max_length=40)
    read_at = models.DateTimeField(help_text="when it was last read and was still so")
    packed = models.BinaryField(help_text="see systems/state/kept.py")
    version = models.PositiveIntegerField(default=1, help_text="a writer replaces the one it has read")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["system", "component", "source"], name="one_state_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.component} {self.source}"
