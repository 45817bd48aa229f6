"""Files: a key, permissions, owner, or where a link points. What a text was is known key by key, never as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from systems.envfile import parse_env
from systems.manifest import Service
from systems.probes.files import MAX_FILE
from systems.services import LoadedSystem
from systems.state import originals
from systems.state.inverses import edits
from systems.state.inverses.types import Inverse, Lies, NoInverse, Step, Wanted, Write
from systems.state.sources import files, named, places
from systems.state.sources.places import Place

OUTSIDE = ": file"  # of the area of how a file lies there


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    name = wanted.area.removesuffix(OUTSIDE)
    place = next((p for p in places.of(system) if p.component == wanted.component and p.name == name), None)
    if place is None:
        raise NoInverse(f"the manifest names no {name} of {wanted.component} any more")
    loads = _loads(system, wanted.component, name)
    if wanted.area.endswith(OUTSIDE):
        return Inverse(_whole(system, place, wanted) or (_lies(system, place, wanted),), loads)
    return Inverse((_key(place, wanted),), loads)


def _key(place: Place, wanted: Wanted) -> Write:
    if place.path.is_dir():
        raise NoInverse(f"{place.name} is a folder: a person puts the file back that was changed in it")
    try:
        with place.path.open("rb") as file:
            text = file.read(MAX_FILE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise NoInverse(f"{place.name} cannot be read: {type(error).__name__}") from None
    if len(text) > MAX_FILE:
        raise NoInverse(f"{place.name} is too large to be edited")
    key = wanted.what.removeprefix(place.prefix)
    env = place.kind == "env"
    read = edits.reader(place.path.name, parse_env if env else None)
    edited = edits.with_key(
        text, key, wanted.then, name=place.path.name, env=env, read=read, said=files.text_of
    )
    change = f"{key}: {wanted.shown(wanted.now)} -> {wanted.shown(wanted.then)}"
    return Write(place.path, place.name, edited, change)


def _whole(system: LoadedSystem, place: Place, wanted: Wanted) -> tuple[Step, ...]:
    """The file as it last could be read, where it is gone or no longer parses, and it was kept."""
    text_of_it = f"{place.name}: text"
    gone = wanted.what == place.name and wanted.now is None
    broken = wanted.what == text_of_it and wanted.then == files.AS_IT_IS
    if not (gone or (broken and (wanted.now or "").startswith(files.BROKEN))) or place.path.is_dir():
        return ()
    kept = originals.find(system, place.outside, text_of_it, files.AS_IT_IS)
    try:
        was = files.Whole.of(kept) if kept is not None else None
    except (ValueError, KeyError, TypeError):
        return ()
    if was is None:
        return ()
    change = f"its whole text ({len(was.text)} characters) as it last could be read"
    write = Write(place.path, place.name, was.text, change, mode=was.mode)
    return (write, Lies(place.path, place.name, owner=was.owner)) if gone and os.geteuid() == 0 else (write,)


def _lies(system: LoadedSystem, place: Place, wanted: Wanted) -> Lies:
    what, then = wanted.what.removeprefix(place.name), wanted.then
    if what == ": permissions" and then and wanted.now:
        return Lies(place.path, place.name, mode=bits(then))
    if what == ": owner" and then and wanted.now:
        return Lies(place.path, place.name, owner=then)
    if what == ": points to" and then:
        if not place.path.parent.joinpath(then).exists():
            raise NoInverse(f"{then}, to which {place.name} pointed, is not there any more")
        return Lies(place.path, place.name, link=then)
    raise NoInverse(f"{_gone(place, wanted)}: {_otherwise(place, system.service(place.component))}")


def _gone(place: Place, wanted: Wanted) -> str:
    if wanted.now is None:
        return f"what stood in {place.name} as a whole is not kept"
    if wanted.then is None:
        return f"{place.name} was not there before, and a file is not deleted by this"
    return f"what {place.name} said before it did not parse is not kept as a whole"


def _otherwise(place: Place, service: Service) -> str:
    """What does bring it back."""
    if place.kind == "config" and place.golden:
        return "restore-config puts its golden copy there"
    if place.kind == "env" and place.golden:
        return "regenerate-env writes it anew"
    return "its release, its repository or a person puts it right"


def _loads(system: LoadedSystem, component: str, name: str) -> dict[str, str]:
    """Who reads it, and how it is told to: the service itself, and whatever else has the same file or link."""
    found = {}
    for other, service in system.services.items():
        if service.unit is None:
            continue
        if service.config and service.config.file == name:
            found[other] = "reload"
        if service.env and service.env.file == name:
            found[other] = "restart"
        if service.release and service.release.link == name:
            found[other] = "restart"
    below = ((other, path) for other, link, path in named.links(system) if link == name)
    return found | {other: "restart" for other, path in below if named.runs_since(system, other, path)}


def loads(system: LoadedSystem, component: str, area: str) -> dict[str, str]:
    """As of the inverse, from the manifest alone."""
    return _loads(system, component, area.removesuffix(OUTSIDE))


def bits(shown: str) -> int:
    """`rw-r--r--` as a mode."""
    if len(shown) != 9:
        raise NoInverse(f"these are no permissions: {shown}")
    mode = 0
    for place, letter in enumerate(shown):
        if letter not in "-ST":
            mode |= 0o400 >> place
    mode |= stat.S_ISUID if shown[2] in "sS" else 0
    mode |= stat.S_ISGID if shown[5] in "sS" else 0
    return mode | (stat.S_ISVTX if shown[8] in "tT" else 0)


def golden(system: LoadedSystem, component: str, area: str, what: str) -> str | None:
    """What the golden copy says of this key; None where there is none, or it says nothing."""
    for place in places.of(system):
        if place.component != component or place.name != area or place.golden is None or place.keys is None:
            continue
        path: Path = place.golden
        try:
            fact = files.keys_of(place, path, 0.0).get(what)
        except (OSError, ValueError):
            return None
        return fact.value if fact else None
    return None
