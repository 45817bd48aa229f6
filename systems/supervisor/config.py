"""processes.yaml -> typed specs. Every mistake is reported as `file: services.NAME.key: what to mend`."""

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systems import yamlsafe
from systems.envfile import EnvFileError, read_env_file

from .linux import parse_signal

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "VIRTUAL_ENV")


class ConfigError(Exception):
    """The file cannot be used; the text says where and what to mend."""


class StartError(Exception):
    """A service cannot be started (bad env file, missing folder, unknown user...)."""


@dataclass(slots=True)
class Ready:
    tcp: tuple[str, int] | None = None
    http: str | None = None


@dataclass(slots=True)
class ServiceSpec:
    name: str
    command: list[str]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    env_file: Path | None = None
    log: Path | None = None
    user: str | None = None
    stop_signal: int = 15
    grace_s: float = 5.0
    memory_limit_mb: float | None = None
    autostart: bool = True
    autorestart: bool = True
    start_retries: int = 3
    retry_window_s: float = 15.0
    after: list[str] = field(default_factory=list)
    ready: Ready | None = None
    warm: list[str] = field(default_factory=list)
    release: Path | None = None


@dataclass(slots=True)
class Config:
    file: Path
    directory: Path
    socket: Path
    log: Path
    services: dict[str, ServiceSpec]


def _strings(where: str, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        raise ConfigError(f"{where}: must be a list of words")
    return [str(v) for v in value]


def _number(where: str, value: Any, low: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < low:
        raise ConfigError(f"{where}: must be a number of at least {low:g}, not {value!r}")
    return float(value)


def _ready(where: str, value: Any) -> Ready | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - {"tcp", "http"} or len(value) != 1:
        raise ConfigError(f"{where}: must be {{tcp: PORT}} or {{http: URL}}")
    if "http" in value:
        if not str(value["http"]).startswith("http://"):
            raise ConfigError(f"{where}.http: must begin with http://")
        return Ready(http=str(value["http"]))
    host, _, port = str(value["tcp"]).rpartition(":")
    if not port.isdigit():
        raise ConfigError(f"{where}.tcp: must be PORT or HOST:PORT, not {value['tcp']!r}")
    return Ready(tcp=(host or "127.0.0.1", int(port)))


def _path(base: Path, value: Any) -> Path | None:
    # not resolved: `current` links must be followed at each start, not once
    return None if value is None else Path(os.path.normpath(base / str(value)))


def _service(file: Path, base: Path, name: str, raw: Any) -> ServiceSpec:
    where = f"{file}: services.{name}"
    if not NAME.match(name):
        raise ConfigError(f"{where}: a name has letters, digits, dot, dash and underscore only")
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: must be a mapping with a command")
    unknown = set(raw) - set(ServiceSpec.__dataclass_fields__) | ({"name"} & set(raw))
    if unknown:
        raise ConfigError(f"{where}.{sorted(map(str, unknown))[0]}: no such key")
    command = [
        w.replace("{python}", sys.executable) for w in _strings(f"{where}.command", raw.get("command"))
    ]
    if not command:
        raise ConfigError(f"{where}.command: missing; give a list of words")
    env = raw.get("env") or {}
    if not isinstance(env, dict):
        raise ConfigError(f"{where}.env: must be a mapping of names to values")
    try:
        stop_signal = int(parse_signal(raw.get("stop_signal", "TERM")))
    except ValueError as exc:
        raise ConfigError(f"{where}.stop_signal: {exc}") from None
    limit = raw.get("memory_limit_mb")
    return ServiceSpec(
        name=name,
        command=command,
        cwd=_path(base, raw.get("cwd")) or base,
        env={str(k): str(v) for k, v in env.items()},
        env_file=_path(base, raw.get("env_file")),
        log=_path(base, raw.get("log")),
        user=None if raw.get("user") is None else str(raw["user"]),
        stop_signal=stop_signal,
        grace_s=_number(f"{where}.grace_s", raw.get("grace_s", 5), 0),
        memory_limit_mb=None if limit is None else _number(f"{where}.memory_limit_mb", limit, 1),
        autostart=bool(raw.get("autostart", True)),
        autorestart=bool(raw.get("autorestart", True)),
        start_retries=int(_number(f"{where}.start_retries", raw.get("start_retries", 3), 1)),
        retry_window_s=_number(f"{where}.retry_window_s", raw.get("retry_window_s", 15), 1),
        after=_strings(f"{where}.after", raw.get("after")),
        ready=_ready(f"{where}.ready", raw.get("ready")),
        warm=_strings(f"{where}.warm", raw.get("warm")),
        release=_path(base, raw.get("release")),
    )


def _check_order(file: Path, services: dict[str, ServiceSpec]) -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ConfigError(
                f"{file}: services.{name}.after: goes round in a circle: {' -> '.join((*trail, name))}"
            )
        if name in done:
            return
        for dep in services[name].after:
            if dep not in services:
                raise ConfigError(f"{file}: services.{name}.after: there is no service {dep!r}")
            visit(dep, (*trail, name))
        done.add(name)

    for name in services:
        visit(name, ())


def load(path: Path) -> Config:
    """Read and check the file. Raises ConfigError with the place and the mend."""
    file = path.resolve()
    try:
        raw = yamlsafe.load(file.read_text(encoding="utf-8"), aliases=True)
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from None
    except (yamlsafe.Refused, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}:{getattr(exc, 'line', 1)}: {exc}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("services"), dict):
        raise ConfigError(f"{file}: needs a mapping `services`")
    base = Path(os.path.normpath(file.parent / str(raw.get("directory", "."))))
    services = {str(n): _service(file, base, str(n), s) for n, s in raw["services"].items()}
    _check_order(file, services)
    socket = _path(base, raw.get("socket", "run/supervisor.sock"))
    log = _path(base, raw.get("log", "log/supervisor.log"))
    assert socket is not None
    assert log is not None
    return Config(file=file, directory=base, socket=socket, log=log, services=services)


def read_env(path: Path) -> dict[str, str]:
    """The env file's values; StartError (with the line number, never the line) when it cannot be used."""
    try:
        return read_env_file(path)
    except EnvFileError as exc:
        raise StartError(f"{path.parent}/{exc}") from None
    except FileNotFoundError:
        raise StartError(f"{path}: the environment file is missing") from None
    except OSError as exc:
        raise StartError(f"{path}: the environment file cannot be read: {exc.strerror}") from None


def environment(spec: ServiceSpec) -> dict[str, str]:
    """The whole environment of a service: a few inherited names, env, env_file; nothing else leaks in."""
    env = {k: os.environ[k] for k in INHERITED if k in os.environ}
    env |= {"PYTHONUNBUFFERED": "1", "SUPERVISOR_SERVICE": spec.name}
    env |= spec.env
    if spec.env_file is not None:
        env |= read_env(spec.env_file)
    return env
