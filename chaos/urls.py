"""Routes of the chaos panel and the game days."""

from __future__ import annotations

from django.urls import path

from chaos import gameday_views, views
from chaos.mode import views as mode_views

urlpatterns = [
    path("chaos/", views.panel, name="chaos"),
    path("chaos/inject/", views.inject, name="chaos-inject"),
    path("chaos/halt/", views.halt, name="chaos-halt"),
    path("chaos/<uuid:pk>/revert/", views.revert, name="chaos-revert"),
    path("chaos/mode/", mode_views.mode, name="chaos-mode"),
    path("chaos/mode/change/", mode_views.change, name="chaos-mode-change"),
    path("chaos/mode/switch/", mode_views.switch, name="chaos-mode-switch"),
    path("gameday/", gameday_views.gameday, name="gameday"),
    path("gameday/begin/", gameday_views.begin, name="gameday-begin"),
    path("gameday/stop/", gameday_views.stop, name="gameday-stop"),
    path("gameday/faults/", gameday_views.faults, name="gameday-faults"),
]
