"""Postgres: who may log in from where (`pg_hba.conf`). A rule is taken away by a comment sign before its line, and
comes back by taking the sign away: so its place among the others is kept. The file is one that the manifest names, or
lies in a folder that it names; what the server says of its place counts for nothing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from systems.probes.files import MAX_FILE
from systems.services import LoadedSystem
from systems.state.inverses.types import Inverse, NoInverse, Sql, Wanted, Write

FILE = "pg_hba.conf"
TYPES = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
TOKEN = re.compile(r'(?:"[^"]*"|[^\s",#]|,\s*)+|#.*')
AS_COMMENT = re.compile(r"^\s*#+\s?")


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    path, name = _file(system, wanted.component)
    try:
        text = path.read_bytes()[: MAX_FILE + 1].decode()
    except (OSError, UnicodeDecodeError) as error:
        raise NoInverse(f"{name} cannot be read: {type(error).__name__}") from None
    if len(text) > MAX_FILE:
        raise NoInverse(f"{name} is too large to be edited")
    lines = text.splitlines(keepends=True)
    away = wanted.then is None
    found = [n for n, line in enumerate(lines) if rule(line if away else _without_sign(line)) == wanted.what]
    if not away:
        found = [n for n in found if AS_COMMENT.match(lines[n])]
    if len(found) != 1:
        where = "once" if away else "once, as a comment,"
        raise NoInverse(f"{name} does not have `{wanted.what}` {where} in it: a person puts it right")
    (number,) = found
    lines[number] = f"#{lines[number]}" if away else _without_sign(lines[number])
    change = f"`{wanted.what}` is {'made a comment' if away else 'no comment any more'}"
    read = sql.SQL("SELECT pg_reload_conf()").format()
    return Inverse((Write(path, name, "".join(lines), change), Sql(wanted.component, read)))


def _without_sign(line: str) -> str:
    return AS_COMMENT.sub("", line)


def _file(system: LoadedSystem, component: str) -> tuple[Path, str]:
    spec = system.service(component).state
    for name in spec.files if spec else ():
        path = system.path(name)
        if name.endswith("/") and (path / FILE).is_file():
            return path / FILE, f"{name}{FILE}"
        if path.name == FILE:
            return path, name
    raise NoInverse(f"the manifest names no {FILE} of {component}: a person puts it right there")


def rule(line: str) -> str:
    """A line as the server tells it (pg_hba_file_rules, one blank between the columns); "" for what is none."""
    tokens = list(_tokens(line))
    if not tokens or tokens[0] not in TYPES or len(tokens) < (4 if tokens[0] == "local" else 5):
        return ""
    if tokens[0] == "local":
        return " ".join(tokens)
    kind, databases, users, address, *rest = tokens
    if "/" in address:
        try:
            network = ipaddress.ip_interface(address)
        except ValueError:
            return ""
        return " ".join([kind, databases, users, str(network.ip), str(network.netmask), *rest])
    return " ".join([kind, databases, users, address, *rest])


def _tokens(line: str) -> Iterator[str]:
    for token in TOKEN.findall(line):
        if token.startswith("#"):
            return
        yield re.sub(r",\s*", ",", token).replace('"', "")
