"""Puts what a profile knows into a service of a manifest, before it is checked. What the manifest itself says wins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from systems.profiles.addresses import BadAddress, values
from systems.profiles.bringing import WAYS, Use, brought
from systems.profiles.reading import find, unknown
from systems.profiles.types import NAMED, OF_THE_ADDRESS, Profile, blanks

Trouble = tuple[tuple[str | int, ...], str]  # where, and what to mend
OWN_KEYS = ("address", "with", "without")
# an item of a profile's name that has one of these stands alone; of one that has none, only its keys are others
ALONE = {"readings": WAYS, "words": ("pattern",), "actions": ("do",)}
JUDGES = ("above", "below", "clear", "is", "is_not", "baseline", "least")


def fill_in(data: Mapping[Any, Any]) -> Iterator[Trouble]:
    """Fills the services of a manifest that name a profile, as plain data and in place. Yields what to mend."""
    services, runtime = data.get("services"), data.get("runtime")
    driver = runtime.get("driver", "process") if isinstance(runtime, dict) else "process"
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            for path, words in _fill(service, str(driver)):
                yield ("services", name, *path), words


def _fill(service: dict[str, Any], driver: str) -> Iterator[Trouble]:
    wanted, given = service.get("profile"), service.get("with")
    if wanted is None:
        for key in OWN_KEYS:
            if service.get(key):
                yield (key,), "belongs to a `profile`, and none is named"
        return
    profile = find(wanted) if isinstance(wanted, str) else None
    if profile is None:
        yield ("profile",), unknown(wanted)
        service.setdefault("kind", "other")  # that it is missing need not be told as well
        return
    service.setdefault("kind", profile.kind)
    troubles = [
        *_settings(profile, given),
        *_without(profile, service.get("without")),
        *_address(profile, service),
    ]
    yield from troubles
    if troubles:
        return
    use = Use(service.get("address"), given if isinstance(given, dict) else {}, service.get("unit"), driver)
    merge(service, brought(profile, use).service)


def _settings(profile: Profile, given: object) -> Iterator[Trouble]:
    for name, value in given.items() if isinstance(given, dict) else ():
        setting = profile.settings.get(name)
        if setting is None:
            hint = _near(str(name), list(profile.settings))
            yield ("with", str(name)), f"the profile {profile.name} has no such setting; {hint}"
            continue
        if value is not None and (wanted := _other_than(setting.default, value)):
            yield ("with", name), f"is {wanted}, or null where there is none ({setting.says})"


def _other_than(default: object, value: object) -> str:
    """What it has to be, "" when it is that."""
    if isinstance(default, int | float):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if good else "a number"
    if isinstance(default, list):
        texts = isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
        return "" if texts else "a text or a list of texts"
    return "" if isinstance(value, str) and value else "a text"


def _without(profile: Profile, given: object) -> Iterator[Trouble]:
    known = [item["name"] for key in NAMED for item in profile.service.get(key, ())]
    for name in _texts(given):
        if name not in known:
            yield ("without",), f"the profile {profile.name} brings no {name!r}; {_near(name, known)}"


def _address(profile: Profile, service: Mapping[str, Any]) -> Iterator[Trouble]:
    if service.get("address") is not None:
        try:
            values(service["address"], profile.address)
        except BadAddress as error:
            yield ("address",), str(error)
        return
    lacking = [
        key
        for key, section in profile.service.items()
        if key not in NAMED and key not in service and not set(OF_THE_ADDRESS).isdisjoint(blanks(section))
    ]
    if lacking:
        own = " and ".join(f"`{key}`" for key in lacking)
        yield (
            ("address",),
            f"is missing: where it answers, such as {profile.address.example} (or say {own} yourself)",
        )


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"


def merge(own: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Adds to a service what it does not say itself, in place. Its own items of a list keep their places."""
    unwanted = {*_texts(own.get("without"))}
    taken = {item["name"] for key in NAMED for item in _named(own.get(key))}
    for key, value in given.items():
        if key not in NAMED:
            _add(own, key, value)
            continue
        known = {item["name"]: item for item in value if item["name"] not in unwanted}
        if isinstance(own.setdefault(key, []), list):  # else told when its shape is checked
            for item in _named(own[key]):
                _complete(key, item, known.get(item["name"], {}))
            own[key] += [item for name, item in known.items() if name not in taken]


def _add(own: dict[str, Any], key: str, value: Any) -> None:
    if key not in own:
        own[key] = value
    elif isinstance(own[key], dict) and isinstance(value, dict):
        for name, inner in value.items():
            _add(own[key], name, inner)


def _complete(key: str, own: dict[str, Any], known: Mapping[str, Any]) -> None:
    """An item of the manifest that changes one of the profile."""
    if any(way in own for way in ALONE[key]):
        return
    judged = any(name in own for name in JUDGES)
    for name, value in known.items():
        if not (judged and name in JUDGES):
            own.setdefault(name, value)


def _named(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]


def _texts(value: object) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [item for item in many if isinstance(item, str)]
