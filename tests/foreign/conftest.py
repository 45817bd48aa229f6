"""One running guest book and one whole portal for all breakages, so that what is normal is learnt once."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign.place import Guestbook
from tests.foreign.watching import Care, Outcome, in_care, table


@pytest.fixture(scope="session")
def care() -> Iterator[Care]:
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx on the PATH")
    if importlib.util.find_spec("gunicorn") is None:
        pytest.skip("gunicorn is not installed: ./ops test installs it")
    with tempfile.TemporaryDirectory(prefix="guestbook-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the portal's Postgres is another user
        place = Guestbook(folder / "site")
        try:
            with in_care(folder, place) as running:
                yield running
        finally:
            place.close()


@pytest.fixture(scope="session")
def outcomes() -> Iterator[list[Outcome]]:
    """What came of each; the table is printed at the end (seen with -s)."""
    found: list[Outcome] = []
    yield found
    if found:
        print("", table(found), sep="\n")
