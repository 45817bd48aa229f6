"""A manifest as a bundle has it: the parts and what is declared of them, without secrets or anything to log in with."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import yaml

from systems.manifest.types import Manifest
from systems.redact import MASK, Redactor

DSNS = (("postgres", "dsn"), ("postgres", "admin_dsn"), ("redis", "url"))


class _Plain(yaml.SafeDumper):
    """Without aliases: our own reader refuses them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def text_of(manifest: Manifest, hide: Redactor) -> str:
    """YAML that loads on its own: no ${...}, no secrets file, no options of a runtime, no headers or bodies."""
    data: dict[str, Any] = manifest.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data.pop("secrets", None)
    data["runtime"] = {"driver": manifest.runtime.driver}
    for name, service in manifest.services.items():
        kept = data["services"][name]
        kept.pop("name", None)
        kept.pop("migrations", None)  # a command line
        kept["unit"] = service.unit  # None is said, or it would be taken for the name
        for section, key in DSNS:
            if kept.get(section, {}).get(key):
                kept[section][key] = without_login(kept[section][key])
        for section in ("http", "ready", "metrics"):
            _unsent(kept.get(section, {}))
    _unsent(data.get("prometheus", {}))
    for journey in data.get("journeys", []):
        for step in journey["steps"]:
            step.pop("headers", None)
            step.pop("json", None)
    return yaml.dump(_hidden(data, hide), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def _unsent(section: dict[str, Any]) -> None:
    """Without what is sent along, and what says who asks."""
    for key in ("headers", "bearer", "basic"):
        section.pop(key, None)


def without_login(dsn: str) -> str:
    """Where it leads, and nothing else: no user, no password, no parameters."""
    try:
        found = urlsplit(dsn)
    except ValueError:
        return MASK
    if not found.scheme or not found.netloc:
        return MASK  # `key=value` form
    return urlunsplit((found.scheme, found.netloc.rpartition("@")[2], found.path, "", ""))


def _hidden(item: Any, hide: Redactor) -> Any:
    """Values without secrets; keys stay, for the names of parts are no secrets."""
    if isinstance(item, dict):
        return {k: _hidden(v, hide) for k, v in item.items()}
    if isinstance(item, list):
        return [_hidden(v, hide) for v in item]
    return hide.text(item) if isinstance(item, str) else item
