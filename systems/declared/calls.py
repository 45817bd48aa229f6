"""Makes declared calls. What comes from outside fills a blank and nothing else; what only looks cannot write."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Json

from systems import pgguards
from systems.manifest.declared import BLANK, Ask, Call, HttpCall
from systems.manifest.types import Service
from systems.readings import clean
from systems.runtimes.base import RuntimeFailed
from systems.services import LoadedSystem

MOST_BYTES = 262_144
MOST_ROWS = 500
AGENT = "opsportal-declared"
Values = Mapping[str, str | int | float]
NOTHING: Values = MappingProxyType({})
# of commands that only look, those that a Redis marks so and that have a price or wait all the same
NEVER_ASKED = frozenset({"keys", "monitor", "subscribe", "psubscribe", "ssubscribe", "wait", "waitaof"})


class CallFailed(RuntimeError):
    """The other side did not answer, refused, or said that it failed. The message is for people."""


class CallUnknown(CallFailed):
    """It was sent, and nobody knows what came of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `value` is JSON-able: parsed JSON, else text; of SQL the only cell, else rows as mappings."""

    value: Any
    words: str = ""


def look(system: LoadedSystem, service: Service, ask: Ask, values: Values = NOTHING) -> Any:
    """Ask, and take what stands at the path. CallFailed when it cannot be asked, or nothing stands there."""
    found = _make(system, service, ask, values, writes=False).value
    return at_path(found, ask.path)


def tell(system: LoadedSystem, service: Service, call: Call, values: Values = NOTHING) -> Answer:
    """Make a call that may change something. CallFailed: it did not take place; CallUnknown: it may have."""
    return _make(system, service, call, values, writes=True)


def shown(call: Call, values: Values) -> str:
    """The call as it will be made, in a line, without headers and passwords."""
    if call.http is not None:
        body = _filled_json(call.http.body, values)
        return f"{call.http.method.upper()} {_url(call.http, values)}" + (
            f" {json.dumps(body)}" if body is not None else ""
        )
    if call.sql is not None:
        return " ".join(BLANK.sub(lambda m: repr(values[m[1]]), call.sql).split())
    return " ".join(_word(w, values) for w in call.redis or call.exec or [])


def at_path(found: Any, path: str) -> Any:
    """What stands at a dotted path. `[]` goes on with each item of a list, and makes a list of all that is found."""
    for number, step in enumerate(path.split(".") if path else []):
        if step.endswith("[]"):
            inner = at_path(found, step[:-2]) if step != "[]" else found
            if not isinstance(inner, list):
                raise CallFailed(f"no list stands at {step!r} of what was answered")
            rest = ".".join(path.split(".")[number + 1 :])
            return [at_path(item, rest) for item in inner]
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise CallFailed(f"nothing stands at {path!r} of what was answered") from None
    return found


def _make(system: LoadedSystem, service: Service, call: Call, values: Values, *, writes: bool) -> Answer:
    if missing := call.blanks() - values.keys():
        raise CallFailed(f"nothing is known for {', '.join(sorted(missing))}")
    on = system.service(call.on) if call.on else service
    if call.http is not None:
        return _http(call.http, call.timeout_s, values, writes=writes)
    if call.sql is not None:
        return _sql(on, call.sql, call.timeout_s, values, writes=writes)
    if call.redis is not None:
        return _redis(on, [_word(w, values) for w in call.redis], call.timeout_s, writes=writes)
    return _exec(system, on, [_word(w, values) for w in call.exec or []], call.timeout_s, writes=writes)


def _http(call: HttpCall, timeout_s: float, values: Values, *, writes: bool) -> Answer:
    url, body = _url(call, values), _filled_json(call.body, values)
    headers = {name: _word(value, values) for name, value in call.headers.items()} | {"User-Agent": AGENT}
    failed: type[CallFailed] = CallFailed
    ends = time.monotonic() + timeout_s
    try:
        with (
            httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client,
            client.stream(
                call.method.upper(), url, headers=headers, **({} if body is None else {"json": body})
            ) as answer,
        ):
            failed = CallUnknown if writes else CallFailed
            raw = b""
            for piece in answer.iter_bytes():
                raw += piece
                if len(raw) > MOST_BYTES:
                    raise failed(f"{call.method.upper()} {url} answered more than {MOST_BYTES} bytes")
                if time.monotonic() > ends:  # its own limit is one of silence: drops come for ever
                    raise failed(f"{call.method.upper()} {url} did not end within {timeout_s:g} s")
    except httpx.InvalidURL as error:
        raise CallFailed(f"{url} is no address: {clean(str(error), 200)}") from error
    except httpx.ConnectError as error:
        raise CallFailed(f"{call.method.upper()} {url}: {clean(str(error), 200)}") from error
    except httpx.HTTPError as error:
        sent = CallUnknown if writes else failed
        raise sent(
            f"{call.method.upper()} {url}: {clean(str(error) or type(error).__name__, 200)}"
        ) from error
    text = raw.decode(errors="replace")
    below = 400 if writes else 300  # what is asked for is not at the place that a redirect names
    good = answer.status_code in call.expect if call.expect else answer.status_code < below
    if not good:
        said = f"answered {answer.status_code}: {clean(text, 200)}"
        refused = CallFailed if answer.status_code < 500 else failed
        raise refused(f"{call.method.upper()} {url} {said}")
    try:
        return Answer(json.loads(text), f"{answer.status_code}")
    except ValueError:
        return Answer(text.strip(), f"{answer.status_code}")


def _sql(on: Service, statement: str, timeout_s: float, values: Values, *, writes: bool) -> Answer:
    if on.postgres is None:
        raise CallFailed(f"{on.name} is no database in the manifest")
    spec, most = on.postgres, int(timeout_s * 1000)
    dsn = (spec.admin_dsn or spec.dsn) if writes else spec.dsn
    if not _parses(dsn):  # the parser's own words would quote what may be a password
        raise CallFailed(f"{on.name}: its dsn cannot be taken apart")
    read_only = "" if writes else " -c default_transaction_read_only=on"
    # a percent sign of the statement's own is one; blanks become parameters
    bound = BLANK.sub(lambda m: f"%({m[1]})s", statement.replace("%", "%%"))
    try:
        with pgguards.connect(
            f"-c statement_timeout={most} -c lock_timeout={min(most, 5000)}{read_only}",
            conninfo=dsn,
            connect_timeout=3,
            application_name=AGENT,
        ) as session:
            cursor = session.cursor()
            if writes:
                cursor.execute(bound.encode(), dict(values))
                if cursor.description is None:
                    return Answer(cursor.rowcount, cursor.statusmessage or "")
                rows = cursor.fetchmany(MOST_ROWS)
            else:  # no more is fetched than is used; and one statement it is, so that none goes before it to allow more
                rows = list(islice(cursor.stream(bound.encode(), dict(values)), MOST_ROWS))
            names = [column.name for column in cursor.description or ()]
    except psycopg.OperationalError as error:
        lost = CallUnknown if writes and error.sqlstate is None else CallFailed
        raise lost(f"{on.name}: {clean(str(error), 200)}") from error
    except psycopg.Error as error:
        raise CallFailed(f"{on.name}: {clean(str(error), 200)}") from error
    if len(rows) == 1 and len(names) == 1:
        return Answer(_plain(rows[0][0]))
    return Answer([dict(zip(names, map(_plain, row), strict=True)) for row in rows])


def _parses(dsn: str) -> bool:
    try:
        return bool(conninfo_to_dict(dsn))
    except psycopg.Error:
        return False


def _redis(on: Service, words: list[str], timeout_s: float, *, writes: bool) -> Answer:
    if on.redis is None:
        raise CallFailed(f"{on.name} is no Redis in the manifest")
    try:
        with redis.Redis.from_url(
            on.redis.url, socket_timeout=timeout_s, socket_connect_timeout=2, client_name=AGENT
        ) as client:
            if not writes and not _only_looks(client, words):
                raise CallFailed(f"{words[0]} is no command that only looks")
            return Answer(_plain(client.execute_command(*words)))
    except redis.ResponseError as error:
        raise CallFailed(f"{on.name}: {clean(str(error), 200)}") from error
    except ValueError as error:  # of the address
        raise CallFailed(f"{on.name}: its url cannot be taken apart") from error
    except redis.RedisError as error:
        raise (CallUnknown if writes else CallFailed)(f"{on.name}: {clean(str(error), 200)}") from error


def _only_looks(client: Any, words: list[str]) -> bool:
    """By what the server itself says of the command."""
    name = words[0].lower()
    found = client.execute_command("COMMAND", "INFO", name)
    info = next(iter(found.values()), None) if isinstance(found, dict) else (found or [None])[0]
    flags = info.get("flags", []) if isinstance(info, dict) else (info[2] if info else [])
    told = {flag.decode() if isinstance(flag, bytes) else str(flag) for flag in flags}
    return name not in NEVER_ASKED and ("readonly" in told or name in ("info", "ping", "time"))


def _exec(system: LoadedSystem, on: Service, argv: list[str], timeout_s: float, *, writes: bool) -> Answer:
    if on.unit is None:
        raise CallFailed(f"{on.name} is not ours to control")
    try:
        done = system.runtime.exec(on.unit, argv, timeout_s)
    except RuntimeFailed as error:
        raise CallFailed(f"{argv[0]}: {error}") from error
    if done.timed_out:
        raise (CallUnknown if writes else CallFailed)(f"{argv[0]} did not end within {timeout_s:g} s")
    if done.code:
        raise CallFailed(f"{argv[0]} ended with {done.code}: {clean(done.err or done.out, 200)}")
    try:
        return Answer(json.loads(done.out), clean(done.err, 200))
    except ValueError:
        return Answer(done.out.strip(), clean(done.err, 200))


def _url(call: HttpCall, values: Values) -> str:
    return BLANK.sub(lambda m: quote(str(values[m[1]]), safe=""), call.url)


def _word(text: str, values: Values) -> str:
    return BLANK.sub(lambda m: str(values[m[1]]), text)


def _filled_json(item: Any, values: Values) -> Any:
    """A blank that is all of a text keeps its type: a number stays one."""
    if isinstance(item, str):
        whole = BLANK.fullmatch(item)
        return values[whole[1]] if whole else _word(item, values)
    if isinstance(item, dict):
        return {_word(str(k), values): _filled_json(v, values) for k, v in item.items()}
    return [_filled_json(v, values) for v in item] if isinstance(item, list) else item


def _plain(value: Any) -> Any:
    """JSON-able."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {str(_plain(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(v) for v in value]
    if isinstance(value, Json):
        return value.obj
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
