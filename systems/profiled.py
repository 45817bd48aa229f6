"""What services have of their profiles, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from systems import profiles
from systems.manifest import Service
from systems.profiles import Use
from systems.profiles.types import NAMED, Profile


def told(service: Service, driver: str) -> Iterator[str]:
    """What of it came from its profile, and what of the profile cannot be had there, a line each. Nothing without
    one."""
    profile = profiles.find(service.profile) if service.profile else None
    if profile is None:
        return
    found = profiles.brought(profile, Use(service.address, service.given, service.unit, driver))
    taken = [f"{key} {', '.join(names)}" for key in NAMED if (names := _taken(service, found.service, key))]
    rest = [key for key in found.service if key not in NAMED]
    yield f"{service.name}: of its profile {profile.title}: {'; '.join([*rest, *taken])}"
    if service.without:
        yield f"{service.name}: not wanted of its profile: {', '.join(service.without)}"
    for what, why in found.left_out:
        yield f"{service.name}: left out of its profile: {what}: {why}"


def _taken(service: Service, found: dict[str, list[dict[str, str]]], key: str) -> list[str]:
    there = {item.name for item in getattr(service, key)}
    return [item["name"] for item in found.get(key, []) if item["name"] in there]


def where_from(service: Service, file: str) -> str:
    """What to say besides of a file that is not there: which setting of its profile names it; "" when none does."""
    profile = profiles.find(service.profile) if service.profile else None
    name = _setting(profile, service, file) if profile else None
    if name is None:
        return ""
    return f"; its profile looks there: `with: {{{name}: PATH}}` says where it is, null that there is none"


def _setting(profile: Profile, service: Service, file: str) -> str | None:
    for name, setting in profile.settings.items():
        default = setting.default if isinstance(setting.default, list) else [setting.default]
        if name not in service.given and file in default:
            return name
    return None
