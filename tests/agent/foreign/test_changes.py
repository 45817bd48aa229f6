"""The suspected change is named by the bundle's own id, and no change is blamed for what it cannot have done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.foreign.service import diagnose
from tests.agent.foreign import shop, writers
from tests.agent.foreign.writers import iso

SHA = "4be1f02a9c33d1e7760b5f0c6a1d2e3f40516273"
DECOY = "99aa88bb77cc66dd55ee44ff33aa22bb11cc00dd"


def _case(tmp_path: Path) -> shop.Shop:
    """The memory of one part grows since `inject`."""
    made = shop.make("memory", 4, seed=2, minutes=10)
    writers.wide(made, tmp_path)
    return made


def _commits(made: shop.Shop) -> list[tuple[str, float, str, str]]:
    part = made.culprit
    return [
        (DECOY, made.inject - 240, "Reword the imprint of the landing page", "frontend/pages/imprint.html"),
        (SHA, made.inject - 120, f"{part}: keep all sessions in an in-memory cache", f"src/{part}/cache.go"),
        ("77" * 20, made.inject + 200, f"{part}: raise the memory limit", f"deploy/{part}.yaml"),
    ]


def _git_log(made: shop.Shop, out: Path) -> None:
    text = ""
    for sha, at, message, path in reversed(_commits(made)):
        text += f"commit {sha}\nAuthor: A Person <a@example.org>\nDate:   {iso(at)}\n\n    {message}\n\n{path}\n\n"
    (out / "history.txt").write_text(text)


def _github(made: shop.Shop, out: Path) -> None:
    rows = [
        {
            "sha": sha,
            "commit": {"message": message, "author": {"name": "A", "date": iso(at)}},
            "files": [{"filename": path}],
        }
        for sha, at, message, path in _commits(made)
    ]
    (out / "commits.json").write_text(json.dumps(rows))


def _lines(made: shop.Shop, out: Path) -> None:
    rows = [
        {"commit": sha, "author": "a", "timestamp": int(at), "message": message, "files": [path]}
        for sha, at, message, path in _commits(made)
    ]
    (out / "git.ndjson").write_text("\n".join(map(json.dumps, rows)) + "\n")


@pytest.mark.parametrize("writer", [_git_log, _github, _lines], ids=lambda w: w.__name__.strip("_"))
def test_the_commit_on_the_part_before_the_trouble(writer: Any, tmp_path: Path) -> None:
    made = _case(tmp_path)
    writer(made, tmp_path)
    lead = diagnose(tmp_path).suspects[0]
    assert (lead.component, lead.cause) == (made.culprit, "memory_exhausted")
    assert lead.change is not None and (lead.change.id, lead.change.kind) == (SHA, "commit")


def test_a_deploy_and_a_flag_have_their_own_ids(tmp_path: Path) -> None:
    made = _case(tmp_path)
    deploys = {"deployments": [
        {"id": "dep-17", "service": made.names[1], "version": "v8", "deployed_at": iso(made.inject - 60)},
        {"id": "dep-16", "service": made.culprit, "version": "v3.1", "deployed_at": iso(made.inject - 45)},
    ]}  # fmt: skip
    (tmp_path / "ci.json").write_text(json.dumps(deploys))
    lead = diagnose(tmp_path).suspects[0]
    assert lead.change is not None and (lead.change.id, lead.change.kind) == ("dep-16", "deploy")
    (tmp_path / "ci.json").unlink()
    flag = "- key: {}\n  service: {}\n  old: false\n  new: true\n  changed_at: {}\n  id: {}\n"
    (tmp_path / "flags.yml").write_text(
        flag.format("preload-catalog", made.culprit, iso(made.inject - 30), "flag-4")
        + flag.format("dark-mode", made.names[0], iso(made.inject - 20), "flag-5")
    )
    lead = diagnose(tmp_path).suspects[0]
    assert lead.change is not None and (lead.change.id, lead.change.kind) == ("flag-4", "flag")
    assert lead.as_json()["change"] == {
        "id": "flag-4",
        "kind": "flag",
        "at": iso(made.inject - 30).replace("Z", "+00:00"),
    }


def test_no_change_is_blamed_that_came_later_or_elsewhere(tmp_path: Path) -> None:
    made = _case(tmp_path)
    rows = [
        {"sha": DECOY, "message": "Reword the imprint of the landing page", "date": iso(made.inject - 60),
        "files": ["web/imprint.html"]},
        {"sha": "77" * 20, "message": f"{made.culprit}: raise the memory limit", "date": iso(made.inject + 200)},
        {"sha": "55" * 20, "message": f"{made.culprit}: memory cache", "date": iso(made.inject - 9 * 86400)},
    ]  # fmt: skip
    (tmp_path / "commits.json").write_text(json.dumps(rows))
    found = diagnose(tmp_path)
    assert found.suspects[0].change is None
    assert found.as_json()["hypotheses"][0]["change"] is None
