"""Where undo records keep what must not stand in the database: files only the portal's user can read.

One file per reference under `OPSPORTAL_DATA/vault`, written whole or not at all; dropped after `KEEP_DAYS`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings

KEEP_DAYS = 14
PRUNE_EVERY_S = 3600.0
_pruned = -PRUNE_EVERY_S  # monotonic seconds


def _folder() -> Path:
    folder = Path(settings.OPSPORTAL_DATA) / "vault"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def path(ref: str, suffix: str = ".json") -> Path:
    if not re.fullmatch(r"[0-9a-f]{32}", ref):
        raise ValueError("not a reference of the vault")
    return _folder() / f"{ref}{suffix}"


def new_ref() -> str:
    return uuid.uuid4().hex


def put(item: dict[str, Any]) -> str:
    """Store JSON (bytes values allowed); returns its reference."""
    ref = new_ref()
    target = path(ref)
    temporary = target.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(item, file, default=_encode)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    return ref


def get(ref: str) -> dict[str, Any]:
    """What was put. FileNotFoundError when it is gone."""
    found: dict[str, Any] = json.loads(path(ref).read_text(), object_hook=_decode)
    return found


def prune() -> int:
    """Remove what is older than KEEP_DAYS; returns how many files. Looks once an hour, however often it is called."""
    global _pruned
    if time.monotonic() - _pruned < PRUNE_EVERY_S:
        return 0
    _pruned = time.monotonic()
    limit = time.time() - KEEP_DAYS * 86400
    old = [f for f in _folder().iterdir() if f.stat().st_mtime < limit]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _encode(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"__bytes__": base64.b64encode(value).decode()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(item: dict[str, Any]) -> Any:
    return base64.b64decode(item["__bytes__"]) if set(item) == {"__bytes__"} else item
