"""The plots' script is the small one of the very release that the plotly package brings in full."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from plotly.offline import get_plotlyjs_version

SCRIPT = Path(settings.BASE_DIR) / "static" / "plotly" / "plotly-basic.min.js"


def test_the_small_script_is_of_the_release_that_is_a_dependency() -> None:
    assert f"v{get_plotlyjs_version()}" in SCRIPT.read_text()[:300]


def test_it_is_small() -> None:
    assert SCRIPT.stat().st_size < 1_200_000
