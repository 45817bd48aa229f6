"""What a profile brings to one service: its blanks filled, and left out what cannot be had there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from systems.profiles.addresses import BadAddress, is_here, values
from systems.profiles.types import BLANK, NAMED, OF_THE_ADDRESS, Filling, Profile, blanks

WAYS = ("http", "sql", "redis", "exec")
FILES = {("logs",), ("volumes",), ("state", "files")}  # these are looked for on the watcher's machine
NO_UNIT = "it runs a command, and there is no unit to run it in"


class Off(Exception):
    """A blank is switched off, or nothing fills it."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a service uses its profile. `unit`: the runtime's name of it; `driver`: the runtime's."""

    address: object
    given: Mapping[str, Filling]
    unit: str | None
    driver: str


@dataclass(slots=True)
class Brought:
    """Keys of a service, and (what, why) for each thing that is left out."""

    service: dict[str, Any] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Here:
    """What fills blanks there, and whether its files are of this machine as far as anybody can tell."""

    filled: Mapping[str, Filling]
    use: Use
    near: bool


def brought(profile: Profile, use: Use) -> Brought:
    """What rests on a blank that is switched off is left out, and so is what needs a unit where there is none, and a
    file of another machine that nobody named."""
    filled = _values(profile, use)
    runs_here = use.unit is not None and use.driver != "none"
    here = _Here(filled, use, use.driver != "docker" and (is_here(filled) or runs_here))
    found = Brought()
    for key, section in profile.service.items():
        if key in NAMED:
            found.service[key] = [
                _filled(item, filled) for item in section if _is_had(found, key, item, here)
            ]
        elif (made := _section(found, (key,), section, here)) not in (None, [], {}):
            found.service[key] = made
    return found


def _values(profile: Profile, use: Use) -> dict[str, Filling]:
    """What fills each blank; None: it is switched off."""
    filled: dict[str, Filling] = dict.fromkeys(OF_THE_ADDRESS)
    with suppress(BadAddress):  # told where the manifest is read
        filled |= values(use.address, profile.address)
    for name, setting in profile.settings.items():
        if name in use.given:
            value = use.given[name]
            filled[name] = [value] if isinstance(setting.default, list) and isinstance(value, str) else value
            continue
        filled[name] = None
        with suppress(Off):
            filled[name] = _filled(setting.default, filled)
    return filled


def _is_had(found: Brought, key: str, item: dict[str, Any], here: _Here) -> bool:
    """Whether a reading, word or action can be had there; if not, why is noted."""
    what = f"{key.removesuffix('s')} {item['name']}"
    if here.use.unit is None and "exec" in _ways(item):
        found.left_out.append((what, NO_UNIT))
        return False
    off = [name for name in dict.fromkeys(blanks(item)) if here.filled.get(name) is None]
    if off:
        found.left_out.append((what, f"it needs {', '.join(off)}, and there is none"))
    return not off


def _ways(item: Any) -> set[str]:
    """In which ways it asks or tells."""
    if isinstance(item, list):
        return set().union(*map(_ways, item))
    if not isinstance(item, dict):
        return set()
    return {key for key in item if key in WAYS}.union(*map(_ways, item.values()))


def _section(found: Brought, path: tuple[str, ...], section: Any, here: _Here) -> Any:
    """A section without what cannot be had; None: nothing of it."""
    if isinstance(section, dict):
        made = {key: _section(found, (*path, key), value, here) for key, value in section.items()}
        return {key: value for key, value in made.items() if value not in (None, [])}
    if path in FILES:
        section = [item for item in section if _is_looked_for(found, path, item, here)]
    try:
        return _filled(section, here.filled)
    except Off:
        return None


def _is_looked_for(found: Brought, path: tuple[str, ...], item: Any, here: _Here) -> bool:
    names = list(dict.fromkeys(blanks(item)))
    if any(here.filled.get(name) in (None, []) for name in names):
        return False
    if here.near or any(name in here.use.given for name in names):
        return True
    where = f"`with: {{{', '.join(f'{name}: PATH' for name in names)}}}`"
    why = f"it may be on another machine; {where} says where it can be read on the watcher's"
    found.left_out.append((f"{path[-1]} of {' and '.join(names)}", why))
    return False


def _filled(item: Any, filled: Mapping[str, Filling]) -> Any:
    """A blank that is all of a text keeps its type, and one that is a list is its items. Off."""
    if isinstance(item, str):
        if whole := BLANK.fullmatch(item):
            return _value(whole[1], filled)
        return BLANK.sub(lambda found: str(_value(found[1], filled)), item)
    if isinstance(item, dict):
        return {key: _filled(value, filled) for key, value in item.items()}
    if not isinstance(item, list):
        return item
    made: list[Any] = []
    for entry in item:
        value = _filled(entry, filled)
        made += value if isinstance(entry, str) and isinstance(value, list) else [value]
    return made


def _value(name: str, filled: Mapping[str, Filling]) -> Filling:
    value = filled.get(name)
    if value is None:
        raise Off
    return value
