"""Makes declared calls. What comes from outside fills a blank and nothing else; what only looks cannot write."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict
from redis.backoff import NoBackoff
from redis.retry import Retry

from systems import pgguards, trust
from systems.declared import filling
from systems.declared.answers import Answer, CallFailed, CallUnknown, at_path, fitting, plain
from systems.declared.filling import Values, shown
from systems.manifest.declared import Ask, Call, HttpCall
from systems.manifest.types import Service
from systems.readings import clean
from systems.runtimes.base import NotRunning, RuntimeFailed
from systems.services import LoadedSystem

__all__ = [
    "MOST_ROWS",
    "NOTHING",
    "Answer",
    "CallFailed",
    "CallUnknown",
    "Values",
    "at_path",
    "look",
    "shown",
    "tell",
    "whole",
]

MOST_BYTES = 262_144
MOST_ROWS = 500
AGENT = "opsportal-declared"
NOTHING: Values = MappingProxyType({})
# of commands that only look, those that a Redis marks so and that have a price or wait all the same
NEVER_ASKED = frozenset({"keys", "monitor", "subscribe", "psubscribe", "ssubscribe", "wait", "waitaof"})
# of requests: nothing has left this machine
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def look(system: LoadedSystem, service: Service, ask: Ask, values: Values = NOTHING) -> Any:
    """Ask, and take what stands at the path. CallFailed when it cannot be asked, or nothing stands there."""
    return at_path(whole(system, service, ask, values), ask.path)


def whole(system: LoadedSystem, service: Service, ask: Ask, values: Values = NOTHING) -> Any:
    """All of the answer, before its path; of a text what the pattern finds in it."""
    how = _How(writes=False, rows=bool(ask.path), text=ask.find is not None, exits=tuple(ask.exits))
    found = _make(system, service, ask, values, how).value
    return found if ask.find is None else fitting(ask.find, found)


def tell(
    system: LoadedSystem,
    service: Service,
    call: Call,
    values: Values = NOTHING,
    *,
    fence: int | None = None,
    key: str = "",
) -> Answer:
    """Make a call that may change something, once. CallFailed: it did not take place, or said itself that it failed;
    CallUnknown: it may have. `fence`: for what is run by the runtime; StaleFence when it is an old one. `key`: sent
    with a request, as its Idempotency-Key."""
    return _make(system, service, call, values, _How(writes=True, fence=fence, key=key))


@dataclass(frozen=True, slots=True)
class _How:
    """`rows`: of SQL all rows, also where there is one cell. `text`: as it was sent, JSON too; of a command what it
    wrote to both its outputs. `exits`: the exit codes that are an answer."""

    writes: bool
    rows: bool = False
    text: bool = False
    exits: tuple[int, ...] = (0,)
    fence: int | None = None
    key: str = ""

    @property
    def open_end(self) -> type[CallFailed]:
        """What it means when nobody answers to what was sent."""
        return CallUnknown if self.writes else CallFailed


def _make(system: LoadedSystem, service: Service, call: Call, values: Values, how: _How) -> Answer:
    if missing := call.blanks() - values.keys():
        raise CallFailed(f"nothing is known for {', '.join(sorted(missing))}")
    on = system.service(call.on) if call.on else service
    try:
        filling.fit({name: values[name] for name in call.blanks()})
        if call.http is not None:
            return _http(system, call.http, call.timeout_s, values, how)
        if call.sql is not None:
            return _sql(on, call.sql, call.timeout_s, values, how)
        if call.redis is not None:
            return _redis(on, [filling.word(w, values) for w in call.redis], call.timeout_s, how)
        argv = [filling.argument(w, values) for w in call.exec or []]
    except filling.Unfit as error:
        raise CallFailed(str(error)) from None
    return _exec(system, on, argv, call.timeout_s, how)


def _http(system: LoadedSystem, call: HttpCall, timeout_s: float, values: Values, how: _How) -> Answer:
    url, body = filling.url(call, values), filling.body(call.body, values)
    headers = [*filling.headers(call, values), (b"User-Agent", AGENT.encode())]
    headers += [(b"Idempotency-Key", how.key.encode())] if how.key else []
    name, ends = f"{call.method.upper()} {_plain_address(url)}", time.monotonic() + timeout_s
    try:
        believed = trust.of(system) or trust.usual()
    except trust.Unusable as error:
        raise CallFailed(str(error)) from error
    try:
        with (
            httpx.Client(
                timeout=timeout_s, follow_redirects=False, trust_env=False, verify=believed
            ) as client,
            client.stream(
                call.method.upper(), url, headers=headers, **({} if body is None else {"json": body})
            ) as answer,
        ):
            raw = b""
            for piece in answer.iter_bytes():
                raw += piece
                if len(raw) > MOST_BYTES:
                    raise how.open_end(f"{name} answered more than {MOST_BYTES} bytes")
                if time.monotonic() > ends:  # its own limit is one of silence: drops come for ever
                    raise how.open_end(f"{name} did not end within {timeout_s:g} s")
    except (*NOT_SENT, httpx.InvalidURL) as error:
        raise CallFailed(f"{name}: {clean(str(error) or type(error).__name__, 200)}") from error
    except httpx.HTTPError as error:
        raise how.open_end(f"{name}: {clean(str(error) or type(error).__name__, 200)}") from error
    return _answered(call, answer.status_code, raw.decode(errors="replace"), name, how)


def _answered(call: HttpCall, status: int, text: str, name: str, how: _How) -> Answer:
    below = 400 if how.writes else 300  # what is asked for is not at the place that a redirect names
    if not (status in call.expect if call.expect else status < below):
        # only a 4xx says that nothing was done; whoever answers otherwise than was expected may have done it
        refused = CallFailed if 400 <= status < 500 else how.open_end
        raise refused(f"{name} answered {status}: {clean(text, 200)}")
    if how.text:
        return Answer(text, f"{status}")
    try:
        return Answer(json.loads(text), f"{status}")
    except ValueError:
        return Answer(text.strip(), f"{status}")


def _plain_address(url: str) -> str:
    """For messages: without a login and without the query, where keys like to stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _sql(on: Service, statement: str, timeout_s: float, values: Values, how: _How) -> Answer:
    if on.postgres is None:
        raise CallFailed(f"{on.name} is no database in the manifest")
    spec, most = on.postgres, int(timeout_s * 1000)
    dsn = (spec.admin_dsn or spec.dsn) if how.writes else spec.dsn
    if not _parses(dsn):  # the parser's own words would quote what may be a password
        raise CallFailed(f"{on.name}: its dsn cannot be taken apart")
    read_only = "" if how.writes else " -c default_transaction_read_only=on"
    try:
        session = pgguards.connect(
            f"-c statement_timeout={most} -c lock_timeout={min(most, 5000)}{read_only}",
            conninfo=dsn,
            connect_timeout=3,
            application_name=AGENT,
        )
    except psycopg.Error as error:
        raise CallFailed(f"{on.name}: {clean(str(error), 200)}") from error
    try:
        with session:
            return _run(session, *filling.bound(statement, values), how)
    except psycopg.Error as error:
        ended = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "57P")[:3] == "57P"
        raise (how.open_end if ended else CallFailed)(f"{on.name}: {clean(str(error), 200)}") from error


def _run(session: psycopg.Connection[Any], text: bytes, bound: dict[str, Any], how: _How) -> Answer:
    """One statement: the server takes no more at once, either way."""
    cursor = session.cursor()
    if how.writes:
        cursor.execute(text, bound, prepare=True)
        if cursor.description is None:
            return Answer(cursor.rowcount, cursor.statusmessage or "")
        rows = cursor.fetchmany(MOST_ROWS)
    else:  # no more is fetched than is used
        rows = list(islice(cursor.stream(text, bound), MOST_ROWS))
    names = [column.name for column in cursor.description or ()]
    if len(rows) == 1 and len(names) == 1 and not how.rows:
        return Answer(plain(rows[0][0]))
    return Answer([dict(zip(names, map(plain, row), strict=True)) for row in rows])


def _parses(dsn: str) -> bool:
    try:
        return bool(conninfo_to_dict(dsn))
    except psycopg.Error:
        return False


def _redis(on: Service, words: list[str], timeout_s: float, how: _How) -> Answer:
    if on.redis is None:
        raise CallFailed(f"{on.name} is no Redis in the manifest")
    failed: type[CallFailed] = CallFailed
    try:
        with redis.Redis.from_url(
            on.redis.url,
            socket_timeout=timeout_s,
            socket_connect_timeout=2,
            client_name=AGENT,
            retry=Retry(NoBackoff(), 0),  # never sent twice unasked
        ) as client:
            client.ping()
            if not how.writes and not _only_looks(client, words):
                raise CallFailed(f"{words[0]} is no command that only looks")
            failed = how.open_end
            return Answer(plain(client.execute_command(*words)))
    except redis.ResponseError as error:
        raise CallFailed(f"{on.name}: {clean(str(error), 200)}") from error
    except ValueError as error:  # of the address
        raise CallFailed(f"{on.name}: its url cannot be taken apart") from error
    except redis.RedisError as error:
        raise failed(f"{on.name}: {clean(str(error), 200)}") from error


def _only_looks(client: Any, words: list[str]) -> bool:
    """By what the server itself says of the command."""
    name = words[0].lower()
    found = client.execute_command("COMMAND", "INFO", name)
    info = next(iter(found.values()), None) if isinstance(found, dict) else (found or [None])[0]
    flags = info.get("flags", []) if isinstance(info, dict) else (info[2] if info else [])
    told = {flag.decode() if isinstance(flag, bytes) else str(flag) for flag in flags}
    return name not in NEVER_ASKED and ("readonly" in told or name in ("info", "ping", "time"))


def _exec(system: LoadedSystem, on: Service, argv: list[str], timeout_s: float, how: _How) -> Answer:
    if on.unit is None:
        raise CallFailed(f"{on.name} is not ours to control")
    try:
        done = system.runtime.exec(on.unit, argv, timeout_s, how.fence)
    except NotRunning as error:
        raise CallFailed(f"{argv[0]}: {error}") from error
    except RuntimeFailed as error:
        raise how.open_end(f"{argv[0]}: {error}") from error
    if done.timed_out:
        raise how.open_end(f"{argv[0]} did not end within {timeout_s:g} s")
    if done.code < 0:
        raise how.open_end(f"{argv[0]} was ended by signal {-done.code}")
    if done.code not in how.exits:
        raise CallFailed(f"{argv[0]} ended with {done.code}: {clean(done.err or done.out, 200)}")
    if how.text:
        return Answer(f"{done.out}\n{done.err}", clean(done.err, 200))
    try:
        return Answer(json.loads(done.out), clean(done.err, 200))
    except ValueError:
        return Answer(done.out.strip(), clean(done.err, 200))
