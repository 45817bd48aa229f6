"""Lines without a stamp that begin with a level: `ERROR ...`, `[warn] ...`, `error: ...`, `ERROR:root:...`."""

from __future__ import annotations

import re

from systems.logs import stamps
from systems.logs.dialects.stamped import where_gone
from systems.logs.levels import BY_LETTER, ERROR, INFO, WARNING, Level, listed, of_word
from systems.logs.lines import Dialect, Line

_LARGE = re.compile(
    r"^\s{0,2}[\[(<]?([A-Z]{3,11}|[^\W\d_a-zA-Z]{2,8})[\])>]?(?::|\s*\||\s+-|(?=\s|$)|(?<=[\])>]))"
)
_SMALL = re.compile(r"^(?:\[([A-Za-z]{3,11})\s*\]|<([a-z]{3,8})>|([A-Za-z]{3,9}):(?=\s+(?!\d+\b)\S))\s*")
_BASIC = re.compile(r"^([A-Z]{4,8}):([\w.-]+):(.*)$", re.S)
_THEN = re.compile(rf"(?:\s*\[[^\[\]]{{1,60}}\](?=\s+\d))?[\s\[(]*({stamps.ANY})[\])]?")
_LETTER = re.compile(rf"^([DIWEF])[ ,/\t]+\[?({stamps.ISO})[\]]?")
_NPM = re.compile(r"^npm (ERR!|WARN|error|warn|notice) (.*)$", re.S)
_LOGRUS = re.compile(r"^(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d+\] +(.*)$", re.S)
_NODE_WARNS = re.compile(r"^\(node:\d+\) (?!Unhandled)((?:\[\w+\] )?\w*Warning: .*)$", re.S)
_DOTNET = re.compile(r"^(trce|dbug|info|warn|fail|crit): ([\w.`]+\[\d+\])$")
# A crash, or an exception by its name: traces know these.
_NO_LEVEL = ("panic: ", "fatal error: ", "note: ", "Error: ", "Exception: ")
_TAGGED = re.compile(r"(?:^|[\s,;(\[]|(?<!=)\{)\"?(?:severity|level|lvl)\"?[=:] ?\"?([A-Za-z]{3,11})\b")
# `imap(bob)<7><abc>: Error: ...`
_OF_WHOM = re.compile(r"^[a-z][\w-]*\([^()]{0,120}\)(?:<[^<>]{0,60}>)*: ([A-Z][a-z]{3,8}): (.*)$", re.S)
# `nginx: [emerg] bind() to ...`, before there is a log to write to
_PROGRAM = re.compile(r"^[A-Za-z][\w./-]{1,40}: \[([a-z]{3,9})\] (.*)$", re.S)
# What tools for the terminal put before a sentence in place of a word.
_MARK = re.compile(r"^\s{0,3}([✓✔✅ℹ▲○➜]|[⨯✖✗✘×❌]|⚠)\ufe0f? +(?=\S)")
_COMMON = listed("ALL NOT HTTP DEFAULT FINE NORMAL FAILED FAILURE AUDIT NOTE CONFIG OK SUCCESS LOG PROGRESS")


def read(text: str) -> Line | None:
    if text.startswith(_NO_LEVEL):
        return None
    if letter := _LETTER.match(text):
        return Line("leveled", where_gone(text[letter.end() :]), letter[2], BY_LETTER[letter[1]])
    if found := _BASIC.match(text):
        if (level := of_word(found[1])) is not None:
            return Line("leveled", found[3], None, level)
    elif found := _LOGRUS.match(text):
        return Line("leveled", found[2], None, of_word(found[1]))
    elif found := _NODE_WARNS.match(text):
        return Line("node", found[1], None, WARNING)
    elif found := _NPM.match(text):
        return Line("npm", found[2], None, ERROR if found[1] == "ERR!" else of_word(found[1]))
    elif found := _DOTNET.match(text):
        return Line("dotnet", "", None, of_word(found[1]), rest=found[2])
    return _worded(text)


def _worded(text: str) -> Line | None:
    if (whose := _OF_WHOM.match(text) or _PROGRAM.match(text)) and (level := of_word(whose[1])) is not None:
        return Line("leveled", whose[2], None, level)
    if (line := marked(text)) is not None:
        return line
    found = _LARGE.match(text)
    level = _large(found[1], text, found.end()) if found else None
    if level is None:
        found = _SMALL.match(text)
        level = of_word(found[1] or found[2] or found[3]) if found else None
    if found is None or level is None:
        return _tagged(text)
    then = _THEN.match(text, found.end())
    said = text[then.end() if then else found.end() :]
    return Line("leveled", where_gone(said), then[1] if then else None, level)


def marked(text: str) -> Line | None:
    """`⨯ Error: ...`, also a little indented."""
    found = None if text.isascii() else _MARK.match(text)
    if found is None:
        return None
    level = ERROR if found[1] in "⨯✖✗✘×❌" else WARNING if found[1] == "⚠" else INFO
    return Line("leveled", text[found.end() :], None, level)


def _tagged(text: str) -> Line | None:
    """`... level=error ...`, where nothing before it said a level."""
    found = None if text[:1].isspace() else _TAGGED.search(text, 0, 200)
    level = of_word(found[1]) if found else None
    return Line("leveled", text, None, level) if level is not None else None


def _large(word: str, text: str, end: int) -> Level | None:
    """A word in large letters; one that sentences begin with too must be marked as a level."""
    if word in _COMMON and text[:1] not in "[<" and text[end - 1 : end] not in ":|":
        return None
    return of_word(word)


DIALECTS = (Dialect("leveled", "", read),)
