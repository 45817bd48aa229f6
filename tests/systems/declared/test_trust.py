"""Declared calls believe the manifest's own authority."""

from __future__ import annotations

from pathlib import Path

import pytest

from systems.declared import calls
from systems.manifest.declared import Ask
from tests.systems.certs import Authority, shown
from tests.systems.helpers import make_system


def test_a_declared_call_believes_the_manifests_authority_and_no_stranger(tmp_path: Path) -> None:
    root = Authority.root(tmp_path / "root")
    made = root.issue("shop", "DNS:localhost")
    services = {"web": {"kind": "http"}}
    with shown(made.pem, made.key) as (port, _):
        ask = Ask.model_validate({"http": f"https://localhost:{port}/"})
        system = make_system(tmp_path, services, ca=str(root.certificate.pem))
        assert calls.look(system, system.service("web"), ask) == {}
        for more, words in (
            ({}, "certificate verify failed"),
            ({"ca": "gone.pem"}, "gone.pem cannot be used"),
        ):
            stranger = make_system(tmp_path, services, **more)
            with pytest.raises(calls.CallFailed, match=words):
                calls.look(stranger, stranger.service("web"), ask)
