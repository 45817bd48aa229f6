"""Files: the keys of configuration and environment, where links point, permissions and owner."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from systems.envfile import EnvFileError
from systems.probes.files import MAX_FILE, Unparsable, file_stamp
from systems.readings import clean
from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Area, Fact, Facts, Read
from systems.state.sources import places
from systems.state.sources.places import Place
from systems.state.sources.threaded import Threaded
from systems.state.types import NOT_THERE

FRESH_S = 0.4  # a file written this moment may not be whole yet
PATIENCE = 4  # ... but is read after so many looks all the same
MOST_KEYS = 2000
EVERY = 15  # looks: what the runtime names is asked for again
AS_IT_IS = "can be read"
BROKEN = "does not parse"


class Files(Threaded):
    name = "files"
    every_s = 2.0

    def __init__(self, system: LoadedSystem) -> None:
        super().__init__(system)
        self.places = list(places.of_manifest(system))
        self._looks = 0

    def look(self) -> Read:
        """All places, blocking."""
        self._ask_runtime()
        found: Read = {}
        for place in self.places:
            try:
                if self._is_whole(place):
                    found |= place.found
            except OSError:  # not even that can be told of this one: unknown
                place.stamp, place.found = object(), {}
        return found

    def _ask_runtime(self) -> None:
        if self._looks % EVERY == 0:
            known = {p.area for p in self.places}
            self.places += [p for p in places.of_runtime(self.system) if p.area not in known]
        self._looks += 1

    async def read_area(self, area: Area) -> Facts | None:
        """As it is at this moment, whole or not."""
        if not self._looks:
            await asyncio.to_thread(self._ask_runtime)
        for place in self.places:
            if area in (place.area, place.outside):
                return look_at(place).get(area)
        return None

    def _is_whole(self, place: Place) -> bool:
        """Looks at the place again where it changed. False: it is being written."""
        stamp = _stamp(place)
        if stamp != place.stamp:
            if place.keys is not None and _is_fresh(place.path) and place.waited < PATIENCE:
                place.waited += 1
                return False
            place.waited = 0
            place.found, place.stamp = look_at(place), stamp
        return True

    def pinned(self) -> Read:
        return {
            place.area: keys_of(place, place.golden, place.golden.stat().st_mtime)
            for place in self.places
            if place.golden is not None and place.keys is not None and place.golden.exists()
        }


def look_at(place: Place) -> Read:
    """How it lies there, and its keys where they can be read. OSError when not even that can be told."""
    try:
        lies = place.path.lstat()
    except FileNotFoundError:
        return {place.outside: {}}
    target = place.path.stat() if place.path.exists() else lies
    outside = _outside(place, lies, target)
    read: Read = {place.outside: outside}
    if place.keys is None:
        return read
    name, text = f"{place.name}: text", AS_IT_IS
    written = max(target.st_mtime, 0.0)
    try:
        read[place.area] = keys_of(place, place.path, written)
    except (Unparsable, EnvFileError) as error:
        text = f"{BROKEN} ({clean(str(error), 200)})"
    except OSError as error:
        text = f"cannot be read by the portal ({error.strerror})"
    whole = _whole(place.path, target) if place.keep and text == AS_IT_IS else None
    outside[name] = Fact(
        text, place.kind, parent=place.name, written_at=written, loaded=place.loaded, original=whole
    )
    return read


@dataclass(frozen=True)
class Whole:
    """A file as it was. `owner`: user:group."""

    text: str
    mode: int
    owner: str

    @classmethod
    def of(cls, kept: str) -> Whole:
        """What an original says. ValueError, KeyError or TypeError when it says nothing of the kind."""
        return cls(**json.loads(kept))


def _whole(path: Path, target: os.stat_result) -> str | None:
    """The file as an original keeps it; None where it is a folder, no text, or too long."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1).decode()
    except (OSError, UnicodeDecodeError):
        return None
    owner = f"{_user(target.st_uid)}:{_group(target.st_gid)}"
    return (
        json.dumps(asdict(Whole(text, stat.S_IMODE(target.st_mode), owner)))
        if len(text) <= MAX_FILE
        else None
    )


def _outside(place: Place, lies: os.stat_result, target: os.stat_result) -> Facts:
    def fact(value: str, kind: str = "file") -> Fact:
        parent = "" if value == "there" else place.name
        return Fact(value, kind, parent=parent, written_at=lies.st_ctime, owner=place.owner)

    found = {place.name: fact("there")}
    if stat.S_ISLNK(lies.st_mode):
        kind = "release" if place.kind == "release" else "file"
        to = str(place.path.readlink()) + ("" if place.path.exists() else NOT_THERE)
        link = Fact(to, kind, parent=place.name, written_at=lies.st_mtime,
                    loaded=kind == "release", owner=place.owner)  # fmt: skip
        found[f"{place.name}: points to"] = link
    found[f"{place.name}: permissions"] = fact(stat.filemode(target.st_mode)[1:])
    found[f"{place.name}: owner"] = fact(f"{_user(target.st_uid)}:{_group(target.st_gid)}")
    return found


def keys_of(place: Place, path: Path, written: float) -> Facts:
    """Unparsable, EnvFileError or OSError when there are none to be had."""
    assert place.keys is not None
    found = place.keys(path)
    many = len(found) > MOST_KEYS
    facts = {
        f"{place.prefix}{key}": _fact(place, str(key), value, written)
        for key, value in list(found.items())[:MOST_KEYS]
    }
    if many:
        facts[f"{place.prefix}(more)"] = Fact(repr(sorted(found.items(), key=str)), place.kind, secret=True)
    return facts


def _fact(place: Place, key: str, value: Any, written: float) -> Fact:
    text = text_of(value)
    hidden = masking.is_secret(key, text) or (place.kind == "env" and not masking.plain(text))
    return Fact(text, place.kind, hidden, written_at=written, loaded=place.loaded, owner=place.owner)


def text_of(value: Any) -> str:
    """A value as the ledger has it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _stamp(place: Place) -> object:
    path = place.path
    try:
        lies = path.lstat()
        own = (lies.st_mtime_ns, lies.st_ctime_ns, lies.st_size, lies.st_ino, lies.st_mode)
        if stat.S_ISLNK(lies.st_mode) and path.exists():
            target = path.stat()
            return own, target.st_mtime_ns, target.st_ctime_ns
        if stat.S_ISDIR(lies.st_mode):  # what comes and goes in a folder is no matter, but where it is read
            return file_stamp(path) if place.keys is not None else (lies.st_mode, lies.st_uid, lies.st_gid)
        return own
    except FileNotFoundError:
        return None


def _is_fresh(path: Path) -> bool:
    try:
        return 0 <= time.time() - path.stat().st_mtime < FRESH_S
    except OSError:
        return False


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
