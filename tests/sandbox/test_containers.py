"""The shop made for containers: its files, its entry point, and the line between two switches."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from sandbox.build.prepare import load, prepare_containers
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.start import variables
from sandbox.shop.net.edge import Edge
from sandbox.shop.net.far import Far
from sandbox.shop.net.line import Line
from systems.manifest import load_manifest
from tests.sandbox.conftest import free_base
from tests.sandbox.test_parts import echo, free_address, talk

ROOT = Path(__file__).parents[2]
__all__ = ["echo"]  # a fixture


def compose() -> dict[str, dict]:
    found: dict[str, dict] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_operators_on_the_network_use_names_that_only_the_shop_has(tmp_path: Path) -> None:
    prepare_containers(tmp_path, "one")
    manifest = load_manifest(tmp_path / "manifest.yaml")
    assert manifest.runtime.options() == {"project": "one", "prefix": "shop-"}
    hosts = {str(s.tcp).split(":")[0] for s in manifest.services.values() if s.tcp}
    assert hosts <= set(compose())
    assert "127.0.0.1" not in (tmp_path / "manifest.yaml").read_text()
    assert not any(service.logs for service in manifest.services.values())


def test_operators_outside_use_what_is_published(tmp_path: Path) -> None:
    base = free_base()
    prepare_containers(tmp_path, "one", base)
    manifest = load_manifest(tmp_path / "manifest.yaml")
    published = yaml.safe_load((tmp_path / "published.yaml").read_text())["services"]
    assert set(published) <= set(compose())
    open_here = {port.rpartition(":")[0] for service in published.values() for port in service["ports"]}
    watched = {s.tcp for s in manifest.services.values() if s.tcp}
    watched |= {link.address for link in manifest.links}
    assert watched <= open_here


def test_prepared_again_it_keeps_secrets_and_ports(tmp_path: Path) -> None:
    prepare_containers(tmp_path, "one", free_base())
    before = json.loads((tmp_path / "site.json").read_text())
    prepare_containers(tmp_path, "one")
    assert json.loads((tmp_path / "site.json").read_text()) == before
    found = load(tmp_path)
    assert found is not None
    assert found.layout.seen("gateway") == before["addresses"]["gateway"]


def test_prepared_again_it_mends_nothing_and_undoes_no_repair(tmp_path: Path) -> None:
    """`docker compose up --scale worker=3` prepares again, whatever is going on."""
    prepare_containers(tmp_path, "one")
    broken, rotated, lost = (tmp_path / "etc" / name for name in ("api-1.yaml", "api-1.env", "gateway.yaml"))
    broken.write_text("half a li")
    rotated.write_text("DATABASE_URL=another\n")
    lost.unlink()
    prepare_containers(tmp_path, "one")
    assert (broken.read_text(), rotated.read_text()) == ("half a li", "DATABASE_URL=another\n")
    assert not lost.exists()
    golden = tmp_path / "golden/etc/worker.yaml"
    golden.write_text("of an older version")
    (tmp_path / "etc/worker.yaml").write_text("of an older version, edited")
    prepare_containers(tmp_path, "one")
    assert (tmp_path / "etc/worker.yaml").read_text() == golden.read_text() != "of an older version"


def test_the_entry_point_reads_variables() -> None:
    text = "# kept by hand\nURL=postgresql://a:b@c/d?x=1&y=2\n\nEMPTY=\nnonsense\n"
    assert variables(text) == {"URL": "postgresql://a:b@c/d?x=1&y=2", "EMPTY": ""}


async def test_a_line_carries_bytes_and_a_cut_one_is_silence_until_failover(
    tmp_path: Path, echo: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far, pings, page = (free_address() for _ in range(4))
    text = yaml.safe_dump(
        {
            "echo": f"127.0.0.1:{pings[1]}",
            "edges": {"t": {"address": f"127.0.0.1:{far[1]}", "target": f"127.0.0.1:{echo[1]}"}},
        }
    )
    (tmp_path / "far.yaml").write_text(text)
    config = Config(tmp_path / "far.yaml")
    config.load()
    monkeypatch.setenv("PORT", str(page[1]))
    other = Far(config)
    await other.start()
    edge = Edge("t", near, echo, Line("t", "127.0.0.1", far[1], pings[1]))
    await edge.start()
    await edge.wire.start()
    accepting = asyncio.create_task(edge.accept_forever())
    try:
        assert await talk(near) == b"hello"
        await edge.heartbeat()
        assert (edge.rtt is not None, edge.ok) == (True, True)
        edge.wire.close()
        edge.wire = Line("t", "127.0.0.1", free_address()[1], free_address()[1])  # nobody is there any more
        await edge.wire.start()
        for _ in range(2):
            await edge.heartbeat()
        assert edge.ok is False
        await edge.failover()
        assert await talk(near) == b"hello"
    finally:
        accepting.cancel()
        edge.wire.close()
        for task in list(other.tasks):
            task.cancel()
