"""The values themselves, where somebody switched that on for a service (`state: {keep: true}`).

What the ledger shows of a value does not always say enough to put it back: a secret, a text that is too long, a file as
a whole, the body of a function.

One file per value in `OPSPORTAL_DATA/originals`, of the portal's user alone, named by the keyed mark of the value.
Nothing of it is shown, exported, or sent anywhere; it is read only to put that very value back.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Area, Fact, Facts, Read

KEEP_S = 14 * 86_400.0  # since it was last so
MOST_BYTES = 65_536  # of one value
MOST = 2000  # values of one area


class Originals:
    """Those of one system."""

    def __init__(self, system: LoadedSystem) -> None:
        self._system = system
        self._kept: dict[Area, dict[str, int]] = {}  # of what is so now: mark -> hash of the text
        self._lock = threading.Lock()

    def keep(self, read: Read) -> None:
        """Keep what is new of it. OSError where that cannot be written."""
        with self._lock:
            for area, facts in read.items():
                if is_kept(self._system, area[0]):
                    self._kept[area] = self._of(area, facts, self._kept.get(area, {}))

    def _of(self, area: Area, facts: Facts, known: dict[str, int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for what, fact in facts.items():
            text = _text(fact)
            if text is None or len(text) > MOST_BYTES or len(found) >= MOST:
                continue
            mark = masking.mark(area, what, fact.value)
            if known.get(mark) != hash(text):
                _write(_path(self._system, mark), text)
            found[mark] = hash(text)
        return found

    def keep_house(self) -> None:
        """Drop what was so for the last time long ago, of whichever system."""
        with self._lock:
            for mark in {mark for kept in self._kept.values() for mark in kept}:
                with suppress(FileNotFoundError):
                    os.utime(_path(self._system, mark))
        oldest = time.time() - KEEP_S
        for path in _folder().iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def is_kept(system: LoadedSystem, component: str) -> bool:
    service = system.services.get(component)
    return service is not None and service.state is not None and service.state.keep


def find(system: LoadedSystem, area: Area, what: str, value: str) -> str | None:
    """The text of what had this value there; None where it was not kept, or is not to be used any more."""
    return by_mark(system, area[0], masking.mark(area, what, value))


def by_mark(system: LoadedSystem, component: str, mark: str) -> str | None:
    if not mark or not is_kept(system, component):
        return None
    try:
        return str(json.loads(_path(system, mark).read_text("utf-8"))["text"])
    except (OSError, ValueError, KeyError):
        return None


def _text(fact: Fact) -> str | None:
    """What has to be kept of it; None: the ledger's own row says all."""
    if fact.original is not None or fact.act:
        return fact.original
    return fact.value if fact.secret or len(fact.value) > masking.SHOWN else None


def _folder() -> Path:
    folder = Path(settings.OPSPORTAL_DATA) / "originals"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _path(system: LoadedSystem, mark: str) -> Path:
    return _folder() / f"{system.id}-{mark}"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump({"text": text}, file)
    temporary.replace(path)
