"""A service's YAML file, read at start and again on SIGHUP. A file that cannot be parsed is fatal at start only."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

log = logging.getLogger("shop")
_MISSING = object()


class Config:
    """Values by dotted path: `config.get("cache.ttl_s", 300)`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {}
        self.listeners: list[Callable[[], None]] = []

    def load(self) -> None:
        """Read the file. Raises yaml.YAMLError (with file:line) or ValueError."""
        with self.path.open(encoding="utf-8") as file:
            data = yaml.safe_load(file)
        if not isinstance(data, dict):
            raise ValueError(f"{self.path}: expected a mapping at the top, found {type(data).__name__}")
        self.data = data

    def reload(self) -> None:
        """Read again; on a broken file keep the old values and say so."""
        try:
            self.load()
        except (OSError, yaml.YAMLError, ValueError):
            log.exception("config reload failed, keeping the previous configuration: %s", self.path)
            return
        for listener in self.listeners:
            listener()
        log.info("config reloaded: %s", self.path.name)

    def get(self, dotted: str, default: Any = None) -> Any:
        node: Any = self.data
        for part in dotted.split("."):
            if not isinstance(node, dict):
                return default
            node = node.get(part, _MISSING)
            if node is _MISSING:
                return default
        return node

    def number(self, dotted: str, default: float) -> float:
        value = self.get(dotted, default)
        return float(value) if value is not None else default


def main() -> None:
    """`python -m shop.kit.config NAME`: whether the file of that name beside this service's own can be read, by 0."""
    own = os.environ.get("CONFIG_FILE")
    if not own or len(sys.argv) != 2:
        sys.exit(os.EX_TEMPFAIL)
    try:
        Config(Path(own).with_name(sys.argv[1])).load()
    except FileNotFoundError:
        sys.exit(os.EX_TEMPFAIL)
    except (OSError, yaml.YAMLError, ValueError) as error:
        print(" ".join(str(error).split()))
        sys.exit(1)
    print("it can be read")


def load_or_exit(env_key: str = "CONFIG_FILE") -> Config:
    """The config named by the environment; exits with status 1 and a traceback in the log when unreadable."""
    path = os.environ.get(env_key)
    if not path:
        log.critical("settings error: %s Field required", env_key)
        sys.exit(1)
    config = Config(Path(path))
    try:
        config.load()
    except (OSError, yaml.YAMLError, ValueError) as error:
        kind = f"{type(error).__module__}.{type(error).__name__}"
        log.critical("cannot load configuration: %s: %s", kind, " ".join(str(error).split()), exc_info=True)
        sys.exit(1)
    return config


if __name__ == "__main__":
    main()
