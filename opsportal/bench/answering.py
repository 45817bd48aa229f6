"""Services that are cheaper to ask than to ask them: what the watcher is measured against.

nginx where it is installed, else a bare protocol of one more process. Both answer constants at one port of every
address of the loopback, so that each service has an address of its own.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path

from opsportal.local.attach import ROOT
from opsportal.local.child import spawn, stop, tail
from opsportal.local.ports import free_port

ANSWERS_WITHIN_S = 10.0
LOOK_S = 0.05
STOP_S = 5.0
METRICS = "\n".join(
    [
        "# TYPE http_requests_total counter",
        *(f'http_requests_total{{path="/{path}",code="{code}"}} 12345' for path in "abcde" for code in (200, 404, 500)),
        "# TYPE http_request_duration_seconds histogram",
        *(f'http_request_duration_seconds_bucket{{le="{le}"}} 900' for le in (0.01, 0.05, 0.1, 0.5, 1, 5, "+Inf")),
        "http_request_duration_seconds_sum 45.5",
        "http_request_duration_seconds_count 900",
        "# TYPE process_resident_memory_bytes gauge",
        "process_resident_memory_bytes 73400320",
        "process_cpu_seconds_total 81.25",
        "process_open_fds 42",
        "process_max_fds 1024",
        "",
    ]
)  # fmt: skip
STATE = json.dumps({"pools": {"main": {"weight": 10, "sent_to": "main"}}, "flags": {"new": False}})
ANSWERS = {"/metrics": ("text/plain; version=0.0.4", METRICS), "/state": ("application/json", STATE)}
USUAL = ("text/plain", "ok\n")
_NGINX = """\
daemon off; pid {folder}/nginx.pid; error_log stderr error;
worker_processes 1; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen {port} backlog=4096; allow 127.0.0.0/8; deny all;
    location = /metrics {{ default_type "{metrics_type}"; return 200 '{metrics}'; }}
    location = /state {{ default_type "{state_type}"; return 200 '{state}'; }}
    location / {{ default_type text/plain; return 200 "ok\\n"; }}
  }}
}}
"""


class NotAnswering(RuntimeError):
    """What is to be asked does not start; the message says why."""


def host(number: int) -> str:
    """An address of its own for each service, where the loopback is as wide as Linux makes it."""
    return f"127.0.{number // 250 + 1}.{number % 250 + 1}" if sys.platform == "linux" else "127.0.0.1"


@contextmanager
def answering(folder: Path, *, nginx: str | None = "") -> Iterator[tuple[str, int]]:
    """(what answers, its port) as long as the block lasts. `nginx`: its program; None: do without; "": where there is
    one. NotAnswering when it does not start."""
    found = (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")) if nginx == "" else nginx
    port, log = free_port(), folder / "target.log"
    if found:
        conf = folder / "nginx.conf"
        (metrics_type, metrics), (state_type, state) = ANSWERS["/metrics"], ANSWERS["/state"]
        conf.write_text(
            _NGINX.format(
                folder=folder,
                port=port,
                metrics=metrics,
                metrics_type=metrics_type,
                state=state,
                state_type=state_type,
            )
        )
        process = spawn([found, "-e", "stderr", "-p", folder, "-c", conf], log=log)
    else:
        process = spawn([sys.executable, "-m", __name__, str(port)], log=log, cwd=ROOT)
    try:
        _await(process, port, log)
        yield ("nginx" if found else "a bare asyncio protocol", port)
    finally:
        stop(process, signal.SIGTERM, STOP_S)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + ANSWERS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(LOOK_S)
    raise NotAnswering(f"nothing answers at port {port}: {tail(log, 2) or 'it says nothing'}")


class _Constant(asyncio.Protocol):
    """Answers each request that has arrived whole; requests have no body."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not ip_address(transport.get_extra_info("peername")[0]).is_loopback:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1].decode("latin-1") if head.count(b" ") >= 2 else ""
            self._transport.write(_answer(*ANSWERS.get(path, USUAL)))


def _answer(kind: str, body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Constant, "0.0.0.0", port, backlog=4096)  # noqa: S104 - each address of the loopback; others are cut off
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
