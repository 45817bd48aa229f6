"""Runbooks and added signals with their history, the chunks retrieval searches, and what past incidents taught."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from pgvector.django import VectorField

EMBEDDING_DIM = 384


class Runbook(models.Model):
    """One cause, as data (front matter) and prose. The current text; history is in revisions."""

    slug = models.SlugField(unique=True, max_length=80, help_text="the cause id")
    title = models.CharField(max_length=200)
    category = models.CharField(max_length=40, blank=True)
    text = models.TextField(help_text="markdown with YAML front matter")
    spec = models.JSONField(help_text="the parsed, validated front matter")
    version = models.PositiveIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    seeded_sha = models.CharField(max_length=64, blank=True, help_text="sha256 of the seed text it came from")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["category", "slug"]

    def __str__(self) -> str:
        return self.title


class Revision(models.Model):
    """One version of a text that people edit: who wrote it, when and why."""

    version = models.PositiveIntegerField()
    text = models.TextField()
    author = models.CharField(max_length=120)
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["-version"]


class RunbookRevision(Revision):
    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="revisions")

    class Meta(Revision.Meta):
        constraints = [models.UniqueConstraint(fields=["runbook", "version"], name="runbook_version")]

    def __str__(self) -> str:
        return f"{self.runbook_id} v{self.version}"


class VocabularyEntry(models.Model):
    """A word or a signal that somebody added. The current text; history is in revisions, nothing is ever deleted."""

    slug = models.SlugField(unique=True, max_length=60, help_text="the signal's id")
    kind = models.CharField(max_length=10, help_text="word or signal")
    system_slug = models.CharField(
        max_length=60, blank=True, default="", help_text="the only system it is for; empty: every one"
    )
    text = models.TextField(help_text="YAML")
    version = models.PositiveIntegerField(default=1)
    enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "vocabulary entries"

    def __str__(self) -> str:
        return self.slug


class VocabularyRevision(Revision):
    entry = models.ForeignKey(VocabularyEntry, on_delete=models.CASCADE, related_name="revisions")
    enabled = models.BooleanField()

    class Meta(Revision.Meta):
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["entry", "version"], name="vocabulary_version")]

    def __str__(self) -> str:
        return f"{self.entry_id} v{self.version}"


class Chunk(models.Model):
    """A passage of a runbook, searched by vector and by full text."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    heading = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    tsv = SearchVectorField(null=True)
    embedding = VectorField(dimensions=EMBEDDING_DIM, null=True)

    class Meta:
        ordering = ["runbook", "ordinal"]
        indexes = [GinIndex(fields=["tsv"])]
        constraints = [models.UniqueConstraint(fields=["runbook", "ordinal"], name="chunk_ordinal")]

    def __str__(self) -> str:
        return f"{self.runbook_id}/{self.ordinal}"


class Lesson(models.Model):
    """A closed incident as a case: its symptoms, the verified cause and what worked."""

    incident_number = models.IntegerField(unique=True)
    system_slug = models.CharField(max_length=60)
    component = models.CharField(max_length=80)
    cause = models.CharField(max_length=120)
    # [[signal, service], ...]
    signals = models.JSONField(default=list)
    absent = models.JSONField(default=list, help_text="[[signal, service], ...] measured as not holding")
    # [{"action", "target", "worked"}]
    actions = models.JSONField(default=list)
    recovered = models.BooleanField()
    seconds_to_repair = models.FloatField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"#{self.incident_number} {self.component}:{self.cause}"


class OutcomeStat(models.Model):
    """How often an action cured a cause on a system: Beta counts, updated only from verified outcomes."""

    system_slug = models.CharField(max_length=80, blank=True, default="")
    cause = models.CharField(max_length=120)
    action = models.CharField(max_length=80)
    successes = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["system_slug", "cause", "action"], name="one_stat_per_system_cause_action"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cause}/{self.action}: {self.successes}+{self.failures}"
