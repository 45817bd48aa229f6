"""Harmless changes to files: configuration, environment, permissions, and which release a link points to."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

from chaos.decoys.base import Decoy
from chaos.site import Site

COMMENT = "# reviewed, nothing to change\n"


class ConfigValue(Decoy):
    """A value that may be this or that: how much is logged, how long something is kept."""

    id = "config_value"
    title = "A configuration value that may be this or that"
    kind = "config"
    places: ClassVar[tuple[tuple[Any, ...], ...]] = (
        ("api-1", "log.level", "DEBUG"),
        ("api-2", "session.ttl_s", 2400),
        ("api-1", "auth.token_ttl_s", 4200),
        ("worker", "log.level", "DEBUG"),
        ("frontend", "page_size", 25),
        ("gateway", "rate_limit.burst", 66),
    )

    def look(self, site: Site, place: list[Any]) -> Any:
        return site.config_value(place[0], place[1])

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        self._put(site, place, place[2])

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        if site.config_value(place[0], place[1]) == place[2]:
            self._put(site, place, was)

    def _put(self, site: Site, place: list[Any], value: Any) -> None:
        site.edit_config(place[0], place[1], value)
        site.hands.reload(place[0])


class ConfigKey(ConfigValue):
    """A key that nothing reads: prepared for a later release, or left by an earlier one."""

    id = "config_key"
    title = "A configuration key that nothing reads yet"
    places = (
        ("frontend", "animation_delay", 200),
        ("api-2", "experiments", {"banner": "b"}),
        ("gateway", "maintenance_text", "back soon"),
        ("batch", "owner", "merchandising"),
    )

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        site.drop_config(place[0], place[1])
        site.hands.reload(place[0])


class ConfigComment(Decoy):
    id = "config_comment"
    title = "A comment in a configuration file"
    kind = "config"
    places = (("gateway", "gateway.yaml"), ("worker", "worker.yaml"), ("api-1", "api-1.yaml"))

    def look(self, site: Site, place: list[Any]) -> Any:
        return COMMENT in site.config_path(place[0]).read_text(errors="replace")

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        path = site.config_path(place[0])
        site.write_atomic(path, path.read_text(errors="replace") + COMMENT)
        site.hands.reload(place[0])

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        path = site.config_path(place[0])
        site.write_atomic(path, path.read_text(errors="replace").replace(COMMENT, ""))
        site.hands.reload(place[0])


class EnvVariable(Decoy):
    """It is read at the next start, and then by nobody."""

    id = "env_variable"
    title = "A variable in an environment file that nothing reads"
    kind = "env"
    places = (("worker", "TEAM", "fulfilment"), ("api-1", "REGION", "eu-1"), ("batch", "LANG", "C.UTF-8"))

    def look(self, site: Site, place: list[Any]) -> Any:
        return _line(place) in _env(site, place).read_text()

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        path = _env(site, place)
        site.write_atomic(path, path.read_text() + _line(place))

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        path = _env(site, place)
        site.write_atomic(path, path.read_text().replace(_line(place), ""))


class FileMode(Decoy):
    """Nobody who reads it loses anything: its owner and group keep what they have."""

    id = "file_mode"
    title = "Other permissions on a file that is read as before"
    kind = "file"
    places = (("frontend", "frontend.yaml"), ("worker", "worker.yaml"), ("loadgen", "loadgen.yaml"))

    def look(self, site: Site, place: list[Any]) -> Any:
        return site.config_path(place[0]).stat().st_mode & 0o777

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        site.config_path(place[0]).chmod(
            was ^ 0o001
        )  # what others may execute, on a file that is none to execute

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        site.config_path(place[0]).chmod(was)


class SameRelease(Decoy):
    """`current` points to a release of another name that is the same to the last byte; nobody is restarted for it."""

    id = "same_release"
    title = "The same release under another name"
    kind = "release"
    places = (("frontend", "frontend"), ("api-1", "api"))
    drivers = ("process",)

    def look(self, site: Site, place: list[Any]) -> Any:
        return str(site.path(f"releases/{place[1]}/current").readlink())

    def change(self, site: Site, place: list[Any], was: Any) -> None:
        folder = site.path(f"releases/{place[1]}")
        shutil.copytree(folder / was, folder / f"{was}-r2", dirs_exist_ok=True)
        _point(site, place, f"{was}-r2")

    def restore(self, site: Site, place: list[Any], was: Any) -> None:
        folder = site.path(f"releases/{place[1]}")
        if self.look(site, place) == f"{was}-r2":
            _point(site, place, was)
        shutil.rmtree(folder / f"{was}-r2", ignore_errors=True)


def _point(site: Site, place: list[Any], version: str) -> None:
    link = site.path(f"releases/{place[1]}/current")
    fresh = link.with_name(".current-next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(version)
    fresh.replace(link)


def _env(site: Site, place: list[Any]) -> Any:
    return site.path(f"etc/{place[0]}.env")


def _line(place: list[Any]) -> str:
    return f"{place[1]}={place[2]}\n"
