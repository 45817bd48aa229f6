"""Which system a command means when it is not told."""

from __future__ import annotations

from django.core.management.base import CommandError

from systems.models import System


def only_system() -> str:
    """The slug of the one enabled system. CommandError when there are none or several."""
    slugs = list(System.objects.filter(enabled=True).values_list("slug", flat=True))
    if len(slugs) != 1:
        names = ", ".join(slugs) or "none is registered"
        raise CommandError(f"which system? name it with --system SLUG ({names})")
    return slugs[0]
