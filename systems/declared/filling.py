"""What fills the blanks of a declared call: one segment of an address, one word, one bound value, and never more.

Values come from inventories, and those from the target: they are data. What could be read as something else than the
value it is (an empty or a dotted segment of a path, a line of a header, an option of a command) is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from psycopg.types.json import Json

from systems.manifest.declared import BLANK, Call, HttpCall

Values = Mapping[str, Any]  # JSON-able: texts, numbers, and what was read of the target before


class Unfit(ValueError):
    """A value cannot stand where it is to stand. The message says which and why."""


def as_text(value: Any) -> str:
    """As it stands within a text: a text as it is, all else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fit(values: Values) -> None:
    """Unfit when a value cannot be sent at all, whatever it fills."""
    for name, value in values.items():
        text = as_text(value)
        if "\0" in text:
            raise Unfit(f"{name} holds a zero byte")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unfit(f"{name} is no text that could be sent") from None


def url(call: HttpCall, values: Values) -> str:
    """Each value one segment, or one value of the query. Unfit: it would be another path than the one declared."""
    filled = _quoted(call.url, values)
    for template, part in zip(_segments(call.url), _segments(filled), strict=True):
        if part != template and part in ("", ".", ".."):
            names = ", ".join(BLANK.findall(template))
            raise Unfit(f"{names} would make another path of the address: {part!r} is no segment of one")
    return filled


def _quoted(text: str, values: Values) -> str:
    """A blank that nothing fills is left as it is."""
    return BLANK.sub(lambda m: quote(as_text(values[m[1]]), safe="") if m[1] in values else m[0], text)


def _segments(address: str) -> list[str]:
    return urlsplit(address).path.split("/")


def word(text: str, values: Values) -> str:
    """A blank that nothing fills is left as it is."""
    return BLANK.sub(lambda m: as_text(values[m[1]]) if m[1] in values else m[0], text)


def argument(text: str, values: Values) -> str:
    """One argument of a command. Unfit: a text that is all of it and would be read as an option."""
    filled, whole = word(text, values), BLANK.fullmatch(text)
    if whole and isinstance(values.get(whole[1]), str) and filled.startswith("-"):
        raise Unfit(f"{whole[1]} begins with a dash and would be read as an option")
    return filled


def headers(call: HttpCall, values: Values) -> list[tuple[bytes, bytes]]:
    found = []
    for name, text in call.headers.items():
        filled = word(text, values)
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in filled):
            raise Unfit(f"the header {name} would hold a line's end, or another sign that none may hold")
        found.append((name.encode(), filled.encode()))
    return found


def body(item: Any, values: Values) -> Any:
    """A blank that is all of a text keeps its type: a number stays one."""
    if isinstance(item, str):
        whole = BLANK.fullmatch(item)
        return values[whole[1]] if whole and whole[1] in values else word(item, values)
    if isinstance(item, dict):
        return {word(str(k), values): body(v, values) for k, v in item.items()}
    return [body(v, values) for v in item] if isinstance(item, list) else item


def bound(statement: str, values: Values) -> tuple[bytes, dict[str, Any]]:
    """The statement with parameters for its blanks, and their values."""
    used = {name: values[name] for name in BLANK.findall(statement)}
    # a percent sign of the statement's own is one
    text = BLANK.sub(lambda m: f"%({m[1]})s", statement.replace("%", "%%"))
    return text.encode(), {k: Json(v) if isinstance(v, dict | list) else v for k, v in used.items()}


def shown(call: Call, values: Values) -> str:
    """The call as it will be made, in a line, without headers and passwords. What is not known yet stays a blank."""
    if call.http is not None:
        sent = body(call.http.body, values)
        line = f"{call.http.method.upper()} {_quoted(call.http.url, values)}"
        return line if sent is None else f"{line} {json.dumps(sent, ensure_ascii=False)}"
    if call.sql is not None:
        filled = BLANK.sub(lambda m: _literal(values[m[1]]) if m[1] in values else m[0], call.sql)
        return " ".join(filled.split())
    return " ".join(word(text, values) for text in call.redis or call.exec or [])


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else as_text(value)
