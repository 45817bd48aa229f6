"""Routes under /runbooks/."""

from __future__ import annotations

from django.urls import path

from knowledge import views

urlpatterns = [
    path("", views.index, name="runbooks"),
    path("new/", views.new, name="runbook-new"),
    path("preview/", views.preview, name="runbook-preview"),
    path("<slug:slug>/", views.detail, name="runbook"),
    path("<slug:slug>/edit/", views.edit, name="runbook-edit"),
    path("<slug:slug>/enable/", views.enable, name="runbook-enable"),
    path("<slug:slug>/history/", views.history, name="runbook-history"),
    path("<slug:slug>/restore/<int:version>/", views.restore, name="runbook-restore"),
]
