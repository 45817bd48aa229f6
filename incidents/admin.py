"""A plain look at the rows, for administrators. History is read-only here: it is written by the services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from incidents.models import Incident, Postmortem, Symptom, TimelineEvent


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    list_display = ("number", "title", "system", "state", "severity", "started_at", "resolved_at")
    list_filter = ("state", "severity", "system")
    search_fields = ("title", "component", "cause")


@admin.register(Symptom)
class SymptomAdmin(ReadOnly):
    list_display = ("title", "signal", "service", "first_seen", "cleared_at", "incident")
    list_filter = ("system", "signal")


@admin.register(TimelineEvent)
class TimelineEventAdmin(ReadOnly):
    list_display = ("incident", "seq", "at", "kind", "actor", "title")
    list_filter = ("kind",)


@admin.register(Postmortem)
class PostmortemAdmin(ReadOnly):
    list_display = ("incident", "version", "updated_at")
