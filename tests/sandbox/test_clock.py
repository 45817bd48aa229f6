"""A machine's own clock: what is signed, read and stamped by it."""

from __future__ import annotations

import json
import logging
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import jwt
import pytest

from sandbox.shop.api import auth
from sandbox.shop.kit import clock, logs
from sandbox.shop.ops import clock as tool


@pytest.fixture
def off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a clock, looked at each time."""
    path = tmp_path / "clock/api-2"
    monkeypatch.setattr(clock, "_path", str(path))
    monkeypatch.setattr(clock, "READ_EVERY_S", 0.0)
    monkeypatch.setattr(clock, "_known", (0.0, 0.0))
    monkeypatch.setenv("CLOCK_FILE", str(path))
    return path


def test_where_nothing_is_said_it_is_the_machines(off: Path) -> None:
    assert clock.offset() == 0
    off.parent.mkdir()
    off.write_text("soon\n")
    assert abs(clock.now() - time.time()) < 1


def test_it_can_be_seen_set_right_and_set_off_again(off: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool.put(off, 900)
    assert tool.main(["tracking"]) == 0 and json.loads(capsys.readouterr().out) == {"offset_s": 900}
    assert tool.main(["makestep"]) == 0 and clock.offset() == 0
    assert tool.main(["step", "900.0"]) == 0 and clock.offset() == 900
    assert tool.main(["step"]) == 2


def test_what_is_stamped_is_by_it(off: Path) -> None:
    tool.put(off, 900)
    record = logging.LogRecord("shop", logging.INFO, "", 0, "said", (), None)
    stamp = json.loads(logs.JsonFormatter().format(record))["ts"]
    ahead = [parsedate_to_datetime(clock.date()).timestamp() - time.time()]
    ahead.append(time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time())
    assert all(895 < seconds < 905 for seconds in ahead)


def test_a_token_of_a_clock_that_is_ahead_is_refused_elsewhere(off: Path) -> None:
    def issued() -> str:
        return "Bearer " + auth.issue("s" * 32, "user1", "api-2", 600)

    right = issued()
    tool.put(off, 900)
    early = issued()
    assert auth.read("s" * 32, early)["sub"] == "user1"
    with pytest.raises(jwt.ExpiredSignatureError):
        auth.read("s" * 32, right)
    tool.put(off, 0)
    assert auth.read("s" * 32, right)["iss"] == "api-2"
    with pytest.raises(jwt.ImmatureSignatureError, match="api-2 is not yet valid"):
        auth.read("s" * 32, early)
    with pytest.raises(jwt.InvalidSignatureError):
        auth.read("t" * 32, right)
