"""Tokens for programs: made once, shown once, kept as a hash, never stronger than their user."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, Permission
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from opsportal.models import ApiToken

PREFIX = "ops_"
# What a token may be given; everything else needs a person at a page.
GRANTABLE = (
    "actions.run_action",
    "actions.approve_action",
    "actions.export_audit",
    "chaos.inject_fault",
    "incidents.view_incident",
    "incidents.respond_incident",
    "systems.change_system",
    "systems.view_changes",
    "systems.report_change",
    "actions.add_policyrule",
    "knowledge.add_vocabularyentry",
    "knowledge.change_vocabularyentry",
)
READ = "incidents.view_incident"


class UnknownPermission(ValueError):
    """The message names the permissions there are."""


def create(
    user: AbstractBaseUser, name: str, permissions: Iterable[str], *, days: float | None = None
) -> tuple[str, ApiToken]:
    """A new token of `user`: the text to show once, and its row. `days` None = does not expire."""
    wanted = list(dict.fromkeys(permissions))
    wrong = [p for p in wanted if p not in GRANTABLE]
    if wrong:
        raise UnknownPermission(f"unknown permission {', '.join(wrong)}; there are: {', '.join(GRANTABLE)}")
    text = PREFIX + secrets.token_urlsafe(32)
    expires = timezone.now() + timedelta(days=days) if days is not None else None
    row = ApiToken.objects.create(
        user_id=user.pk, name=name[:80], token_hash=_hash(text), permissions=wanted, expires_at=expires
    )
    return text, row


def find(text: str) -> ApiToken | None:
    """The live token of an active user, noted as used; None otherwise. With 256 random bits a plain hash is enough."""
    if not text.startswith(PREFIX) or len(text) > 200:
        return None
    live = ApiToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=Now()),
        token_hash=_hash(text),
        revoked_at=None,
        user__is_active=True,
    )
    row = live.select_related("user").first()
    if row is not None:
        minute_ago = timezone.now() - timedelta(minutes=1)
        ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=minute_ago), pk=row.pk).update(
            last_used_at=Now()
        )
    return row


def revoke(user: AbstractBaseUser, name: str = "") -> list[str]:
    """End the live tokens of a user, or those of that name only; the names of what was ended."""
    live = ApiToken.objects.filter(user_id=user.pk, revoked_at=None, **({"name": name} if name else {}))
    with transaction.atomic():
        ended = list(live.select_for_update().values_list("pk", "name"))
        ApiToken.objects.filter(pk__in=[pk for pk, _ in ended]).update(revoked_at=Now())
    return sorted(name for _, name in ended)


def grant(user: AbstractBaseUser, permissions: Iterable[str]) -> None:
    """Give the user permissions by `app.codename`."""
    for name in permissions:
        app, _, code = name.partition(".")
        found = Permission.objects.get(content_type__app_label=app, codename=code)
        user.user_permissions.add(found)  # type: ignore[attr-defined]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
