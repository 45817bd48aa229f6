"""PostgreSQL: what its server writes to stderr with any prefix and in any language, and its csvlog."""

from __future__ import annotations

import csv
import re

from systems.logs import stamps
from systems.logs.levels import BY_WORD, INFO, listed
from systems.logs.lines import Dialect, Line, Stream

# What follows a message and belongs to it, in the languages of the server: details, hints, contexts, statements.
MORE = listed(
    "DETAIL HINT CONTEXT STATEMENT QUERY LOCATION TIPP ZUSAMMENHANG ANWEISUNG ANFRAGE ORT DÉTAIL ASTUCE "
    "CONTEXTE INSTRUCTION "
    "REQUÊTE DETALLE SUGERENCIA CONTEXTO SENTENCIA CONSULTA DETTAGLI SUGGERIMENTO CONTESTO ISTRUZIONE "
    "DETALHE DICA COMANDO "
    "ПОДРОБНОСТИ ПОДСКАЗКА КОНТЕКСТ ОПЕРАТОР ЗАПРОС 詳細 ヒント 文脈 コンテキスト 文 クエリー 描述 "
    "提示 上下文 语句 查询 "
    ""
    "詳細信息 详细信息 상세정보 힌트 내용 명령 구문 쿼리 SZCZEGÓŁY PODPOWIEDŹ KONTEKST WYRAŻENIE "
    "ZAPYTANIE DETAILY PŘÍKAZ "
    ""
    "DETALJ TIPS KONTEXT SATS FRÅGA AYRINTI İPUCU BAĞLAM İFADE SORGU ДЕТАЛІ ПІДКАЗКА ОПЕРАТОР ЗАПИТ"
)
STATEMENTS = listed(
    "STATEMENT QUERY ANWEISUNG ANFRAGE INSTRUCTION REQUÊTE SENTENCIA CONSULTA ISTRUZIONE COMANDO "
    "ОПЕРАТОР ЗАПРОС 文 クエリー "
    "语句 查询 명령 쿼리 WYRAŻENIE ZAPYTANIE PŘÍKAZ SATS FRÅGA İFADE SORGU ЗАПИТ"
)
_STDERR = re.compile(
    rf"^(?:({stamps.ISO}"
    rf"|[A-Z][a-z]{{2}} \d\d \d\d:\d\d:\d\d)?([^\n]{{0,160}}?)(?<![^\W_])([^\W\d_]{{1,16}}\d?):  (\S.*))$",
    re.S,
)
_FRENCH = re.compile(
    r"(?:DÉTAIL|ASTUCE|CONTEXTE|INSTRUCTION|REQUÊTE)[ \xa0]: {1,2}(?=\S)"
)  # a space before it
_STATE = re.compile(r"^(?:ERROR: +)?([0-9A-Z]{5}): ")
_PID = re.compile(r"\[(\d+)(?:-\d+)?\]|\((\d+)\)|\b(?:pid[=: ]+)(\d+)")
_CSV = re.compile(
    r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z]{1,5}[^,]{0,6},(?:"[^"]*"|),(?:"[^"]*"|),\d+,'
)


def stderr(text: str) -> Line | None:
    """`%m [%p] %u@%d ERROR:  ...`: the two spaces after the severity are the server's own."""
    head = text[:260].replace("\xa0:", " :")
    at = head.find(" :")
    if head[at - 1 : at].isupper() and (more := _FRENCH.search(head)):
        return _more(text[: more.start()], more[0].rstrip(" \xa0:"), text[more.end() :])
    if ":  " not in head:
        return None
    found = _STDERR.match(text)
    if found is None:
        return None
    stamp, prefix, word, said = found.groups()
    if word in MORE:
        return _more(prefix, word, said, stamp)
    level = BY_WORD.get(word) or BY_WORD.get(word.lower())
    if level is None or not (stamp or not prefix) or (not word.isupper() and word.upper() != word):
        return None
    return Line("postgres", said, stamp, level, _who(prefix))


def _more(prefix: str, word: str, said: str, stamp: str | None = None) -> Line:
    kept = "" if word in STATEMENTS else said  # a statement is what somebody sent
    return Line("postgres", kept, stamp, None, _who(prefix), more=True)


def _who(prefix: str) -> str:
    pid = _PID.search(prefix)
    return next(filter(None, pid.groups()), "") if pid else ""


def whole(text: str) -> bool:
    """Whether a csv entry has its closing quotes."""
    return text.count('"') % 2 == 0


def csvlog(text: str, stream: Stream) -> Line | None:
    """One entry of csvlog, which may go over several lines. An empty body: it is not whole yet."""
    if not stream.entry and not _CSV.match(text):
        return None
    stream.entry.append(text)
    entry = "\n".join(stream.entry)
    if not whole(entry) and len(stream.entry) < 400:
        return Line("postgres csv", "")
    stream.entry.clear()
    try:
        row = (
            next(csv.reader([entry + "\n"]))
            if "\n" not in entry
            else next(csv.reader(entry.splitlines(keepends=True)))
        )
    except (csv.Error, StopIteration):
        return Line("postgres csv", entry, closed=True)
    if len(row) < 16:
        return Line("postgres csv", entry, closed=True)
    more = " ".join(filter(None, (f"sqlstate={row[12]}" if row[12] != "00000" else "", row[14], row[15])))
    return Line(
        "postgres csv", row[13], row[0], BY_WORD.get(row[11].lower(), INFO), row[3], rest=more, closed=True
    )


DIALECTS = (Dialect("postgres", "", stderr),)
