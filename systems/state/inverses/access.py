"""Whether putting a value back lets anybody do more than now: always asked, and never covered by a general grant.

Told from the values as the ledger has them. What cannot be told counts as widening.
"""

from __future__ import annotations

import re

from systems.redact import MASK
from systems.state.inverses.files import bits

KINDS = ("grant", "access", "role", "certificate")
# settings by which somebody is let in, or is seen
SETTINGS = re.compile(
    r"(^|[_.\-: ])(ssl|tls|password|passwd|auth|requirepass|masterauth|listen_addresses|bind|protected-mode|hba|acl|"
    r"krb|security|login|read_only|readonly|secret|token|key|cert|allow|deny|cors|firewall|"
    r"row_security)", re.I)  # fmt: skip
SETTING_KINDS = ("config", "env", "setting", "flag", "data", "route", "spec", "file")


def widens(kind: str, what: str, now: str | None, then: str | None) -> bool:
    """`now` and `then`: the values as they are shown, None: not there."""
    if kind in KINDS:
        return not _is_less(kind, what, now, then)
    if what.endswith(": permissions"):
        try:
            return bool(bits(then or "") & ~bits(now or ""))
        except Exception:
            return True
    if what.endswith(": owner"):
        return True
    if kind == "schema" and what.startswith(("function ", "view ")) and _but_body(now) != _but_body(then):
        return True
    if kind == "schema" and (": policy " in what or _of_rights(now) != _of_rights(then)):
        return True
    return kind in SETTING_KINDS and (MASK in f"{now}{then}" or bool(SETTINGS.search(what)))


def _but_body(value: str | None) -> set[str]:
    """How a function or view runs, and whose it is; not what it does."""
    return {w for w in (value or "").split(", ") if not w.startswith("body ")}


def _of_rights(value: str | None) -> set[str]:
    """What of how a table is kept decides who sees its rows."""
    return {w for w in (value or "").split(", ") if w.startswith(("owner ", "row security"))}


def _is_less(kind: str, what: str, now: str | None, then: str | None) -> bool:
    """Whether what is put back is surely no more than what is now."""
    if kind == "grant":
        return then is None or (now is not None and set(then.split(", ")) <= set(now.split(", ")))
    if kind == "role" and ": " not in what and now is not None and then is not None:
        mine, theirs = set(now.split(", ")), set(then.split(", "))
        inherits = "no inherit" in mine and "no inherit" not in theirs
        return (theirs - {"no login", "no inherit"}) <= mine and not inherits
    return False
