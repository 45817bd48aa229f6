"""Which certificates are believed: those the machine knows, the manifest's own authorities beside them, or any."""

from __future__ import annotations

import ssl
from functools import cache, lru_cache
from pathlib import Path

from systems.manifest.web import Trusting
from systems.services import LoadedSystem


class Unusable(ValueError):
    """The file with the manifest's own authorities cannot be read; the message says which, and why."""


@cache
def usual() -> ssl.SSLContext:
    """What the machine knows."""
    return ssl.create_default_context()


@cache
def blind() -> ssl.SSLContext:
    """Nothing is checked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def of(system: LoadedSystem, spec: Trusting | None = None) -> ssl.SSLContext | None:
    """How an address of the manifest is believed; None: as the machine does. Unusable when the file with the
    authorities cannot be read."""
    if spec is not None and spec.insecure:
        return blind()
    ca = (spec.ca if spec is not None else None) or system.manifest.ca
    return own(system.path(ca)) if ca else None


def own(file: Path) -> ssl.SSLContext:
    """The authorities of a PEM file beside those of the machine; read again when the file changed."""
    try:
        found = file.stat()
        return _own(file, found.st_mtime_ns, found.st_size, found.st_ino)
    except (OSError, ValueError) as error:  # no certificate in it is an OSError, no text a ValueError
        why = (
            "there is no certificate in it"
            if isinstance(error, ssl.SSLError | ValueError)
            else error.strerror
        )
        raise Unusable(f"ca: {file.name} cannot be used: {why}") from error


@lru_cache(maxsize=64)
def _own(file: Path, *_stamp: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=file)
    return context
