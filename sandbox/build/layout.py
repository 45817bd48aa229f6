"""Where everything lies and which ports it has."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .names import ARGV, FIXED, OWN, Names

OFFSETS = {
    "gateway": 0, "api-1": 21, "api-2": 22, "backup-api": 23, "worker": 30, "batch": 32, "frontend": 40, "net": 60,
    "gateway-api-1": 61, "gateway-api-2": 62, "api-db": 63, "api-redis": 64, "api-upstream": 65,
    "net-far": 66, "analytics": 33, "log-collector": 50,
    "gateway-tls": 90, "dns-1": 91, "dns-2": 92,
    "postgres": 70, "redis": 71, "loadgen": 80, "upstream": 121, "fallback": 122,
    "cloud": 100, "newcomers": 101,
}  # fmt: skip
EDGES = {
    "gateway-api-1": ("gateway", "api-1"),
    "gateway-api-2": ("gateway", "api-2"),
    "api-db": ("api-1", "postgres"),
    "api-redis": ("api-1", "redis"),
    "api-upstream": ("api-1", "upstream"),
}
CAPACITY = {"api-db": 5}  # Mbit a second, where a line can be given one
SECOND = {"gateway-tls": "gateway"}  # a further port of a part
API_VERSION, BACKUP_VERSION, FRONTEND_VERSION, PLATFORM_VERSION = "1.4.2", "1.3.0", "3.1.0", "2.7.1"
CLAIMED_S = 30.0  # from the choice of ports until they are bound
_SOCKET_MAX = 100  # unix socket paths longer than this fail


@dataclass(frozen=True)
class Layout:
    """Paths below `root` and ports above `base`; `names`: what everything there is called."""

    root: Path
    base: int
    names: Names = field(default=OWN, kw_only=True, hash=False)

    @property
    def offsets(self) -> Mapping[str, int]:
        return self.names.offsets or OFFSETS

    def port(self, name: str) -> int:
        return self.base + self.offsets[name]

    def at(self, relative: str) -> Path:
        """A path below `root`, by the shop's own words for it."""
        return self.root / self.names.path(relative)

    def text(self, text: str) -> str:
        """By its names; what leads to `root` is not the shop's to name."""
        return str(self.root).join(self.names.text(part) for part in text.split(str(self.root)))

    def called(self, data: Any, *, keys: bool = True, key: str = "") -> Any:
        """Plain data with its names; `keys`: those of mappings too. `key`: under which it stands."""
        if self.names.plain or key in FIXED:
            return data
        if isinstance(data, dict):
            named = {k: self.called(v, keys=keys, key=k) for k, v in data.items()}
            return {self.text(k): v for k, v in named.items()} if keys else named
        if isinstance(data, list | tuple):
            rest = [self.called(item, keys=keys) for item in data]
            return [data[0], *rest[1:]] if key in ARGV else rest
        return self.text(data) if isinstance(data, str) else data

    def listen(self, name: str) -> str:
        """host:port that `name` listens on."""
        return f"127.0.0.1:{self.port(name)}"

    def address(self, name: str) -> str:
        """host:port where the shop's own parts reach `name`."""
        return f"127.0.0.1:{self.port(name)}"

    def url(self, name: str, path: str = "") -> str:
        return f"http://{self.address(name)}{path}"

    def seen(self, name: str) -> str:
        """host:port where those who look after the shop reach `name`."""
        return self.address(name)

    def seen_url(self, name: str, path: str = "") -> str:
        return f"http://{self.seen(name)}{path}"

    @property
    def python(self) -> str:
        """The interpreter of the shop's own programs."""
        return sys.executable

    @property
    def home(self) -> Path:
        """`root` as the shop's own parts see it."""
        return self.root

    @property
    def short(self) -> Path:
        """A short folder of our own in the temp directory, for what cannot live below `root`."""
        key = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"shop-{key}"

    @property
    def pg_home(self) -> Path:
        """Holds the data directory and conf.d. Below `root` unless the user Postgres runs as cannot get there."""
        if runs_as_nobody() and not world_traversable(self.root):
            return self.short / self.names.path("postgres")
        return self.at("vol/postgres")

    @property
    def pg_conf(self) -> Path:
        home = self.pg_home
        return (
            home / "conf.d" / "tuning.conf"
            if not home.is_relative_to(self.root)
            else self.at("etc/postgres/tuning.conf")
        )

    def socket_path(self, world: bool = False) -> Path:
        """The supervisor's control socket."""
        path = self.root / ("world/run/supervisor.sock" if world else "run/supervisor.sock")
        if len(str(path)) <= _SOCKET_MAX:
            return path
        return self.short / ("world.sock" if world else "supervisor.sock")


def runs_as_nobody() -> bool:
    """Postgres refuses to run as root."""
    return sys.platform != "win32" and os.geteuid() == 0


def world_traversable(path: Path) -> bool:
    """Whether everybody may pass through `path` and all folders above it."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def find_free_base(wanted: int, tries: int = 60, offsets: Collection[int] = tuple(OFFSETS.values())) -> int:
    """`wanted`, or the next block of ports of which none is taken, nor was given to another one that is only starting.
    OSError when there is none."""
    for step in range(tries):
        base = wanted + step * 200
        if base + max(offsets) < 32_000 and all(port_is_free(base + o) for o in offsets) and _claim(base):
            return base
    raise OSError(f"no free block of ports above {wanted}")


def _claim(base: int) -> bool:
    """Whether nobody took this block a moment ago: two that start at once both find it free, for it is bound later."""
    path = Path(tempfile.gettempdir()) / f".opsportal-{os.geteuid()}-ports-{base}"
    try:
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600), "r+")
    except OSError:
        return True  # it cannot be told, and is seldom so
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        told, now = file.read(), time.time()
        if told.replace(".", "", 1).isdecimal() and 0 <= now - float(told) < CLAIMED_S:
            return False
        file.seek(0)
        file.truncate()
        file.write(f"{now:.3f}")
    return True


def port_is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(path: Path) -> bool:
    """Whether somebody listens on this unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


def answers_tcp(port: int) -> bool:
    """Whether somebody listens on this local port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
