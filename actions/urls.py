"""Routes of the approval queue and the audit log."""

from __future__ import annotations

from django.urls import path, re_path

from actions import views

urlpatterns = [
    path("approvals/", views.approvals, name="approvals"),
    path("approvals/<uuid:pk>/", views.detail, name="approval"),
    path("approvals/<uuid:pk>/decide/", views.decide, name="approval-decide"),
    path("approvals/<uuid:pk>/undo/", views.undo, name="approval-undo"),
    path("audit/", views.audit_log, name="audit"),
    path("audit/verify/", views.audit_check, name="audit-verify"),
    re_path(r"^audit/export\.(?P<form>csv|jsonl)$", views.audit_export, name="audit-export"),
]
