"""KEY=VALUE files."""

from __future__ import annotations

import re
from pathlib import Path

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvFileError(ValueError):
    """A line is not KEY=VALUE. The message has the line number, never the line."""


def read_env_file(path: Path) -> dict[str, str]:
    """Parse `path`: KEY=VALUE lines, `#` comments, an optional `export`, quotes around the whole value are taken off.
    OSError when it cannot be read, EnvFileError (file:line) when it is not such a file."""
    return parse_env(path.read_bytes().decode(errors="replace"), path.name)


def parse_env(text: str, name: str = "env") -> dict[str, str]:
    values: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not _KEY.fullmatch(key):
            raise EnvFileError(f"{name}:{number}: not a KEY=VALUE line")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[key] = value
    return values
