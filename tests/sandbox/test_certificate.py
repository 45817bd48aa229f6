"""The certificate of the front door: made, read anew without a restart, reissued and put back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import yaml

from sandbox.build import authority
from sandbox.build.layout import Layout
from sandbox.shop.gateway.tls import Certificate
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.http import Request, Response, json_response, serve
from sandbox.shop.ops import certificate as tool
from tests.sandbox.test_parts import free_address

pytestmark = pytest.mark.skipif(not tool.usable(), reason="the openssl command is not installed")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("tls"), 24_000)
    authority.provide(made)
    return made


def config(layout: Layout) -> Config:
    path = layout.root / "gateway.yaml"
    tls = {"folder": str(layout.at(authority.FOLDER)), "hosts": authority.hosts(layout)}
    path.write_text(yaml.safe_dump({"tls": tls}))
    made = Config(path)
    made.load()
    return made


def test_it_is_made_once_and_again_when_it_ends_soon(layout: Layout) -> None:
    folder = layout.at(authority.FOLDER)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    authority.provide(layout)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    for key in ("ca.key", "server.key"):
        assert (folder / key).stat().st_mode & 0o077 == 0
    short = tool.issue(folder, authority.hosts(layout), timedelta(days=1))
    tool.put(folder / tool.SERVER, short)
    authority.provide(layout, keep=True)
    assert (folder / tool.SERVER).read_text() == short
    authority.provide(layout)
    assert (folder / tool.SERVER).read_text() not in (short, before[tool.SERVER])


def test_a_new_one_is_tried_at_a_port_of_its_own_and_kept_by_nobody(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = layout.at(authority.FOLDER)
    monkeypatch.setenv("CONFIG_FILE", str(config(layout).path))
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert tool.main("try") == 0
    assert capsys.readouterr().out == "in force\n"
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert "IP address mismatch" in tool.tried(folder, ["10.9.8.7"])


async def test_the_door_shows_a_new_one_when_it_reads_its_configuration(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(request: Request) -> Response:
        return json_response({})

    folder, (_, port) = layout.at(authority.FOLDER), free_address()
    settings = config(layout)
    monkeypatch.setenv("CONFIG_FILE", str(settings.path))
    door = Certificate(settings)
    door.apply()
    await serve(page, port, door.context)

    async def shown() -> str:
        return await asyncio.to_thread(tool.shown, folder, port)

    assert await shown() == "in force"
    tool.put(folder / tool.SERVER, tool.issue(folder, authority.hosts(layout), timedelta(seconds=-60)))
    door.apply()
    assert await shown() == "certificate has expired"
    assert await asyncio.to_thread(tool.main, "reissue") == 0
    assert await shown() == "certificate has expired", "nobody has read it"
    door.apply()
    assert await shown() == "in force"
    assert await asyncio.to_thread(tool.main, "back") == 0
    door.apply()
    assert await shown() == "certificate has expired"
    (folder / tool.SERVER).write_text("half a")
    door.apply()
    assert await shown() == "certificate has expired", "what cannot be read changes nothing"
