"""Routes under /incidents/."""

from __future__ import annotations

from django.urls import path

from incidents import people_views, postmortem_views, views

urlpatterns = [
    path("", views.index, name="incidents"),
    path("<int:number>/", views.detail, name="incident"),
    path("<int:number>/events", views.events, name="incident-events"),
    path("<int:number>/figures", views.figures, name="incident-figures"),
    path("<int:number>/changes", views.changes, name="incident-changes"),
    path("<int:number>/log", views.log_tail, name="incident-log"),
    path("<int:number>/note", views.note, name="incident-note"),
    path("<int:number>/do/<slug:verb>", people_views.respond, name="incident-do"),
    path("<int:number>/postmortem/", postmortem_views.show, name="postmortem"),
    path("<int:number>/postmortem/edit/", postmortem_views.edit, name="postmortem-edit"),
    path("<int:number>/postmortem.md", postmortem_views.markdown, name="postmortem-md"),
]
