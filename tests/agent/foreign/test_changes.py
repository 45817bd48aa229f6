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


def test_one_nearer_in_time_on_another_part_or_in_nothing_that_runs_is_not_blamed(tmp_path: Path) -> None:
    """The part was changed ten minutes before; nearer lie changes to others, to its documents, and to its words."""
    made = _case(tmp_path)
    other = next(n for n in made.names if n != made.culprit)
    rows = [
        (SHA, 600, f"{made.culprit}: release 4.12.0", [f"src/{made.culprit}/main.go"]),
        (DECOY, 20, f"{other}: release 2.0.1", [f"src/{other}/main.go"]),
        ("55" * 20, 30, f"{made.culprit}: describe how memory is used", [f"src/{made.culprit}/README.md"]),
        ("66" * 20, 15, f"{made.culprit}: fix typos", [f"src/{made.culprit}/main.go"]),
    ]
    (tmp_path / "commits.json").write_text(json.dumps([
        {"sha": sha, "message": said, "date": iso(made.inject - before), "files": files}
        for sha, before, said, files in rows
    ]))  # fmt: skip
    lead = diagnose(tmp_path).suspects[0]
    assert lead.component == made.culprit
    assert lead.change is not None and lead.change.id == SHA


def _says(tmp_path: Path, text: str) -> Path:
    """A part that says since 10:00 what is wrong with it, and has run well before."""
    rows = [{"timestamp": f"2026-05-02T09:{m}:00Z", "service": "basket", "status": "info", "message": "GET 200"}
            for m in range(20, 60)]  # fmt: skip
    rows += [{"timestamp": f"2026-05-02T10:0{m}:00Z", "service": "basket", "status": "error", "message": text}
             for m in range(9)]  # fmt: skip
    (tmp_path / "logs.json").write_text(json.dumps({"logs": rows}))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "blamed"),
    [
        ("rotate the signing key, drop the old issuer", True),  # two words of what is said
        ("sign invoices twice a day", False),
        ("rotate the logs each hour", False),
    ],
)
def test_a_change_of_no_known_part_is_of_the_one_whose_words_it_takes_up(
    said: str, blamed: bool, tmp_path: Path
) -> None:
    _says(tmp_path, "token rejected: unauthorized, signing key of issuer https://id.example.org unknown")
    deploy = {"id": "d-1", "service": "vault", "version": "7", "description": said,
              "deployed_at": "2026-05-02T09:55:00Z"}  # fmt: skip
    (tmp_path / "deploys.json").write_text(json.dumps([deploy]))
    lead = diagnose(tmp_path).suspects[0]
    assert (lead.component, lead.cause) == ("basket", "access_refused")
    assert (lead.change is not None and lead.change.id == "d-1") is blamed


def test_a_state_is_no_older_than_what_was_first_told_of_it(tmp_path: Path) -> None:
    """The pod has run since the day before: that is not when its trouble began, and a change since is not too late."""
    pod = {"name": "basket-5d6f7c8b9d-aaaaa", "namespace": "shop", "phase": "Running",
           "start_time": "2026-05-01T08:00:00Z",
           "containers": [{"name": "basket", "ready": False, "restart_count": 5, "state": {
               "waiting": True, "reason": "CrashLoopBackOff", "message": "", "exit_code": 137}}]}  # fmt: skip
    event = {"namespace": "shop", "reason": "BackOff", "message": "Back-off restarting failed container basket",
             "type": "Warning", "count": 20, "involved_object": "Pod/basket-5d6f7c8b9d-aaaaa",
             "first_time": "2026-05-02T09:50:00Z", "last_time": "2026-05-02T10:02:00Z"}  # fmt: skip
    (tmp_path / "pods.json").write_text(json.dumps({"pods": [pod]}))
    (tmp_path / "events.json").write_text(json.dumps({"warning_events": [event]}))
    rows = [{"sha": SHA, "message": "basket: preload all prices", "date": "2026-05-02T09:48:00Z"}]
    (tmp_path / "commits.json").write_text(json.dumps(rows))
    lead = diagnose(tmp_path).suspects[0]
    assert lead.cause == "oom_killed"
    assert lead.change is not None and lead.change.id == SHA


def test_a_portals_own_bundle_names_the_change_that_was_blamed() -> None:
    corpus = Path(__file__).parents[1] / "corpus"
    lead = diagnose(corpus / "revoked-1").suspects[0]
    assert (lead.component, lead.cause) == ("postgres", "change")
    assert lead.change is not None and lead.change.kind == "grant"
    assert diagnose(corpus / "api_down-1").suspects[0].change is None
