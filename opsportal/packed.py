"""Static files sent small: each is gzipped once and kept in the data folder, and sent so to whoever takes it.

What is made at each request is gzipped by Django's middleware, which hides the length of what is secret; here nothing
is secret, and a script of a megabyte is packed once and not for each page.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

log = logging.getLogger(__name__)

KINDS = (".js", ".css", ".svg", ".json", ".txt", ".html")
LEAST = 1000  # bytes: what is smaller fits into one packet as it is
LEVEL = 9


def packed(path: Path, folder: Path) -> Path | None:
    """The gzipped copy of a file as it is now; None where there is none to be had. Several processes may do this at
    once."""
    try:
        found = path.stat()
        if path.suffix not in KINDS or found.st_size < LEAST:
            return None
        name = hashlib.sha256(f"{path}|{found.st_mtime_ns}|{found.st_size}".encode()).hexdigest()[:32]
        copy = folder / f"{name}.gz"
        if not copy.exists():
            folder.mkdir(parents=True, exist_ok=True)
            draft = copy.with_suffix(f".{os.getpid()}")
            draft.write_bytes(gzip.compress(path.read_bytes(), LEVEL, mtime=0))
            draft.replace(copy)
    except OSError as error:  # a disk that is full or read-only: it goes out as it is
        log.warning("%s is not packed: %s", path.name, error)
        return None
    return copy if copy.stat().st_size < found.st_size else None


class PackedFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise with gzipped copies of its own."""

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        plain = super().get_static_file(path, url, stat_cache=stat_cache)
        copy = packed(Path(path), Path(settings.OPSPORTAL_DATA) / "packed")
        if copy is None or len(plain.alternatives) > 1:
            return plain
        headers = [h for h in plain.alternatives[0][2] if h[0] not in ("Content-Length", "Vary")]
        return StaticFile(path, headers, encodings={"gzip": str(copy)})
