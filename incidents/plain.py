"""What a line of a log or a body says, for a sentence that people read. The raw text is kept elsewhere."""

from __future__ import annotations

import re

LONGEST = 110
SUREST = 0.999
# 2026-11-23 21:01:12.158 UTC [30074] web@books/[unknown] FATAL:  ...   or   [2026-11-23T21:01:12Z] ERROR ...
_STAMP = re.compile(
    r"^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d| ?UTC)?\]?\s*(?:\[\d+\]\s*)?(?:\S+@\S+\s+)?"
)
_REDIS = re.compile(r"^\d+:[A-Z] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d+ [#*.-] ")
_LEVEL = re.compile(r"^(?:(?:CRITICAL|ERROR|WARNING|WARN|INFO|FATAL|PANIC|LOG|fatal)\b:?\s+)+(?=\S)")
_PAGE = re.compile(r"<!doctype html|<html\b", re.I)
_TITLE = re.compile(r"<title>\s*([^<]*?)\s*(?:</title>|$)", re.I)
_FIELD = re.compile(r'"(?:error|detail|message|reason)"\s*:\s*"((?:[^"\\]|\\.)*)')
_JSON = re.compile(r'\{\s*"')
_COLUMN = re.compile(r"(FATAL|ERROR):\s{2,}")


def gist(text: str, longest: int = LONGEST) -> str:
    """Without time stamp and level; a page is its title, a JSON body its message; cut at a word."""
    text = text.strip()
    text = _REDIS.sub("", _STAMP.sub("", text))
    text = _LEVEL.sub("", _COLUMN.sub(r"\1: ", text))
    text = " ".join(_body(text).split())
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    return cut[: cut.rfind(" ")].rstrip(" ,;:") + "…" if " " in cut[longest // 2 :] else cut + "…"


def _body(text: str) -> str:
    if page := _PAGE.search(text):
        title = _TITLE.search(text)
        said = f'a page titled "{title[1]}"' if title and title[1] else "a page"
        return text[: page.start()] + said
    start = _JSON.search(text)
    if start and (parts := _FIELD.findall(text[start.start() :])):
        return text[: start.start()] + ", ".join(dict.fromkeys(p.replace('\\"', '"') for p in parts))
    return text


def percent(share: float) -> str:
    """A share 0..1, never rounded up to all nor down to none of it."""
    value = share * 100
    if 99 < value < 100:
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.0f} %" if value >= 1 or value == 0 else "< 1 %"


def sure(probability: float) -> str:
    """How likely something is held to be: never certain."""
    return percent(min(probability, SUREST))


def counted(number: int | None, things: str) -> str:
    """`1 session`, `3 sessions`; None = nobody could count them."""
    if number is None:
        return f"an unknown number of {things}"
    return f"{number} {things.removesuffix('s') if number == 1 else things}"
