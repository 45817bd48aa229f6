"""What of a value may be kept: a keyed mark, by which two are told apart, and a text in which no secret stands."""

from __future__ import annotations

import hashlib
import hmac
import re
from itertools import pairwise

from django.conf import settings

from systems.redact import MASK, Redactor
from systems.secretwords import holds_one, is_about
from systems.state.facts import Area, Fact

SHOWN = 300  # characters of a value
SECRET_KEY = re.compile(
    r"private|salt|(^|[._\- ])key$|auth(?!or)", re.I
)  # beside the words of `secretwords`: what is a secret in settings, and a plain word elsewhere
_HIGH = re.compile(r"(?=[^A-Z]*[A-Z]|[^a-z]*[a-z])(?=\D*\d)[A-Za-z0-9+/=_-]{16,}")
_PLAIN = re.compile(r"[a-z]+([-_.][a-z0-9]+)*|\d+(\.\d+)*|[\w.-]+:\d+", re.I)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://([^\s:/@]*(:[^\s/@]*)?@)?[\w.:\[\]-]+(/[\w./-]*)?", re.I)


def _key() -> bytes:
    return hashlib.sha256(b"ledger\0" + settings.SECRET_KEY.encode()).digest()


def key_id() -> str:
    """Tells whether marks were made with the key of now."""
    return mark(("", ""), "", "the key")


def mark(area: Area, what: str, value: str) -> str:
    """The fingerprint of a value at this place; without the portal's key it says nothing of a short secret, and the
    same secret elsewhere has another."""
    text = "\0".join((*area, what, value)).encode(errors="surrogatepass")
    return hmac.digest(_key(), text, "sha256").hex()[:20]


def is_secret(what: str, value: str) -> bool:
    """Whether a value is to be taken for a secret, by the name of its key or by its looks."""
    name = what.rpartition(": ")[2]
    if holds_one(name, value):
        return True
    if SECRET_KEY.search(name) and not is_about(name):
        return (
            value.lower() not in ("", "true", "false", "null", "none", "on", "off", "yes", "no")
            and not value.isdigit()
        )
    return looks_secret(re.sub(r"://[^\s/@]*@", "://", value))  # the redactor hides a password there


def plain(value: str) -> bool:
    """Whether a value is a number, a word or an address, of which nobody makes a secret; or the address of a server
    with user and password, which the redactor hides."""
    return bool(value == "" or _PLAIN.fullmatch(value) or _URL.fullmatch(value) or value.startswith("/"))


def looks_secret(value: str) -> bool:
    """Whether some word of it looks made by a generator: long, of letters and digits mixed."""
    return any(
        not _PLAIN.fullmatch(word) and _mixed(word) for word in re.findall(r"[A-Za-z0-9+/=_-]{16,}", value)
    )


def _mixed(word: str) -> bool:
    turns = sum(a.isdigit() != b.isdigit() or (a.islower() != b.islower()) for a, b in pairwise(word))
    return bool(_HIGH.fullmatch(word)) and turns * 4 >= len(word)


def shown(fact: Fact, value: str, hide: Redactor) -> str:
    """The value as people and the table may see it."""
    if fact.secret:
        return MASK if value else ""
    text = hide.text(value).replace("\0", "").encode(errors="replace").decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
