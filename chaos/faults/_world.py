"""Shared by the faults of the world outside: what a provider is set to, in its own house."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import yaml

from chaos.faults.base import Part, Undo
from chaos.site import Site
from systems import yamlsafe


def remember(site: Site, provider: str) -> Undo:
    """The present text of a provider's configuration."""
    return {"world": {provider: _path(site, provider).read_text()}}


def values(site: Site, provider: str) -> dict[str, Any]:
    """What it is set to now."""
    found: dict[str, Any] = yamlsafe.load(_path(site, provider).read_text(), aliases=True)
    return found


def put(site: Site, provider: str, changed: dict[str, Any]) -> None:
    """Set keys of the top level, and have the provider read them."""
    data = {**values(site, provider), **changed}
    site.write_atomic(_path(site, provider), str(yaml.safe_dump(data, sort_keys=False, width=110)))
    site.hands.reload(provider, world=True)


def restore(site: Site, undo: Undo) -> list[Part]:
    return [
        Part(f"the settings of {provider}", partial(_put_back, site, provider, text))
        for provider, text in undo["world"].items()
    ]


def _put_back(site: Site, provider: str, text: str) -> None:
    if _path(site, provider).read_text() != text:
        site.write_atomic(_path(site, provider), text)
    site.hands.reload(provider, world=True)


def _path(site: Site, provider: str) -> Path:
    return site.path(f"world/etc/{provider}.yaml")
