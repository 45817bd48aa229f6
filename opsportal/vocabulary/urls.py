"""Routes under /settings/vocabulary/."""

from __future__ import annotations

from django.urls import path

from opsportal.vocabulary import views

urlpatterns = [
    path("", views.index, name="vocabulary"),
    path("new/", views.new, name="vocabulary-new"),
    path("preview/", views.preview, name="vocabulary-preview"),
    path("readings/", views.readings, name="vocabulary-readings"),
    path("try/", views.begin, name="vocabulary-try"),
    path("try/<slug:token>/", views.tried, name="vocabulary-tried"),
    path("<slug:slug>/", views.entry, name="vocabulary-entry"),
    path("<slug:slug>/switch/", views.switch, name="vocabulary-switch"),
    path("<slug:slug>/history/", views.history, name="vocabulary-history"),
    path("<slug:slug>/restore/<int:version>/", views.restore, name="vocabulary-restore"),
]
