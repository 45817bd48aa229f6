"""JSON, of any logger: the level as word or number under any usual key, nested or dotted, and what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from systems.logs.dialects.access import route
from systems.logs.levels import BY_LETTER, ERROR, INFO, SYSLOG, Level, listed, of_value
from systems.logs.lines import Access, Dialect, Line

LEVELS = (
    "level", "lvl", "severity", "severityText", "SeverityText", "severity_text", "log.level", "levelname", "level_name",
    "@level", "@l", "Level", "LogLevel", "logLevel", "log_level", "loglevel", "error_severity", "Severity",
    "severityNumber", "SeverityNumber", "severity_number", "PRIORITY", "priority", "syslog_severity", "levelno",
    "level_value", "event.severity", "log.syslog.severity.name", "log.syslog.severity.code", "type.level", "LEVEL",
    "fields.level", "attributes.level", "err_level", "lev", "loglvl", "sev", "L",
)  # fmt: skip
MESSAGES = (
    "msg", "message", "@m", "@message", "MESSAGE", "Message", "short_message", "event", "body", "Body", "textPayload",
    "@mt", "MessageTemplate", "RenderedMessage", "messageTemplate", "text", "log",
    "jsonPayload.message", "fields.message",
    "log_message", "msg.message", "description", "M",
)  # fmt: skip
TIMES = (
    "time", "ts", "timestamp", "@timestamp", "@t", "t", "Timestamp", "asctime", "datetime", "date", "timeUnixNano",
    "TimeUnixNano", "observedTimeUnixNano", "eventTime", "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP",
    "instant.epochSecond", "epochMillis", "timeMillis", "Time", "timestamp_ms", "created_at", "log_time", "when", "T",
)  # fmt: skip
FAULTS = (
    "exc", "exception", "exc_info", "exc_text", "stack", "stack_trace", "stackTrace", "stacktrace", "traceback", "@x",
    "Exception", "err.stack", "error.stack", "error.stack_trace", "exception.stacktrace",
    "attributes.exception.stacktrace",
    "error.message", "err.message", "err", "error", "exception.message", "thrown",
    "full_message", "errorVerbose", "cause", "fault", "err_msg", "errorMessage", "context.exception",
    "detail", "attr.error",
    "stack_state", "backtrace", "reason",
)  # fmt: skip
_SAYS_FAULT = (*FAULTS[:17], "err", "error", "error.message", "err.message", "exception.message")
STATUS = ("status", "status_code", "statusCode", "http.status_code", "response.status", "res.statusCode", "code",
          "http.response.status_code", "sc-status", "resp_status", "DownstreamStatus",
          "httpRequest.status")  # fmt: skip
ROUTES = ("route", "path", "uri", "url", "request.uri", "req.url", "http.route", "request_uri",
"RequestPath", "http.target",
          "url.path", "http.url", "httpRequest.requestUrl", "request")  # fmt: skip
METHODS = ("method", "request.method", "req.method", "http.method", "request_method", "RequestMethod",
           "http.request.method", "verb", "httpRequest.requestMethod")  # fmt: skip
# Who it is and when: told elsewhere, or of no use to a reader. What a caller typed is no word of the part.
_PASSED = listed(
    "ts time timestamp @timestamp t @t level severity lvl pid hostname host req_id svc replica service v "
    "version id ctx "
    "levelname asctime stream datetime __CURSOR __MONOTONIC_TIMESTAMP _BOOT_ID _MACHINE_ID"
)
LIMIT = 20_000
ENGINE_CUTS_AT = 16_000  # docker writes a longer line in pieces
_DIGIT = re.compile(r"^[0-7]$")
_REQUEST = re.compile(r"^([A-Z]{3,7}) (\S+) HTTP/")
MOST_KEYS = 60
_UNTOLD = _PASSED.union(MESSAGES)
DEEPEST = 6


def read(text: str) -> Line | None:
    """A line that is one JSON object."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    line = of_record(data) if isinstance(data, dict) else None
    if (
        line is not None and not line.body and line.level is not None
    ):  # it says that something is wrong, but not what
        line.body = text.strip()
    return line


def of_record(data: Mapping[str, Any]) -> Line | None:
    """A structured record as a line. None when it is no log record at all."""
    if isinstance(data.get("log"), str) and "stream" in data and len(data) <= 6:
        text = data["log"]
        cut = len(text) >= ENGINE_CUTS_AT and not text.endswith("\n")
        return Line("docker", text.rstrip("\r\n"), data.get("time"), inner=True, more=cut)
    fields = Fields(data)
    key, level = _level(fields)
    message = _text(fields.first(MESSAGES))
    faults = list(_faults(fields, message))
    if level is None and key == "" and any(_says(fields, k) for k in fields.there(_SAYS_FAULT)):
        level = ERROR
    if "@t" in data and "@l" not in data and level is None:  # CLEF leaves it out when it is Information
        key, level = "@l", INFO
    rest = _rest(data)
    spoken = bool(message)  # else it is made of fields, of which none is a line of its own
    if not message:
        message = faults.pop(0).split("\n", 1)[0] if faults else rest
    told = (level is not None and level.rank > 0) or bool(faults)  # the part says itself what went wrong
    access = None if told else _access(fields)
    if access is not None and key == "" and access.status >= 500:
        level = ERROR
    return Line(
        "json",
        message[:LIMIT],
        fields.first(TIMES),
        level,
        inner=level is None and key == "" and access is None and spoken,
        trace="\n".join(faults)[:LIMIT],
        rest=rest,
        closed=True,
        access=access,
    )


@lru_cache(maxsize=4096)
def _there(keys: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Records of one logger have the same keys: what can be among them is looked for once."""
    known = frozenset(keys)
    return tuple(n for n in names if n in known or n.partition(".")[0] in known)


class Fields:
    """Fields of a record by their dotted names, whether nested or written so."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self._keys = tuple(data)

    def there(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the names that the record can have."""
        return _there(self._keys, names) if len(self._keys) < MOST_KEYS else names

    def get(self, name: str) -> Any:
        if name in self.data:
            return self.data[name]
        if "." not in name:
            return None
        at: Any = self.data
        for part in name.split("."):
            if not isinstance(at, Mapping) or part not in at:
                return None
            at = at[part]
        return at

    def first(self, names: tuple[str, ...]) -> Any:
        for name in self.there(names):
            if (value := self.get(name)) not in (None, "", {}, []):
                return value
        return None


def _level(fields: Fields) -> tuple[str, Level | None]:
    """The key under which a level stands, and the level."""
    data = fields.data
    if isinstance(s := data.get("s"), str) and len(s) <= 2 and "c" in data:  # MongoDB
        return "s", BY_LETTER.get(s[:1])
    gelf = "short_message" in data
    for name in fields.there(LEVELS):
        value = fields.get(name)
        if value is None:
            continue
        number = int(value) if _DIGIT.match(str(value)) else None
        if number is not None and (gelf or "riority" in name.lower() or "syslog" in name):
            return name, SYSLOG[number]
        if (found := of_value(value, name, data)) is not None:
            return name, found
    return "", None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(n, int) and 0 <= n < 256 for n in value[:50]):
        return bytes(n & 255 for n in value if isinstance(n, int)).decode("utf-8", "replace")  # journald
    if isinstance(value, Mapping):
        return _text(value.get("message") or value.get("stringValue") or value.get("msg")) or _words(value)
    return "" if value is None else str(value)[:2000]


def _words(value: Mapping[str, Any]) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items())[:2000]


def _says(fields: Fields, name: str) -> bool:
    value = fields.get(name)
    return (
        bool(value)
        and not isinstance(value, bool | int | float)
        and str(value).lower() not in ("none", "null", "nil")
    )


def _faults(fields: Fields, message: str) -> Iterator[str]:
    """What came along of an exception: each text once."""
    told = message
    for name in fields.there(FAULTS):
        value = fields.get(name)
        if not value or isinstance(value, bool | int | float):
            continue
        text = _of_fault(value)[:LIMIT]
        if text and text not in told:
            told += "\n" + text
            yield text


def _of_fault(value: Any, depth: int = 0) -> str:
    """An exception as an object: its own stack, or its type and message, and those of its causes."""
    if isinstance(value, str):
        return value
    if depth > DEEPEST:
        return ""
    if isinstance(value, list):
        return "\n".join(_of_fault(item, depth + 1) for item in value[:100])
    if not isinstance(value, Mapping):
        return str(value)
    fields = Fields(value)
    stack = fields.first(
        ("stack", "stack_trace", "stacktrace", "extendedStackTrace", "StackTraceString", "traceback")
    )
    kind = _text(
        fields.first(
            ("type", "name", "class", "exc_type", "ClassName", "exception_class", "exceptionType", "kind")
        )
    )
    said = _text(fields.first(("message", "msg", "exc_value", "value", "Message", "exception_message")))
    head = f"{kind}: {said}" if kind and said else kind or said
    text = _of_fault(stack, depth + 1) if stack else ""
    text = text if said and said in text else "\n".join(filter(None, [head, text]))
    cause = fields.first(
        (
            "cause",
            "inner",
            "innerException",
            "InnerException",
            "previous",
            "caused_by",
            "causedBy.exception",
            "root",
        )
    )
    if cause is not None:
        text += "\nCaused by: " + _of_fault(cause, depth + 1)
    return text or _words(value)


def _access(fields: Fields) -> Access | None:
    method, asked, status = fields.first(METHODS), fields.first(ROUTES), fields.first(STATUS)
    if method is None and isinstance(asked, str) and (request := _REQUEST.match(asked)):
        method, asked = request[1], request[2]
    if isinstance(asked, Mapping) or asked is None or method is None:
        return None
    try:
        number = int(status)
    except (TypeError, ValueError, OverflowError):
        return None
    return Access(route(str(asked)), number, str(method)) if 100 <= number <= 599 else None


def _rest(data: Mapping[str, Any]) -> str:
    """What else it holds, as words."""
    words = []
    for key, value in data.items():
        if key in _UNTOLD or value is None or value == "":
            continue
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        if "\n" not in shown:
            words.append(f"{key}={shown[:500]}")
    return " ".join(words)[:4000]


DIALECTS = (Dialect("json", "{", read),)
