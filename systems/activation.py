"""A manifest's file that changed on disk is offered, with what changes and every mistake; a person takes it."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from systems.manifest import ManifestError, parse_manifest, read_manifest
from systems.models import System
from systems.redact import Redactor
from systems.services import register, runtime_trouble

DIFF_LINES = 200


@dataclass(frozen=True)
class Offer:
    """A file on disk that is not what is active. `digest`: of its text, "" when it cannot be activated."""

    words: str
    digest: str = ""
    diff: str = ""
    problems: tuple[str, ...] = ()


def offer(row: System) -> Offer | None:
    """The file on disk when it is not what is active, with every mistake in it; None when it is the same."""
    if not row.manifest_text:
        return None
    path = Path(row.manifest_path)
    try:
        text = read_manifest(path)
    except ManifestError as error:
        return Offer("The file cannot be read; the active manifest goes on.", problems=tuple(error.problems))
    if text == row.manifest_text:
        return None
    diff = _diff(row.manifest_text, text)
    try:
        _accept(row, text)
    except ManifestError as error:
        said = "The file on disk cannot be activated; the active manifest goes on."
        return Offer(said, diff=diff, problems=tuple(error.problems))
    said = (
        "The file on disk differs from the active manifest, which goes on. Activate it here, or with "
        f"./ops manage register_system {path}"
    )
    return Offer(said, _digest(text), diff)


def take_offer(row: System, digest: str) -> System:
    """Activate the file on disk, if it is still the one that was seen. ManifestError names every mistake."""
    path = Path(row.manifest_path)
    text = read_manifest(path)
    if _digest(text) != digest:
        raise ManifestError([f"{path.name}: it changed since you looked; look at it again"])
    _accept(row, text)
    return register(path, text=text)


def offered(row: System) -> str:
    """What to say when the file on disk is not what is active; "" when it is."""
    found = offer(row)
    return " ".join([found.words, *found.problems]) if found else ""


def _accept(row: System, text: str) -> None:
    path = Path(row.manifest_path)
    manifest = parse_manifest(text, name=path.name, base_dir=path.parent, runtime_check=runtime_trouble)
    if manifest.system != row.slug:
        raise ManifestError([f"{path.name}:1: system: this is {manifest.system!r}, not {row.slug!r}"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _diff(before: str, after: str) -> str:
    """What changes, as a unified diff without passwords in addresses."""
    lines = list(
        difflib.unified_diff(before.splitlines(), after.splitlines(), "active", "on disk", lineterm="", n=1)
    )
    return Redactor().text("\n".join(lines[:DIFF_LINES]))
