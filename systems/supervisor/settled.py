"""How each service is run, as plain texts: what is loaded, and what the file says now where that is something else."""

import signal
from pathlib import Path
from typing import Any

from .config import Config, ConfigError, ServiceSpec, load

Texts = dict[str, str]


def texts(spec: ServiceSpec) -> Texts:
    """What of it is set, by name. Values of its environment may hold secrets: the socket is its owner's alone."""
    found: dict[str, Any] = {
        "command": " ".join(spec.command),
        "directory": spec.cwd,
        "environment file": spec.env_file,
        "log": spec.log,
        "user": spec.user,
        "stop signal": signal.Signals(spec.stop_signal).name,
        "patience at stop": f"{spec.grace_s:g} s",
        "memory limit at its start": None if spec.memory_limit_mb is None else f"{spec.memory_limit_mb:g} MB",
        "starts by itself": "yes" if spec.autostart else "no",
        "restart policy": f"{spec.start_retries} in {spec.retry_window_s:g} s"
        if spec.autorestart
        else "never",
        "starts after": ", ".join(spec.after) or None,
        "releases": spec.release,
    } | {f"environment: {name}": value for name, value in spec.env.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


class Specs:
    """Reads the file again when it has changed; one that cannot be used says nothing of what is to come."""

    def __init__(self, config: Config) -> None:
        self._loaded = {name: texts(spec) for name, spec in config.services.items()}
        self._file = config.file
        self._stamp = _stamp(config.file)
        self._written = self._loaded

    def answer(self) -> dict[str, Any]:
        if (stamp := _stamp(self._file)) != self._stamp:
            self._stamp = stamp
            try:
                self._written = {name: texts(spec) for name, spec in load(self._file).services.items()}
            except ConfigError:
                self._written = self._loaded
        return {"specs": self._loaded, "written": self._written}


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
