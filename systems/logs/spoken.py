"""What of a text are the part's own words: without what callers typed, which it may quote."""

from __future__ import annotations

import re

# Fields that hold what somebody sent: a search, a path, a body, a name of a browser.
_KEYS = (
    r"(?:q|qs|query|query_string|search|term|keywords?|path|uri|url|request_?uri|request|req|referr?er|user[-_ ]?agent"
    r"|ua|input|comment|review|subject|title|body|payload|form|params?|args|text|typed|content|cookies?|headers?)"
)
_FIELD = re.compile(
    rf"(?i)(?<![\w.-]){_KEYS}[\"']?(?:=|: ?| (?=\"))(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|«[^»]*»|“[^”]*”)"
)
_PAIR = re.compile(rf"(?i)(?<![\w.-]){_KEYS}=[^\s,;&\"']+")
# `GET /search?q=... HTTP/1.1`, wherever it stands.
_REQUEST = re.compile(
    r"\"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) [^\"]*\"|\b(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) (?:/|https?://)\S*"
)
# Of what people write: `review from bob: "..."`.
_WRITTEN = re.compile(
    r"(?i)\b(?:comment|review|feedback|note|reply|chat|post|bio|nickname|description|search|typed|wrote|entered|searched)\b"
    r"[^\"'\n]{0,30}(?:\"[^\"]*\"|'[^']*')"
)
# The path that was asked for, where a server says what came of it.
_PATH = re.compile(
    r"\"/[^\"]*\"|'/[^']*'"
    r"|\b(?:Not Found|Bad Request|Unauthorized|Forbidden|Method Not Allowed|Internal Server Error|File does not exist)"
    r"(?: \([^()]*\))?: /[^|\n]*"
)
_QUERY = re.compile(r"\?[\w.%~-]+=[^\s\"']*")
# What a database quotes of a row, and a parser of its input.
_ROW = re.compile(r"(?i)\b(?:Key|Failing row contains|Schlüssel|clé) ?\([^)]*\)(?:=\([^)]*\))?")
# Names and values that somebody gave, where they are sentences: no name of an account has a space in it.
_GIVEN = re.compile(
    r"(?i)\b(?:user(?: ?name)?|name|value|e-?mail|login|account|password|code)[\"']?(?:=|: ?| )"
    r"(?:\"[^\" ]* [^\"]*\"|'[^' ]* [^']*')"
    r"|\$\d+ = '(?:[^']|'')*'"
)
_STRANGER = re.compile(r"\b[Ii](?:nvalid|llegal) user .* from ")
_QUOTING = re.compile(
    r"(?i)\b(?:user (?:typed|entered|searched(?: for)?|said|wrote|input)|customer (?:typed|wrote|said)|searched for"
    r"|search(?:ed)?(?: term)?:|received (?:message|text)|message from \S+|header (?:subject|from|to|received))[:\s].*$"
)


def spoken(text: str) -> str:
    """The text without quotations."""
    if any(mark in text for mark in '=:"'):
        text = _PAIR.sub("", _FIELD.sub("", text))
        text = _ROW.sub("", text)
    if "/" in text:
        text = _PATH.sub("", text)
    if '"' in text or "'" in text:
        text = _GIVEN.sub("", _WRITTEN.sub("", text))
    if "?" in text:
        text = _QUERY.sub("", text)
    if "user " in text:
        text = _STRANGER.sub("", text)
    return _QUOTING.sub("", _REQUEST.sub("", text))
