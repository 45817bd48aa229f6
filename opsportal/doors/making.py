"""The shipped roles as groups of Django's: made once, and an administrator's from then on."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from opsportal.doors.roles import BY_NAME, rights


def make(**_: Any) -> list[str]:
    """Make those that are not there; what an administrator has changed stays as it is. The names of what was made. When
    none was there before, who had an account then may look, as everybody could. A handler of `post_migrate`."""
    there = set(Group.objects.filter(name__in=BY_NAME).values_list("name", flat=True))
    missing = [name for name in BY_NAME if name not in there]
    for name in missing:
        group = Group.objects.create(name=name)
        group.permissions.set(_permissions(name))
    if missing and not there:
        plain = get_user_model()._default_manager.filter(is_superuser=False, groups=None)
        Group.objects.get(name="viewer").user_set.add(*plain)
    return missing


def _permissions(name: str) -> list[Permission]:
    wanted = Q()
    for right in rights(name):
        app, _, code = right.partition(".")
        wanted |= Q(content_type__app_label=app, codename=code)
    return list(Permission.objects.filter(wanted))
