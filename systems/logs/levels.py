"""Words and numbers that stand for a level, by the place they stand in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple


class Level(NamedTuple):
    """`rank`: 0 information or lower, 1 warning, 2 error or higher."""

    name: str
    rank: int


TRACE, DEBUG, INFO, NOTICE = Level("trace", 0), Level("debug", 0), Level("info", 0), Level("notice", 0)
WARNING, ERROR, CRITICAL = Level("warning", 1), Level("error", 2), Level("critical", 2)
ALERT, EMERGENCY, FATAL = Level("alert", 2), Level("emergency", 2), Level("fatal", 2)

_WORDS: dict[Level, str] = {
    TRACE: "trace trac trc trce verbose verb silly finest finer",
    DEBUG: "debug dbg dbug debu fine spam debug1 debug2 debug3 debug4 debug5",
    INFO: "info inf information informational config note log normal ok success default progress",
    NOTICE: "notice notification",
    WARNING: "warning warn wrn warni caution",
    ERROR: "error err eror erro errr severe failure fail failed failureaudit",
    CRITICAL: "critical crit crt criti",
    ALERT: "alert alrt",
    EMERGENCY: "emergency emerg emrg",
    FATAL: "fatal ftl panic pani pnc dpanic fata",
}
# What databases and others say when their messages are not English.
_FOREIGN: dict[Level, str] = {
    INFO: "сообщение информация 日志 ログ 로그 dziennik logg bilgi günlük протокол журнал записування",
    NOTICE: "hinweis notifica nota замечание 注意 알림 uwaga poznámka notis повідомлення megjegyzés aviso:",
    WARNING: "warnung attention avertissement advertencia attenzione aviso предупреждение 警告 경고 "
    "ostrzeżenie varování "
    "varning uyarı попередження figyelmeztetés waarschuwing",
    ERROR: "fehler erreur errore erro ошибка エラー 错误 錯誤 오류 błąd chyba fel hata помилка hiba fout",
    FATAL: "fatale fatal: panik pánico panico pânico важно паника 致命错误 致命的 치명적오류 katastrofalny panika "
    "fatalt "
    "ölümcül fatálny fatální fatálně фатально критично паніка panique パニック végzetes",
}
BY_WORD: dict[str, Level] = {
    word: level for table in (_WORDS, _FOREIGN) for level, words in table.items() for word in words.split()
}
BY_LETTER: dict[str, Level] = {
    "T": TRACE, "V": TRACE, "D": DEBUG, "I": INFO, "N": NOTICE, "W": WARNING, "E": ERROR, "C": CRITICAL,
    "F": FATAL, "A": ALERT, "S": FATAL,
}  # fmt: skip
SYSLOG = (EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG)
_OTEL = (TRACE, TRACE, DEBUG, INFO, WARNING, ERROR, FATAL)
_WINDOWS = {0: INFO, 1: CRITICAL, 2: ERROR, 3: WARNING, 4: INFO, 5: TRACE}
_LETTERS = re.compile(r"[^\W\d_]+\d?")
_NUMBER = re.compile(r"^[+-]?\d+(?:\.\d+)?$")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def listed(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


def of_word(word: str) -> Level | None:
    """The level that a word stands for, in small or large letters."""
    found = BY_WORD.get(word)
    return found if found is not None else BY_WORD.get(word.lower())


def of_value(value: Any, key: str, record: Mapping[str, Any]) -> Level | None:
    """The level that the field `key` of a structured record holds: a word, a number of some scale, an object."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, Mapping):  # {"level": {"name": "error", "value": 40}}
        for inner in ("name", "text", "level", "label", "value", "severity"):
            if (found := of_value(value.get(inner), inner, record)) is not None:
                return found
        return None
    if isinstance(value, int | float):
        return _of_number(float(value), key, record)
    if not isinstance(value, str):
        return None
    text = _ANSI.sub("", value).strip()
    if _NUMBER.match(text):
        return _of_number(float(text), key, record)
    if len(text) == 1:
        return BY_LETTER.get(text.upper())
    for word in reversed(_LETTERS.findall(text[:60])):  # "LogLevel.ERROR", "app.ERROR", "ERROR+2"
        if (found := of_word(word)) is not None:
            return found
    return None


def _of_number(number: float, key: str, record: Mapping[str, Any]) -> Level | None:
    """Which scale it is, its key and its neighbours tell."""
    if not isfinite(number):
        return None
    low = key.lower()
    if "severitynumber" in low or "severity_number" in low:
        return _OTEL[min(max(int(number) + 3, 0) // 4, 6)]
    if key == "" and 8 < number < 25:  # nobody said which scale: only OpenTelemetry's has so many
        return _OTEL[min((int(number) + 3) // 4, 6)]
    if "levelno" in low or "level_no" in low:
        return _python(number)
    if low == "level_value":  # logback: 10000 DEBUG ... 40000 ERROR
        return _python(number / 1000)
    if any(k in record for k in ("EventID", "EventRecordID", "ProviderName", "Channel")):
        return _WINDOWS.get(int(number))
    if any(k in record for k in ("level_name", "levelName", "channel")) and number >= 100:
        return _monolog(number)
    if number < 10:
        return SYSLOG[int(number)] if 0 <= number <= 7 and number == int(number) else None
    if number >= 100:
        return _monolog(number) if number <= 600 else _python(number / 1000)
    return (TRACE, DEBUG, INFO, WARNING, ERROR, FATAL)[min(int(number) // 10, 6) - 1]


def _python(number: float) -> Level:
    """10 debug, 20 info, 30 warning, 40 error, 50 critical."""
    return (TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL)[min(max(int(number) // 10, 0), 5)]


def _monolog(number: float) -> Level:
    """100 debug, 200 info, 250 notice, 300 warning, 400 error, 500 critical, 550 alert, 600 emergency."""
    for least, level in (
        (600, EMERGENCY), (550, ALERT), (500, CRITICAL), (400, ERROR), (300, WARNING), (250, NOTICE), (200, INFO),
    ):  # fmt: skip
        if number >= least:
            return level
    return DEBUG
