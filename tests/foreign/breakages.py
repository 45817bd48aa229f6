"""Twelve ways to break the guest book by hand, each with what makes it well again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.foreign.place import Guestbook

Work = Callable[[Guestbook], None]
STRANGER = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(3600)"
LINE = "[2026-01-02 03:04:05,678: INFO/MainProcess] Task guestbook.tasks.write[{n:012d}] succeeded in 0.01s: None\n"


@dataclass(frozen=True)
class Breakage:
    """`parts`: who it may rightly be said to be about. `restarts`: whose processes may be others afterwards. `here`:
    whether it still is, beyond what guests see of it. `leaves`: what of the picture may differ from before."""

    name: str
    title: str
    parts: tuple[str, ...]
    begin: Work
    undo: Work
    here: Callable[[Guestbook], bool]
    restarts: tuple[str, ...] = ()
    in_ci: bool = False
    needs_volume: bool = False
    handed_over: bool = False  # only a person can mend it


def _differs(file: str) -> Callable[[Guestbook], bool]:
    return lambda place: (
        (place.base / "etc" / file).read_bytes() != (place.base / "golden" / file).read_bytes()
    )


def _reload(place: Guestbook) -> None:
    place.send("edge", signal.SIGHUP)


def _edit_edge(old: str, new: str) -> Work:
    return lambda place: place.change("etc/nginx.conf", old, new)


def _upstream(place: Guestbook) -> None:
    _edit_edge(f"proxy_pass http://127.0.0.1:{place.port['WEB']}", "proxy_pass http://127.0.0.1:9")(place)
    _reload(place)


def _edge_well(place: Guestbook) -> None:
    place.as_it_was("nginx.conf")
    place.ask("restart", "edge")


def _syntax(place: Guestbook) -> None:
    place.change("etc/nginx.conf", "proxy_read_timeout 10s;", "proxy_read_timeout 10s")
    place.ask("restart", "edge")


def _stranger(place: Guestbook) -> None:
    """Somebody tries something out on the port while the web service is down for a moment."""
    place.ask("stop", "web")
    argv = [sys.executable, "-c", STRANGER.format(port=place.port["WEB"])]
    process = subprocess.Popen(argv, start_new_session=True)
    (place.base / "run/stranger.pid").write_text(str(process.pid))
    _until_taken(place.port["WEB"])
    place.ask("start", "web")


def _until_taken(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def _stranger_gone(place: Guestbook) -> None:
    file = place.base / "run/stranger.pid"
    if file.exists():
        pid = int(file.read_text())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        file.unlink()
    place.ask("restart", "web")


def _expired(place: Guestbook) -> None:
    place.show(place.authority.issue("guestbook", "IP:127.0.0.1", starts_in=-30, days=-1))
    _reload(place)


def _certificate_well(place: Guestbook) -> None:
    for file in ("tls.pem", "tls.key"):
        place.as_it_was(file)
    _reload(place)


def _full(place: Guestbook) -> None:
    """The log of months that nobody rotated."""
    block = "".join(LINE.format(n=n) for n in range(1000)).encode()
    log = os.open(place.base / "vol/worker.log", os.O_WRONLY | os.O_APPEND)
    with contextlib.suppress(OSError):
        while os.write(log, block) == len(block):
            pass
    os.close(log)


def _room(place: Guestbook) -> None:
    os.truncate(place.base / "vol/worker.log", 0)


def _is_full(place: Guestbook) -> bool:
    room = os.statvfs(place.base / "vol")
    return room.f_bavail < room.f_blocks * 0.05


def _limit(place: Guestbook, megabytes: int) -> None:
    """A kernel may refuse a limit below what is in use: it comes with the next start."""
    place.ask("stop", "worker")
    place.ask("limits", "worker", memory_mb=megabytes)
    place.ask("start", "worker")


def _sql(statement: str, *then: str) -> Work:
    def run(place: Guestbook) -> None:
        place.sql(statement)
        for word in then:
            place.sql(word)

    return run


def _asks(query: str) -> Callable[[Guestbook], bool]:
    return lambda place: bool(place.sql(query)[0][0])


def _end_sessions(place: Guestbook) -> None:
    place.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'site'")


def _cap(place: Guestbook, statement: str) -> None:
    place.sql(statement)
    _end_sessions(place)


def _cache_limit(place: Guestbook, size: str) -> None:
    place.cache().config_set("maxmemory", size)


def _wrong_address(place: Guestbook) -> None:
    place.change("etc/web.env", f":{place.port['DB']}/guestbook", ":9/guestbook")
    place.ask("restart", "web")


def _web_env_well(place: Guestbook) -> None:
    place.as_it_was("web.env")
    place.ask("restart", "web")


BREAKAGES = [
    Breakage(
        "wrong_upstream", "another upstream in nginx.conf, and a reload",
        ("edge",), _upstream, _edge_well, _differs("nginx.conf"), restarts=("edge",), in_ci=True,
    ),
    Breakage(
        "syntax_error", "a syntax error in nginx.conf, and a restart",
        ("edge",), _syntax, _edge_well, _differs("nginx.conf"), restarts=("edge",), in_ci=True,
    ),
    Breakage(
        "port_taken", "a stranger on the port of the web service",
        ("web",), _stranger, _stranger_gone, lambda p: (p.base / "run/stranger.pid").exists(),
        restarts=("web",), handed_over=True,
    ),
    Breakage(
        "expired_certificate", "an expired certificate at the edge",
        ("edge",), _expired, _certificate_well, _differs("tls.pem"), restarts=("edge",), handed_over=True, in_ci=True,
    ),
    Breakage(
        "full_disk", "the log of the worker fills its volume",
        ("worker",), _full, _room, _is_full, restarts=("worker",), needs_volume=True,
    ),
    Breakage(
        "memory_limit", "the memory limit of the worker is lowered to 40 MB",
        ("worker",), lambda p: _limit(p, 40), lambda p: _limit(p, 512),
        lambda p: p.unit("worker")["memory_limit_mb"] != 512, restarts=("worker",),
    ),
    Breakage(
        "lost_permission", "the site may not read the book any more",
        ("db",), _sql("revoke select on guestbook_entry from site"), _sql("grant select on guestbook_entry to site"),
        _asks("select not has_table_privilege('site', 'guestbook_entry', 'select')"),
    ),
    Breakage(
        "hung_worker", "the worker is stopped (SIGSTOP)",
        ("worker",), lambda p: p.send("worker", signal.SIGSTOP), lambda p: p.send("worker", signal.SIGCONT),
        lambda p: _is_stopped(p.unit("worker")["pid"]), restarts=("worker",),
    ),
    Breakage(
        "renamed_column", "500s in one view: a column has another name",
        ("db",), _sql("alter table django_flatpage rename column content to body"),
        _sql("alter table django_flatpage rename column body to content"),
        _asks("select count(*) > 0 from information_schema.columns where table_name = 'django_flatpage'"
              " and column_name = 'body'"), in_ci=True,
    ),
    Breakage(
        "role_limit", "the site may have no connection to Postgres any more",
        ("db",), lambda p: _cap(p, "alter role site connection limit 0"), _sql("alter role site connection limit -1"),
        _asks("select rolconnlimit >= 0 from pg_roles where rolname = 'site'"),
    ),
    Breakage(
        "cache_memory", "Valkey may keep 1 MB, and evicts nothing",
        ("cache",), lambda p: _cache_limit(p, "1mb"), lambda p: _cache_limit(p, "64mb"),
        lambda p: p.cache().config_get("maxmemory") != {"maxmemory": str(64 << 20)},
    ),
    Breakage(
        "wrong_address", "another port in DATABASE_URL of the web service, and a restart",
        ("web",), _wrong_address, _web_env_well, _differs("web.env"), restarts=("web",),
    ),
]  # fmt: skip


def _is_stopped(pid: int | None) -> bool:
    try:
        return pid is not None and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
