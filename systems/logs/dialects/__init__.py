"""Every dialect there is. To add one: its reader in the file of its family (or a new file), and its line here."""

from __future__ import annotations

from systems.logs.dialects import (
    access,
    devices,
    leveled,
    logfmt,
    postgres,
    servers,
    stamped,
    stores,
    structured,
    syslog,
)
from systems.logs.lines import Dialect, Line, Reader

# The first that knows a line has it: what is exact stands before what is general.
DIALECTS: tuple[Dialect, ...] = (
    *structured.DIALECTS,
    *syslog.AUDIT,
    *logfmt.DIALECTS,
    *access.DIALECTS,
    *servers.DIALECTS,
    *stores.DIALECTS,
    *devices.DIALECTS,
    *postgres.DIALECTS,
    *syslog.DIALECTS,
    *stamped.DIALECTS,
    *leveled.DIALECTS,
)
_STARTS = {"0", "a", *"".join(d.starts for d in DIALECTS)}
_BY_START: dict[str, tuple[Reader, ...]] = {
    start: tuple(d.read for d in DIALECTS if not d.starts or start in d.starts) for start in _STARTS
}
_ANY = tuple(d.read for d in DIALECTS if not d.starts)


def read(text: str) -> Line | None:
    """What a line says, by the dialect that knows it; None when none does."""
    first = text[:1]
    start = "0" if first.isdigit() else "a" if first.isalpha() else first
    for reader in _BY_START.get(start, _ANY):
        if (line := reader(text)) is not None:
            return line
    return None
