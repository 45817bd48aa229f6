"""Routes of the chaos panel and the game days."""

from __future__ import annotations

from django.urls import path

from chaos import gameday_views, views

urlpatterns = [
    path("chaos/", views.panel, name="chaos"),
    path("chaos/inject/", views.inject, name="chaos-inject"),
    path("chaos/halt/", views.halt, name="chaos-halt"),
    path("chaos/<uuid:pk>/revert/", views.revert, name="chaos-revert"),
    path("gameday/", gameday_views.gameday, name="gameday"),
]
