"""The key of the quote provider: an expired one is replaced everywhere, a revoked one never."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.build.layout import Layout
from sandbox.build.manifest import manifest
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.start import variables
from sandbox.shop.ops import provider_key
from sandbox.shop.world.__main__ import Provider
from tests.sandbox.answering import answering


class Place:
    """A provider that answers, and the files of a shop that uses it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "world/etc").mkdir(parents=True)
        self.settings = root / "world/etc/upstream.yaml"
        self.config = Config(self.settings)
        self.set_end(None)
        for path in provider_key.files():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("DATABASE_URL=x\nUPSTREAM_API_KEY=old\nJWT_SECRET=y\n")
            path.chmod(0o600)

    def set_end(self, ends: float | str | None) -> None:
        data = {"latency_ms": 0, "keys": {"old": ends}, "accounts": {"corner": "hush"}}
        self.settings.write_text(yaml.safe_dump(data))
        self.config.load()

    def keys(self) -> set[str]:
        return {variables(path.read_text())["UPSTREAM_API_KEY"] for path in provider_key.files()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("REPLICA", "upstream")
    monkeypatch.setenv("STATE_FILE", str(tmp_path / "state.json"))
    for name, value in (
        ("SITE_DIR", str(tmp_path)),
        ("PROVIDER_ACCOUNT", "corner"),
        ("PROVIDER_SECRET", "hush"),
    ):
        monkeypatch.setenv(name, value)
    made = Place(tmp_path)
    with answering(Provider(made.config).handle) as url:
        monkeypatch.setenv("PROVIDER_URL", url)
        yield made


def said(capsys: Any) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_key_in_force_is_left_alone(place: Place, capsys: Any) -> None:
    assert provider_key.main(["show"]) == 0
    assert said(capsys) == {"state": "valid"}
    assert provider_key.main(["rotate"]) == 1
    assert place.keys() == {"old"}


def test_an_expired_key_is_replaced_in_every_file_and_nothing_else_is(place: Place, capsys: Any) -> None:
    place.set_end(time.time() - 60)
    assert provider_key.main(["show"]) == 0
    assert said(capsys) == {"state": "expired"}
    assert provider_key.main(["rotate"]) == 0
    assert said(capsys) == {"state": "valid"}
    (key,) = place.keys()
    assert key != "old"
    for path in provider_key.files():
        assert path.read_text() == f"DATABASE_URL=x\nUPSTREAM_API_KEY={key}\nJWT_SECRET=y\n"
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ends", ["revoked", "gone"])
def test_a_revoked_key_is_not_replaced(place: Place, capsys: Any, ends: str) -> None:
    place.set_end(ends) if ends == "revoked" else place.config.data.update(keys={})
    assert provider_key.main(["show"]) == 0
    assert said(capsys) == {"state": "revoked"}
    assert provider_key.main(["rotate"]) == 1
    assert "only an expired one" in capsys.readouterr().err
    assert place.keys() == {"old"}


def test_who_does_not_know_the_accounts_secret_gets_none(
    place: Place, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.set_end(time.time() - 60)
    monkeypatch.setenv("PROVIDER_SECRET", "guess")
    assert provider_key.main(["rotate"]) == 1
    assert "gives no other key" in capsys.readouterr().err
    assert place.keys() == {"old"}


def test_silence_is_no_answer(place: Place, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_URL", "http://127.0.0.1:1")
    assert provider_key.main(["show"]) == 1
    assert capsys.readouterr().out == ""


def test_what_is_done_about_the_key_stands_beside_what_is_done_about_payments(tmp_path: Path) -> None:
    told = manifest(Layout(tmp_path, 20_000))["services"]["upstream"]
    assert [a["name"] for a in told["actions"]] == [
        "rotate-api-key", "reregister-webhook", "redeliver-failed"
    ]  # fmt: skip
    assert {"key", "webhooks-waiting"} <= {r["name"] for r in told["readings"]}
