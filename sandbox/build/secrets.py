"""The shop's secrets: made once, kept in site.json, spread over env files."""

from __future__ import annotations

import secrets as random
from dataclasses import asdict, dataclass, field
from typing import Any


def _fresh() -> str:
    return random.token_hex(12)


@dataclass(frozen=True)
class Secrets:
    """One value each; none is ever printed."""

    super_password: str = field(default_factory=_fresh, repr=False)
    app_password: str = field(default_factory=_fresh, repr=False)
    prober_password: str = field(default_factory=_fresh, repr=False)
    admin_password: str = field(default_factory=_fresh, repr=False)
    redis_password: str = field(default_factory=_fresh, repr=False)
    jwt_secret: str = field(default_factory=lambda: random.token_hex(32), repr=False)
    upstream_key: str = field(default_factory=lambda: f"shop-{random.token_hex(8)}", repr=False)
    fallback_key: str = field(default_factory=lambda: f"shop-{random.token_hex(8)}", repr=False)
    upstream_secret: str = field(default_factory=_fresh, repr=False)  # of the account with the provider
    cloud_key: str = field(default_factory=lambda: f"AKIA{random.token_hex(8).upper()}", repr=False)
    cloud_secret: str = field(default_factory=lambda: random.token_hex(20), repr=False)

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, data: dict[str, Any] | None) -> Secrets:
        """From site.json; what is missing there is made."""
        return cls(**(data or {}))
