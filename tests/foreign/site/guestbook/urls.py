from django.contrib import admin
from django.contrib.flatpages.views import flatpage
from django.urls import path

from guestbook import views

urlpatterns = [
    path("healthz", views.healthz),
    path("book/", views.book),
    path("book/sign/", views.sign),
    path("book/<uuid:token>/", views.entry),
    path("admin/", admin.site.urls),
    path("<path:url>", flatpage),
]
