"""Routes of the approval queue, of what can be done to a part, and of the audit log."""

from __future__ import annotations

from django.urls import path, re_path

from actions import part_views, views

urlpatterns = [
    path("approvals/", views.approvals, name="approvals"),
    path("approvals/<uuid:pk>/", views.detail, name="approval"),
    path("approvals/<uuid:pk>/decide/", views.decide, name="approval-decide"),
    path("approvals/<uuid:pk>/undo/", views.undo, name="approval-undo"),
    path("systems/<slug:slug>/parts/<str:name>/", part_views.part, name="part"),
    path("systems/<slug:slug>/parts/<str:name>/do/<slug:action>/", part_views.act, name="part-act"),
    path("audit/", views.audit_log, name="audit"),
    path("audit/verify/", views.audit_check, name="audit-verify"),
    re_path(r"^audit/export\.(?P<form>csv|jsonl)$", views.audit_export, name="audit-export"),
]
