"""Reads the profiles that are shipped: the YAML files of this folder, each once."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from systems import yamlsafe
from systems.profiles.types import Profile

FOLDER = Path(__file__).parent


class BadProfile(ValueError):
    """A profile cannot be used. The message says which, and what to mend."""


def read(file: Path) -> Profile:
    """The profile of that file; its name is the file's. BadProfile says what to mend."""
    try:
        _, data = yamlsafe.read(file.read_text("utf-8"), words=True)
        if not isinstance(data, dict):
            raise BadProfile(
                f"{file.name}:1: a profile is a mapping with title, kind, about, address and service"
            )
        return Profile.model_validate({"name": file.stem, **data})
    except yamlsafe.Refused as error:
        raise BadProfile(f"{file.name}:{error.line}: {error}") from None
    except ValidationError as error:
        said = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise BadProfile(f"{file.name}: {'; '.join(said)}") from None


@lru_cache(maxsize=1)
def named() -> dict[str, Profile]:
    """Every profile by its name."""
    return {file.stem: read(file) for file in sorted(FOLDER.glob("*.yaml"))}


def names() -> list[str]:
    """Every name that may be written, other names of the same among them."""
    return sorted(name for found in named().values() for name in (found.name, *found.also))


def find(name: str) -> Profile | None:
    """By its name or another name of it."""
    return next((found for found in named().values() if name in (found.name, *found.also)), None)


def unknown(name: object) -> str:
    """What to say of a name that is none."""
    near = difflib.get_close_matches(str(name).strip().lower(), names(), n=1, cutoff=0.5)
    return (
        f"unknown profile; did you mean {near[0]!r}?"
        if near
        else f"unknown profile; known: {', '.join(names())}"
    )
