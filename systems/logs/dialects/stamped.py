"""What most loggers write: a stamp, who and where, a level, what is said; in any order that puts the level before the
words. The level is looked for in its place only: between the stamp and the first word of a sentence."""

from __future__ import annotations

import re

from systems.logs import stamps
from systems.logs.levels import BY_LETTER, Level, listed, of_word
from systems.logs.lines import Dialect, Line
from systems.logs.traces.shapes import EXCEPTION

_HEAD = re.compile(
    rf"^(?:\[([A-Za-z][\w-]{{1,20}})\] +\d* *-? *|[\w./-]+\.log[\w.:-]* "
    rf"|[A-Za-z][\w.-]*:(?=\d{{4}}-)|\[\d+\] (?=\d{{4}}/)|\d+:(?=\d{{8}}:))?[\[(<]?({stamps.ANY})"
)
_JUL = re.compile(
    r"^([A-Z][a-z]{2} \d\d?, \d{4} \d\d?:\d\d:\d\d [AP]M) ([\w.$]+ [\w<>$]+|[\w$]+(?:\.[\w$]+)+)$"
)
_SLOT = re.compile(
    r"(\s*)(?:([\])|:;,>-]+(?=[\s\[(|]|$)|\||:(?=[A-Z]{4,8}:))|\[((?:[^\[\]]|\[[^\[\]]*\]){0,160})\]|\(([^)]{0,60})\)"
    r"|<([\w.:/ -]{0,40})>|([^\s\[\]|]+))"
)
_WORD = re.compile(r"^[\[(<*|]?([^\W\d_]{2,13}\d?)(?=$|[\W_])")
_LIKE_NAME = re.compile(r"[\d._/$@#\\]|^--?$|::|-\w")
_LETTER = re.compile(r"^ ([TDINWECF])(?: \||!) ")
_PROCESS_NEXT = re.compile(r" [\w.-]+\[[\w.-]+\](?: \[|:)")
_NAMED = re.compile(r"^[a-z][\w.-]*:$")
# Words that sentences have, too: in small letters they are a level only in brackets or before a colon.
_SPOKEN = listed(
    "log note ok success default normal config fine failed failure fail progress information caution alert"
)
_LAST = re.compile(r"^[\w-]+\.([A-Z]{4,9})$")
_AFTER = re.compile(r"^(?: +[\w.:-]+\](?= ))?(?:/[\w.-]+\])?[\]\s:|>)*-]+(?:(?:\d+/\d+ )?\(\d+\) : )?")
_PROCESS = re.compile(r"\]? (<\d+\.\d+\.\d+>) ( *)")
_SPRING = re.compile(r"^\d+ --- (?:\[[^\]]*\] ?)+(\S+) +: ")
_BRACKETS = re.compile(r"^(?:\[(?:[^\[\]]|\[[^\[\]]*\])*\]\s*(?:[-:|]+\s+)?)+(?=\S)")
_WHERE = re.compile(
    r"^(?=[\w$\\]*(?:::|[.$/\\#@:])[\w$\[])(?![\w.$]*(?:Error|Exception|Throwable)\b)(?![a-z]+://)(?!\d+\.)"
    r"[\w.$/\\#@<>:-]*[\w>$](?:\[[^\]]*\])?(?:\([^)]*\))?(?:@\d+)?(?:\s*:|\s+(?:--?|\|))\s+(?=\S)"
    r"|^[\w$]+(?:\.[\w$]+)+(?:\s+(?=\[)|\|)"
)
_FAULT = re.compile(r"::|errors?\.|exc\.|exceptions?\.")  # a place, or the name of what went wrong
_METHOD = re.compile(r"^[A-Za-z_]\w*(?:\.[\w$<>]+){2,} (?=[^\s:|-])")
MOST_SLOTS = 9
MOST_LOOKED_AT = 260


def read(text: str) -> Line | None:
    """A line that begins with a time stamp."""
    head = _HEAD.match(text)
    if head is None:
        return None
    if found := _JUL.match(text):
        return Line("java.util.logging", found[2], found[1])
    level, end = of_word(head[1]) if head[1] else None, head.end()
    if level is None:
        level, end = _level(text, end)
    if level is None:
        said = text[head.end() :]
        said = said[1:] if said[:1] in "])>:" else said
        said = said[1:] if said[:1] == " " else said
        return Line("stamped", said, head[2], inner=bool(said) and said[0] not in "[(")
    if process := _PROCESS.match(
        text, end
    ):  # of the BEAM; a report of it goes over lines that are indented behind it
        return Line("stamped", process[2] + text[process.end() :], head[2], level, process[1])
    return Line("stamped", where_gone(text[end:]), head[2], level)


def where_gone(said: str) -> str:
    """What is said, without the thread, logger and place that stand before it."""
    if after := _AFTER.match(said):
        said = said[after.end() :]
    if spring := _SPRING.match(said):
        return said[spring.end() :]
    for _ in range(2):
        if brackets := _BRACKETS.match(said):
            said = said[brackets.end() :]
            if method := _METHOD.match(said):
                return said[method.end() :]
        if (where := _WHERE.match(said)) and not (_FAULT.search(where[0]) and EXCEPTION.match(said)):
            said = said[where.end() :]
        elif brackets is None:
            break
    return said


def _level(text: str, at: int) -> tuple[Level | None, int]:
    """The level that stands between the stamp and the sentence, and where it ends."""
    if letter := _LETTER.match(text[at : at + 6]):  # `... W | etcdserver: ...`
        return BY_LETTER[letter[1]], at + letter.end() - 1
    plain, fields, first = 0, False, True
    for _ in range(MOST_SLOTS):
        slot = _SLOT.match(text, at)
        if slot is None or slot.end() > MOST_LOOKED_AT:
            return None, at
        space, mark, *inside, token = slot.groups()
        at = slot.end()
        if mark is not None:
            continue
        if token is None:
            words = next((i for i in inside if i is not None), "")
            if (found := _inside(words)) is not None:
                return found, at
            continue
        if fields and not (token[-1] == ":" and token.isupper()):
            continue
        level, length = _of_token(token, text, at, first=first, space=space)
        if level is not None:
            return level, at - len(token) + length
        if '"' in token:
            return None, at
        fields = "=" in token  # only a level in brackets is one after fields
        first = first and _NAMED.match(token) is not None  # `general: error: ...`
        if not _LIKE_NAME.search(token):
            plain += 1
            if plain > 1:
                return None, at
    return None, at


def _inside(words: str) -> Level | None:
    """`[error]`, `[ error ]`, `[core:error]`, `[error    ]`."""
    words = words.strip()
    if len(words) > 40:
        return None
    found = of_word(words.rpartition(":")[2])
    return found if found is not None else of_word(words.partition(" ")[0]) if words[:5].isupper() else None


def _of_token(token: str, text: str, at: int, *, first: bool, space: str) -> tuple[Level | None, int]:
    """The level that a bare word is: in large letters anywhere, in small ones where its neighbours say so."""
    word = _WORD.match(token)
    if word is None:
        return None, 0
    name = word[1]
    if last := _LAST.match(token.rstrip(":")):  # production.ERROR
        return of_word(last[1]), len(token)
    if (level := of_word(name)) is None:
        return None, 0
    after = token[word.end() :]
    if name == "Error" and after[:1] == ":" and first:  # the name of an exception, too
        return level, 0
    if name.isupper() or not name.isascii():
        return (
            (level, word.end())
            if after[:1] in ("", ":", "/", ",", ".", "(", "-", "!") or after[:1].isspace()
            else (None, 0)
        )
    told = after[:1] == ":" and not text[at : at + 2].strip().isdigit()
    apart = (
        (text[at : at + 1] in "\t|" and text[at : at + 1] != "")
        or text[at : at + 2] in ("  ", " |", " [", " -")
        or "\t" in space
        or _PROCESS_NEXT.match(text, at) is not None
    ) and name not in _SPOKEN
    if (not after and (told or apart)) or (told and after == ":"):
        return (level, word.end()) if first or apart else (None, 0)
    return None, 0


DIALECTS = (Dialect("stamped", "", read),)
