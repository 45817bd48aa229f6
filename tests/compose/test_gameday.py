"""`./ops gameday --runtime docker`: with a portal of its own, found, named and repaired as with processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsportal.local.attach import ROOT
from opsportal.local.sandboxes import ContainerSandbox
from tests.compose.engine import why_no_compose
from tests.compose.portal import images
from tests.opsportal.conftest import clean_env

pytestmark = pytest.mark.slow

FAULTS = ["net_outage", "partial_outage"]  # a container off its network, and a hung one
PATIENCE_S = 600


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the account `nobody` may walk to."""
    with tempfile.TemporaryDirectory(prefix="opsportal-gameday-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_faults_in_containers_are_named_and_repaired(folder: Path):
    if why := why_no_compose():
        pytest.skip(why)
    env, table = clean_env() | images(), folder / "table.json"
    argv = [sys.executable, "manage.py", "gameday", "--runtime", "docker", "--data", folder / "data"]
    argv += ["--faults", ",".join(FAULTS), "--json", table]
    try:
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        ContainerSandbox(folder / "data", folder).stop(volumes=True)
    runs = json.loads(table.read_text())["runs"]
    assert sorted(run["fault"] for run in runs if run["fixed"]) == FAULTS, json.dumps(runs, indent=1)
    assert all(run["component_ok"] and run["cause_ok"] for run in runs), json.dumps(runs, indent=1)
