"""All routes. Each app owns its own urls module."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path

from opsportal.health import healthz
from opsportal.rest.api import api

handler403 = "opsportal.doors.guard.refused"
urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("", include("opsportal.portal_urls")),
    path("", api.urls),
]
