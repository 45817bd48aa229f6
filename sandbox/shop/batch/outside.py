"""What the services outside say of the shop's own credentials and storage: GET /outside."""

from __future__ import annotations

from collections.abc import Callable

from ..kit.s3 import CloudError
from ..ops import assets, provider_key

LOOKS: dict[str, Callable[[], str]] = {
    "key": provider_key.state,
    "session": assets.session,
    "bucket": assets.bucket,
}


def look() -> dict[str, str | None]:
    """By what is asked after; None where nobody answers."""
    return {name: _say(ask) for name, ask in LOOKS.items()}


def _say(ask: Callable[[], str]) -> str | None:
    try:
        return ask()
    except (provider_key.Failed, CloudError, OSError, KeyError):
        return None
