"""A real nginx of the test's own, where one is on the PATH: it listens on loopback and writes to its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from systems.runtimes.base import ExecResult
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.systems.helpers import closed_port, make_system

CONF = """
daemon off;
worker_processes 1;
error_log {base}/error.log info;
pid {base}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log {base}/access.log;
  client_body_temp_path {base}/b; proxy_temp_path {base}/p; fastcgi_temp_path {base}/f; uwsgi_temp_path {base}/u;
  scgi_temp_path {base}/s;
  include {base}/conf.d/*.conf;
  server {{
    listen {address};
    {status}
    location / {{ return 200 "hello"; }}
    location /up {{ proxy_pass http://{closed}; }}
  }}
}}
"""
STATUS = "location = /nginx_status { stub_status; allow 127.0.0.1; deny all; }"
MORE = "conf.d/more.conf"


class Nginx:
    """One that runs; `base` has nginx.conf, conf.d, error.log and access.log."""

    def __init__(self, base: Path, status: str = STATUS) -> None:
        self.base, self.address = base, closed_port()
        (base / "conf.d").mkdir()
        self.more = base / MORE
        self.conf = base / "nginx.conf"
        self.conf.write_text(
            CONF.format(base=base, address=self.address, status=status, closed=closed_port())
        )
        self.process = subprocess.Popen(["nginx", "-c", self.conf, "-e", f"{base}/error.log"])
        self.await_answer()

    def await_answer(self) -> None:
        ends = time.monotonic() + 20
        while True:
            try:
                self.get("/")
                return
            except OSError:
                assert time.monotonic() < ends and self.process.poll() is None, "nginx does not answer"
                time.sleep(0.05)

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def workers(self) -> set[int]:
        """The pids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def system(self, base: Path, **more: object) -> LoadedSystem:
        """It as a person would have it in a manifest, with its files where they are here."""
        where = {"conf": str(self.conf), "includes": [str(self.base / "conf.d")]}
        where |= {"error_log": str(self.base / "error.log"), "access_log": str(self.base / "access.log")}
        edge = {"profile": "nginx", "address": self.address, "unit": "edge", "with": where, **more}
        found = make_system(base, {"edge": edge})
        assert isinstance(found.runtime, FakeRuntime)
        found.runtime.exec = run  # type: ignore[method-assign]
        return found


def run(unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None) -> ExecResult:
    """What a runtime does on the unit's machine."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
    return ExecResult(done.returncode, done.stdout, done.stderr)


def nginx_in(factory: pytest.TempPathFactory, status: str = STATUS) -> Nginx:
    """One that runs; who takes it stops it. Skips the test where there is none on the PATH."""
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx on the PATH")
    base = factory.mktemp("nginx")
    if os.geteuid() == 0:  # its workers are another user's
        base.chmod(0o755)
    return Nginx(base, status)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    found = nginx_in(tmp_path_factory)
    yield found
    found.stop()


@pytest.fixture
def bare_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """One whose stub_status is not switched on."""
    found = nginx_in(tmp_path_factory, status="")
    yield found
    found.stop()
