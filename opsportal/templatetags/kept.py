"""How long something is kept, in words."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def kept_for(hours: int) -> str:
    """36 -> 36 hours, 720 -> 30 days."""
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"
