"""Database and cache of a sandbox, spoken to in its roles: statements and keys become what that sandbox calls them."""

from __future__ import annotations

from typing import Any

import psycopg
import redis as redis_client
from psycopg import sql

from chaos.names import Names


def cursor_for(names: Names) -> type[psycopg.Cursor[Any]]:
    """A kind of cursor for statements; where nothing is called otherwise, the usual one."""
    if names.plain:
        return psycopg.Cursor

    class Named(psycopg.Cursor[Any]):
        def execute(  # type: ignore[override]
            self, query: Any, params: Any = None, **options: Any
        ) -> psycopg.Cursor[Any]:
            return super().execute(_query(names, query), _params(names, params), **options)

    return Named


def _query(names: Names, query: Any) -> Any:
    match query:
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


def cache(url: str, names: Names) -> redis_client.Redis:
    """A client whose keys, and whatever else is a name in a command, are roles. Values are left as they are."""
    kind = redis_client.Redis if names.plain else _client(names)
    return kind.from_url(url, socket_timeout=5, decode_responses=True)


def _client(names: Names) -> type[redis_client.Redis]:
    def named(args: tuple[Any, ...]) -> list[Any]:
        return [args[0], *(_key(names, one) for one in args[1:])]

    class Pipeline(redis_client.client.Pipeline):
        def execute_command(self, *args: Any, **options: Any) -> Any:
            return super().execute_command(*named(args), **options)  # type: ignore[no-untyped-call]

    class Client(redis_client.Redis):
        def execute_command(self, *args: Any, **options: Any) -> Any:
            return super().execute_command(*named(args), **options)  # type: ignore[no-untyped-call]

        def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
            return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    return Client


def _key(names: Names, one: Any) -> Any:
    """What looks like a key: no message, no text."""
    return names.text(one) if isinstance(one, str) and one[:1] not in ("{", "[") and " " not in one else one
