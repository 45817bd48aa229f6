"""API tokens: what a program shows instead of a password."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """Acts as its user, with no more than the listed permissions. Only a hash of the token is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    # ["actions.run_action", ...]: the token's permissions are these AND the user's
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    def has_perm(self, permission: str) -> bool:
        """Has the token this permission, and its user too, now?"""
        return permission in self.permissions and bool(self.user.has_perm(permission))

    def get_username(self) -> str:
        return str(self.user.get_username())
