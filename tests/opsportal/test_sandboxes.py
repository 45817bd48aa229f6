"""What the sandbox in containers says when the engine refuses, with a `docker` command that plays one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from opsportal.local.errors import LocalError
from opsportal.local.sandboxes import ContainerSandbox

POOLS = "could not find an available, non-overlapping IPv4 address pool among the defaults"


def say(message: str) -> None:
    """Nobody listens."""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `docker` that does nothing, first on the path; give the program its lines with `play`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def play(folder: Path, *lines: str) -> None:
    program = folder / "docker"
    program.write_text("\n".join(["#!/bin/sh", *lines, "exit 0", ""]))
    program.chmod(0o755)


@pytest.fixture
def shop(tmp_path: Path) -> ContainerSandbox:
    (tmp_path / "logs").mkdir()
    return ContainerSandbox(tmp_path, tmp_path / "logs")


def test_no_engine_answers(engine: Path, shop: ContainerSandbox):
    play(engine, 'if [ "$1" = info ]; then echo "Cannot connect to the Docker daemon" >&2; exit 1; fi')
    with pytest.raises(LocalError, match=r"no Docker engine answers \(Cannot connect.*--runtime process"):
        shop.begin()


def test_no_compose_plugin(engine: Path, shop: ContainerSandbox):
    play(engine, 'if [ "$1" = compose ]; then echo "unknown command" >&2; exit 1; fi')
    with pytest.raises(LocalError, match=r"docker has no compose plugin.*install"):
        shop.begin()


def test_a_compose_plugin_too_old_for_the_file(engine: Path, shop: ContainerSandbox):
    play(engine, 'if [ "$1 $3" = "compose --short" ]; then echo v2.17.3; fi')
    with pytest.raises(LocalError, match=r"compose plugin is v2\.17\.3, 2\.24 is needed"):
        shop.begin()


@pytest.mark.parametrize(("rootless", "user"), [(True, "0:0"), (False, f"{os.getuid()}:{os.getgid()}")])
def test_the_files_are_read_by_whoever_wrote_them(
    engine: Path, shop: ContainerSandbox, tmp_path: Path, rootless: bool, user: str
):
    """An engine without root takes the one who started it for its root."""
    options = "[name=seccomp,profile=builtin name=rootless]" if rootless else "[name=seccomp,profile=builtin]"
    play(
        engine,
        f'if [ "$1" = info ]; then echo "{options}"; fi',
        f'case " $* " in *" up "*) echo "$SHOP_USER" > {tmp_path}/user;; esac',
    )
    shop.begin()
    shop.start(lambda *_, **__: None, say)
    assert (tmp_path / "user").read_text().strip() == user


def test_no_addresses_left_for_its_networks(engine: Path, shop: ContainerSandbox):
    play(engine, f'case " $* " in *" up "*) echo "failed to create network: {POOLS}" >&2; exit 1;; esac')
    shop.begin()
    with pytest.raises(LocalError, match=r"address pool.*docker network prune.*default-address-pools"):
        shop.start(lambda *_, **__: None, say)


def test_a_port_that_the_engine_does_not_give_is_left_to_others(
    engine: Path, shop: ContainerSandbox, tmp_path: Path
):
    """It may be free here and yet on the engine's own list."""
    taken = "Bind for 127.0.0.1:18201 failed: port is already allocated"
    play(
        engine,
        f'case " $* " in *" up "*) echo "$SHOP_PORT" >> {tmp_path}/ports;',
        f'if [ $(wc -l < {tmp_path}/ports) = 1 ]; then echo "{taken}" >&2; exit 1; fi;; esac',
    )
    shop.begin()
    said: list[str] = []
    shop.start(lambda *_, **__: None, said.append)
    first, second = (int(line) for line in (tmp_path / "ports").read_text().split())
    assert second >= first + 200
    assert any(taken in line for line in said)
    ports = yaml.safe_load((shop.folder / "published.yaml").read_text())["services"]["shop-gateway"]["ports"]
    assert str(second) in str(ports)


def test_no_port_is_given_at_all(engine: Path, shop: ContainerSandbox):
    play(engine, 'case " $* " in *" up "*) echo "port is already allocated" >&2; exit 1;; esac')
    shop.begin()
    with pytest.raises(LocalError, match=r"could not be started: port is already allocated \(log: "):
        shop.start(lambda *_, **__: None, say)


def test_another_refusal_is_told_as_it_is(engine: Path, shop: ContainerSandbox):
    play(engine, 'case " $* " in *" up "*) echo "no space left on device" >&2; exit 1;; esac')
    shop.begin()
    with pytest.raises(LocalError, match=r"could not be started: no space left on device \(log: "):
        shop.start(lambda *_, **__: None, say)
