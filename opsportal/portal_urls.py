"""Routes of the pages that belong to no single app, and of each app's pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from opsportal.changes import back as changes_back
from opsportal.changes import views as changes
from opsportal.doors import people
from opsportal.foreign import views as foreign
from opsportal.pages import bundle_views, kept_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.dashboard, name="dashboard"),
    path("nav/", views.nav_waiting, name="nav"),
    path("settings/", views.settings_page, name="settings"),
    path("settings/kept/", kept_views.page, name="kept"),
    path("settings/kept/<slug:kind>/", kept_views.keep, name="keep"),
    path("settings/people/", people.index, name="people"),
    path("settings/people/new/", people.new, name="person-new"),
    path("settings/people/<int:pk>/", people.change, name="person-change"),
    path("settings/freeze/", views.freeze, name="freeze"),
    path("settings/rules/<int:pk>/remove/", views.rule_delete, name="rule-delete"),
    path("settings/grants/<int:pk>/end/", views.grant_end, name="grant-end"),
    path("settings/systems/<slug:slug>/activate/", views.activate, name="manifest-activate"),
    path("settings/vocabulary/", include("opsportal.vocabulary.urls")),
    path("settings/systems/<slug:slug>/", views.system_switch, name="system-switch"),
    path("changes/", changes.index, name="changes"),
    path("changes/<int:pk>/", changes.one, name="change"),
    path("changes/<int:pk>/back/", changes_back.back, name="change-back"),
    path("diagnose/", foreign.diagnose, name="diagnose"),
    path("incidents/<int:number>/agent", views.agent_switch, name="incident-agent"),
    path("incidents/<int:number>/bundle.tar.gz", bundle_views.download, name="incident-bundle"),
    path("incidents/", include("incidents.urls")),
    path("runbooks/", include("knowledge.urls")),
    path("", include("actions.urls")),
    path("", include("chaos.urls")),
]
