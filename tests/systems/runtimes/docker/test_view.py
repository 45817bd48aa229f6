"""What the engine's answers mean."""

from __future__ import annotations

import pytest

from systems.runtimes.docker.view import Past, epoch, exit_code, tag_of, with_tag


@pytest.mark.parametrize(
    ("image", "tag", "next_image"),
    [
        ("shop-web:1.0", "1.0", "shop-web:2"),
        ("shop-web", None, "shop-web:2"),
        ("shop-web:latest", None, "shop-web:2"),
        ("reg.example:5000/shop/web", None, "reg.example:5000/shop/web:2"),
        ("reg.example:5000/shop/web:1.0", "1.0", "reg.example:5000/shop/web:2"),
        ("shop-web@sha256:0123", None, "shop-web:2"),
    ],
)
def test_names_of_images(image: str, tag: str | None, next_image: str) -> None:
    assert tag_of(image) == tag
    assert with_tag(image, "2") == next_image


def test_history_of_a_unit() -> None:
    past = Past()

    def tell(action: str, **more: str) -> None:
        past.note({"Action": action, "Actor": {"Attributes": more}})

    for _ in range(2):  # two crashes, the engine restarts
        tell("start")
        tell("die", exitCode="137")
    assert (past.restarts, past.exit_code, past.wanted) == (1, -9, False)
    tell("start")
    tell("kill", signal="15")
    tell("die", exitCode="143")
    tell("stop")
    assert (past.restarts, past.exit_code, past.wanted) == (2, -15, True)
    tell("start")  # wanted: no restart after a crash
    tell("die", exitCode="137")
    tell("update")
    tell("start")  # tended: wanted too
    tell("update")
    tell("oom")
    assert (past.restarts, past.oom_kills) == (2, 1)


def test_codes_and_times() -> None:
    assert [exit_code(c) for c in (0, 1, 127, 128, 137, 143, 255)] == [0, 1, 127, 128, -9, -15, 255]
    assert epoch("0001-01-01T00:00:00Z") is None
    assert epoch("2026-01-02T03:04:05.123456789Z") == pytest.approx(1767323045.123456789)
