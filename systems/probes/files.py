"""config.*, env.* and release.*: files on disk against their golden copies. Texts never hold a secret."""

from __future__ import annotations

import difflib
import hashlib
import re
import time
from pathlib import Path
from typing import Any

from systems import yamlsafe
from systems.envfile import EnvFileError, parse_env
from systems.manifest import Service
from systems.probes.base import Clock, FileProbe, ProbeFailed
from systems.probes.cached import Cached
from systems.readings import Reading, clean
from systems.secretwords import is_about, names_secret
from systems.services import LoadedSystem

MAX_FILE = 1_000_000
_SECRET_KEY = re.compile(r"private|(^|[._-])key$|auth", re.I)  # beside the words of `secretwords`
_SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^@\s]+@|-----BEGIN|SCRAM-SHA|^eyJ[\w-]{8,}")
_MISSING = object()


class Unparsable(ValueError):
    """A file does not parse; the message is `file:line: why`."""


class ConfigProbe(Cached):
    """config.drift (text: `calls.wait_s: 0 -> 6`) and config.valid (text: `api.yaml:3: why`)."""

    name = "config"
    interval_s = 1.0
    timeout_s = 1.5
    main = ("config.drift", "config.valid")

    def applies(self, service: Service) -> bool:
        return service.config is not None

    def read_once(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.config is not None
        live, golden = system.path(service.config.file), system.path(service.config.golden)
        stamp = (file_stamp(live), file_stamp(golden))
        known = self.cached(service.name, stamp)
        if known is not None:
            return known
        try:
            valid, invalid_text = 1.0, ""
            parse(live)
        except Unparsable as error:
            valid, invalid_text = 0.0, clean(str(error))
        changes = diff(live, golden)
        readings = [
            Reading(service.name, "config.drift", float(bool(changes)), clean(summary(changes))),
            Reading(service.name, "config.valid", valid, invalid_text),
        ]
        return self.keep(service.name, stamp, readings)


class EnvProbe(Cached):
    """env.drift and env.valid: key names only, never values."""

    name = "env"
    interval_s = 1.0
    timeout_s = 1.5
    main = ("env.drift", "env.valid")

    def applies(self, service: Service) -> bool:
        return service.env is not None

    def read_once(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.env is not None
        live = system.path(service.env.file)
        golden = system.path(service.env.golden) if service.env.golden else None
        stamp = (file_stamp(live), file_stamp(golden) if golden else None)
        known = self.cached(service.name, stamp)
        if known is not None:
            return known
        try:
            found = parse_env(_text(live), live.name)
        except FileNotFoundError:
            return self._both(service, stamp, f"{live.name} is missing")
        except EnvFileError as error:
            return self._both(service, stamp, str(error))
        missing = [key for key in service.env.required if not found.get(key)]
        readings = [
            Reading(
                service.name,
                "env.valid",
                float(not missing),
                f"missing: {', '.join(missing)}" if missing else "",
            )
        ]
        if golden is not None:
            changes = env_diff(found, parse_env(_text(golden), golden.name))
            readings.append(
                Reading(service.name, "env.drift", float(bool(changes)), clean("; ".join(changes)))
            )
        return self.keep(service.name, stamp, readings)

    def _both(self, service: Service, stamp: object, text: str) -> list[Reading]:
        readings = [
            Reading(service.name, "env.valid", 0.0, text),
            Reading(service.name, "env.drift", 1.0, text),
        ]
        return self.keep(service.name, stamp, readings)


class ReleaseProbe(FileProbe):
    """release.changed: what runs is another release than the manifest's known-good one (or, without one, than when
    watching began). Text: `1.4.2 -> 1.5.0`."""

    name = "release"
    interval_s = 1.0
    timeout_s = 1.5
    main = ("release.changed",)

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._first: dict[str, str] = {}

    def applies(self, service: Service) -> bool:
        return service.release is not None

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.release is not None
        current = _release(system, service, service.release.link)
        good = service.release.previous or self._first.setdefault(service.name, current)
        text = f"{good} -> {current}" if current != good else current
        return [Reading(service.name, "release.changed", float(current != good), clean(text, 120))]


def _release(system: LoadedSystem, service: Service, link: str | None) -> str:
    if link is not None:
        return system.path(link).readlink().name
    known = system.runtime.state(service.unit).release if service.unit else None
    if known is None:
        raise ProbeFailed(f"{service.name}: neither a link nor its runtime tells which release it is")
    return known


def file_stamp(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Changes when the file (or any file below the folder) does; empty when there is none."""
    stamps = []
    for file in sorted(path.rglob("*"))[:200] if path.is_dir() else [path]:
        try:
            found = file.stat()
        except OSError:
            continue
        stamps.append((file.name, found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(stamps)


def parse(path: Path) -> dict[str, Any]:
    """All settings below `path` as flat dotted keys. YAML and JSON files are parsed, others read as `key = value` or
    `key value` lines, folders file by file. Unparsable when one is broken or missing."""
    if path.is_dir():
        flat: dict[str, Any] = {}
        for file in sorted(f for f in path.rglob("*") if f.is_file())[:200]:
            flat |= {f"{file.relative_to(path)}: {key}": value for key, value in parse(file).items()}
        return flat
    try:
        text = _text(path)
    except FileNotFoundError:
        raise Unparsable(f"{path.name} is missing") from None
    except UnicodeDecodeError as error:
        raise Unparsable(f"{path.name}: not UTF-8 text (byte {error.start})") from None
    return parse_text(text, path.name)


def parse_text(text: str, name: str) -> dict[str, Any]:
    """The same of the text of one file of that name."""
    return _parse_yaml(text, name) if name.endswith((".yaml", ".yml", ".json")) else _parse_lines(text)


def _parse_lines(text: str) -> dict[str, Any]:
    """`key = value` or `key value` lines with # comments; a key that stands there again gets a number."""
    settings: dict[str, Any] = {}
    for line in text.splitlines():
        found = re.match(r"\s*([^\s=#;\[]+)(?:\s*=\s*|\s+|$)(.*)", line)
        if found is None:
            continue
        key, value = found[1], re.sub(r"\s+#.*", "", found[2]).strip().strip("'\"")
        number = sum(1 for known in settings if known == key or known.startswith(f"{key}#"))
        settings[f"{key}#{number + 1}" if number else key] = value
    return settings


def _parse_yaml(text: str, name: str) -> dict[str, Any]:
    try:
        data = yamlsafe.load(text, aliases=True)
    except yamlsafe.Refused as error:
        words = str(error).removeprefix("not valid YAML: ")
        raise Unparsable(f"{name}:{error.line}: {words}") from None
    if data is not None and not isinstance(data, dict):
        raise Unparsable(f"{name}:1: a mapping was expected, this is a {type(data).__name__}")
    flat: dict[str, Any] = {}
    _flatten(data or {}, "", flat)
    return flat


def _flatten(item: Any, prefix: str, into: dict[str, Any]) -> None:
    if isinstance(item, dict) and item:
        for key, value in item.items():
            _flatten(value, f"{prefix}.{key}" if prefix else str(key), into)
    elif isinstance(item, list) and any(isinstance(entry, dict | list) for entry in item):
        for index, value in enumerate(item):
            _flatten(value, f"{prefix}.{index}", into)
    else:
        into[prefix] = item


def diff(live: Path, golden: Path) -> list[str]:
    """What is different in `live`, one short text per key: `calls.wait_s: 0 -> 6`. Secrets only as `changed`.
    OSError or Unparsable when the golden copy cannot be read."""
    wanted = parse(golden)
    try:
        found = parse(live)
    except Unparsable as error:
        return [str(error)] if not live.is_file() else _text_diff(live, golden, str(error))
    changes = []
    for key in sorted(wanted.keys() | found.keys()):
        before, after = wanted.get(key, _MISSING), found.get(key, _MISSING)
        if before != after or type(before) is not type(after):
            changes.append(_change(key, before, after))
    return changes


def _text_diff(live: Path, golden: Path, reason: str) -> list[str]:
    before = golden.read_text(errors="replace").splitlines()
    after = live.read_bytes()[:MAX_FILE].decode(errors="replace").splitlines()
    marks = [line[0] for line in difflib.ndiff(before[:2000], after[:2000])]
    return [
        f"does not parse ({reason}); {marks.count('-')} lines of the golden copy gone, {marks.count('+')} others"
    ]


def _change(key: str, before: Any, after: Any) -> str:
    if (
        names_secret(key)
        or (_SECRET_KEY.search(key) and not is_about(key))
        or any(_SECRET_VALUE.search(str(v)) for v in (before, after))
    ):
        word = "added" if before is _MISSING else "removed" if after is _MISSING else "changed"
        return f"{key}: {word}"
    return f"{key}: {_show(before)} -> {_show(after)}"


def _show(value: Any) -> str:
    if value is _MISSING:
        return "(not set)"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def summary(changes: list[str], limit: int = 6) -> str:
    """The first changes on one line."""
    more = len(changes) - limit
    return "; ".join(changes[:limit]) + (f"; and {more} more" if more > 0 else "")


def env_diff(found: dict[str, str], golden: dict[str, str]) -> list[str]:
    """Which keys differ, by name: `DATABASE_URL changed`, `missing: X`, `extra: Y`."""
    changes = [
        f"{k} changed"
        for k in sorted(found.keys() & golden.keys())
        if _digest(found[k]) != _digest(golden[k])
    ]
    changes += [f"missing: {key}" for key in sorted(golden.keys() - found.keys())]
    return changes + [f"extra: {key}" for key in sorted(found.keys() - golden.keys())]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_FILE).decode()
