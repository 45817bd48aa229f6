"""Names under which secrets stand: the one list of key words that every room reads.

A name is taken apart at its capitals, digits and signs, without accents: `dbPassword`, `PLAIN_PIN`, `contraseña`.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Wherever they stand in a word: no ordinary one has them in it
_PARTS = (
    "passw", "passphrase", "passkey", "passcode", "secret", "token", "credential", "privatekey", "apikey", "accesskey",
    "kennwort", "losungswort", "geheim", "contrasen", "contraseñ", "motdepasse", "wachtwoord", "losenord",
    "lösenord", "adgangskode", "salasana", "пароль", "секрет", "密码", "密碼", "パスワード", "비밀번호", "암호",
    "mnemonic", "seedphrase",
)  # fmt: skip
# Only as a word of its own: inside of others they mean nothing (`spinning`, `enclave`, `chosen handle`)
_WORDS = {
    "pwd", "pswd", "psw", "pass", "pin", "pincode", "otp", "totp", "hotp", "cvv", "cvc", "puk", "mdp", "clave", "sifre",
    "parool", "parola", "senha", "heslo", "haslo", "hasło", "jelszo", "jelszó", "lozinka", "dsn", "psk",
}  # fmt: skip
_PAIRS = {
    "privatekey", "apikey", "accesskey", "passphrase", "passkey", "passcode", "pincode", "seedphrase", "depasse",
}  # fmt: skip
# What a name ends in that is about a secret, and none: how long it lasts, where it lies, how it is made
_ABOUT = {
    "encryption", "algorithm", "timeout", "ttl", "length", "size", "count", "limit", "max", "min", "policy", "lifetime",
    "expiry", "expires", "age", "enabled", "disabled", "required", "type", "method", "retries", "attempts", "interval",
    "rotation", "rounds", "window", "seconds", "minutes", "hours", "days", "ms", "s", "format", "header", "name",
    "issuer", "audience", "endpoint",
}  # fmt: skip
_SWITCHES = {"true", "false", "null", "none", "on", "off", "yes", "no", "enabled", "disabled"}
_NGINX = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass$")  # where a request is passed on to
_ORDINARY = ("bypass", "compass", "passthrough")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SHORT_DIGITS = 3  # as a card's check number has
# The same for a text, where a name, `=` or `:` and the value stand in the midst of others. Of the short words none that
# sentences use before a colon
PART_IN_TEXT = "|".join((*_PARTS, "api[_-]?key", "private[_-]?key", "access[_-]?key"))
WORD_IN_TEXT = "|".join(sorted(_WORDS - {"pass", "dsn"}))


def words(name: str) -> list[str]:
    """The words of a name, in small letters, without accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    bare = unicodedata.normalize("NFC", bare).replace("ł", "l").replace("ı", "i")
    return re.findall(r"[^\W\d_]+", _CAPITAL.sub(" ", bare).casefold())


def is_about(name: str) -> bool:
    """Whether it ends in what may be told of a secret."""
    return not _ABOUT.isdisjoint(words(name)[-1:])


def names_secret(name: str) -> bool:
    """Whether what stands under this name is a secret by it."""
    found = words(name)
    if not found or found[-1] in _ABOUT or _NGINX.search(name.lower()):
        return False
    return any(map(_is_word, found)) or any(a + b in _PAIRS for a, b in pairwise(found))


def _is_word(word: str) -> bool:
    if word in _WORDS or any(part in word for part in _PARTS):
        return True
    return word.endswith(("pass", "pwd")) and word not in _ORDINARY


def holds_one(name: str, value: str) -> bool:
    """The same with its value: a switch is none, nor is the folder under `PWD`; digits are one only under a name that
    ends in the word itself, such as `PLAIN_PIN`."""
    if not value or value.casefold() in _SWITCHES or not names_secret(name):
        return False
    last = words(name)[-1]
    if last == "pwd" and value.startswith(("/", "~")):
        return False
    if value.replace(".", "", 1).isdigit():
        return len(value) >= SHORT_DIGITS and _is_word(last) and not last.endswith("s")
    return True
