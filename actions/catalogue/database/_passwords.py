"""Where a password stands in an environment file: alone, or in the URL of a connection."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit


def with_password(text: str, key: str, password: str) -> str:
    """The env text with `key` holding the new password, alone or as the password of its URL; other lines untouched."""
    lines = text.splitlines(keepends=True)
    pattern = re.compile(rf"^(\s*(?:export\s+)?{re.escape(key)}\s*=\s*)([\"']?)(.*?)(\2\s*)$", re.S)
    for i, line in enumerate(lines):
        found = pattern.match(line)
        if found:
            lines[i] = found[1] + found[2] + _replaced(found[3], password) + found[4]
    return "".join(lines)


def _replaced(value: str, password: str) -> str:
    parts = urlsplit(value)
    if not parts.scheme or not parts.netloc:
        return password
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}").geturl()


def is_replaceable(value: str) -> bool:
    """Whether it is an address with a user, or a password alone: of `host=db password=x`, or `postgresql:///x?user=a`,
    the whole would be overwritten."""
    parts = urlsplit(value)
    if parts.scheme and "://" in value:
        return bool(parts.username and parts.hostname)
    return re.search(r"(?:^|\s)(?:host|user|dbname|password)\s*=", value) is None


def password_of(value: str) -> str:
    parts = urlsplit(value)
    return unquote(parts.password or "") if parts.scheme and parts.netloc else value
