"""Statements written in the shop's own words, executed under the names that a shop has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from .names import Names


def cursor_for(names: Names) -> type[psycopg.Cursor[Any]]:
    """A kind of cursor; with the shop's own names, the usual one."""
    if names.plain:
        return psycopg.Cursor

    class Named(psycopg.Cursor[Any]):
        def execute(  # type: ignore[override]
            self, query: Any, params: Any = None, **options: Any
        ) -> psycopg.Cursor[Any]:
            return super().execute(_query(names, query), _params(names, params), **options)

        def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
            super().executemany(_query(names, query), params_seq, **options)

    return Named


def _query(names: Names, query: Any) -> Any:
    match query:
        case bytes():
            return names.sql(query.decode()).encode()
        case str():
            return names.sql(query)
        case sql.Composed():
            return sql.Composed([_query(names, part) for part in query])
        case sql.SQL():
            return sql.SQL(names.sql(query._obj))
        case sql.Identifier():
            return sql.Identifier(*(names.word(part) for part in query._obj))
    return query


def _params(names: Names, params: Any) -> Any:
    """A parameter that is a name, as a whole."""
    if not isinstance(params, list | tuple):
        return params
    return [names.word(one) if isinstance(one, str) else one for one in params]
