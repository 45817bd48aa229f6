"""Actions on an administration interface whose paths the manifest tells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actions import registry
from actions.base import ActionContext, ActionRefused
from systems.manifest import ManifestError
from systems.services import LoadedSystem

from ..systems.helpers import http_server, make_system

CALLS = {
    "jobs": "/tasks",
    "pause_job": "/tasks/{job}/off",
    "resume_job": "/tasks/{job}/on",
    "links": "/ways",
    "failover_link": "/ways/{link}/other",
    "reset_link": "/ways/{link}/new",
    "pools": "/groups",
    "use_pool": "/groups/{pool}?to={other}",
    "reset_breaker": "/fuse",
}


class Admin:
    """One interface for everything; `asked`: what was posted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.jobs = {"night": False}
        self.ways = {"out": "A"}
        self.groups = {"a b": "a b"}

    def answer(self, method: str, path: str, _: bytes) -> tuple[int, Any]:
        if method == "POST":
            self.asked.append(path)
            match path:
                case "/tasks/night/off" | "/tasks/night/on":
                    self.jobs["night"] = path.endswith("off")
                case "/ways/out/other":
                    self.ways["out"] = "B"
                case "/ways/out/new":
                    self.ways["out"] = "A"
                case "/groups/a%20b?to=spare" | "/groups/a%20b?to=a%20b":
                    self.groups["a b"] = "spare" if path.endswith("spare") else "a b"
                case "/fuse":
                    pass
                case _:
                    return 404, {}
            return 200, {}
        told: dict[str, Any] = {
            "/tasks": [{"name": n, "paused": p, "state": "idle"} for n, p in self.jobs.items()],
            "/ways": [{"name": n, "path": p, "ok": True} for n, p in self.ways.items()],
            "/groups": {
                "a b": {"sent_to": self.groups["a b"], "members": [{"name": "w", "up": True}]},
                "spare": {"sent_to": "spare", "members": [{"name": "s", "up": True}]},
            },
            "/": {},
        }
        return (200, told[path]) if path in told else (404, {})


def system(base: Path, url: str, calls: dict[str, str]) -> LoadedSystem:
    control = {"control": {"url": url, "calls": calls}}
    services: dict[str, Any] = {
        "cron": {"kind": "jobs", **control},
        "wires": {"kind": "link", **control},
        "front": {"kind": "proxy", "http": {"url": f"{url}/"}, **control},
        "web": {"kind": "http", "backup": {"proxy": "front", "pool": "a b", "use": "spare"}},
    }
    link = {"name": "out", "service": "wires", "source": "web", "target": "front", "address": "127.0.0.1:1"}
    return make_system(base, services, links=[link])


def run(system: LoadedSystem, slug: str, target: str, **params: str) -> Any:
    """Checked, previewed and executed, as an approved request is; blocking."""
    action = registry.get(slug, system)
    ctx, given = ActionContext(system, target), action.Params(**params)
    action.check(ctx, given)
    command = action.preview(ctx, given).command
    ctx.undo = action.prepare(ctx, given)
    done = action.execute(ctx, given)
    assert done.ok, done
    return command


async def test_every_call_goes_where_the_manifest_says(tmp_path: Path) -> None:
    admin = Admin()
    async with http_server(admin.answer) as url:
        mine = system(tmp_path, url, CALLS)
        for slug, target, params, path in (
            ("pause-job", "cron", {"job": "night"}, "/tasks/night/off"),
            ("resume-job", "cron", {"job": "night"}, "/tasks/night/on"),
            ("failover-link", "wires", {"edge": "out"}, "/ways/out/other"),
            ("reset-link", "wires", {"edge": "out"}, "/ways/out/new"),
            ("route-to-backup", "web", {}, "/groups/a%20b?to=spare"),
            ("route-to-primary", "web", {}, "/groups/a%20b?to=a%20b"),
            ("reset-circuit-breaker", "front", {}, "/fuse"),
        ):
            said = await asyncio.to_thread(run, mine, slug, target, **params)
            assert admin.asked[-1] == path and said == f"POST {url}{path}", slug
        assert (admin.jobs, admin.ways, admin.groups) == ({"night": False}, {"out": "A"}, {"a b": "a b"})


@pytest.mark.parametrize(
    ("slug", "target", "params", "call"),
    [
        ("pause-job", "cron", {"job": "night"}, "jobs"),
        ("failover-link", "wires", {"edge": "out"}, "links"),
        ("route-to-backup", "web", {}, "pools"),
        ("reset-circuit-breaker", "front", {}, "reset_breaker"),
    ],
)
async def test_what_the_manifest_does_not_tell_is_refused(
    tmp_path: Path, slug: str, target: str, params: dict[str, str], call: str
) -> None:
    admin = Admin()
    async with http_server(admin.answer) as url:
        mine = system(tmp_path, url, {})
        with pytest.raises(
            ActionRefused, match=rf"{target if target != 'web' else 'front'} has no .*{call}$"
        ):
            await asyncio.to_thread(run, mine, slug, target, **params)
    assert admin.asked == []


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ({"pause_job": "/tasks/off"}, r"pause_job has \{job\}"),
        ({"use_pool": "/groups/{pool}"}, r"use_pool has \{other\} and \{pool\}"),
        ({"jobs": "/tasks/{job}"}, "jobs has no blank"),
        ({"jobs": "tasks"}, "jobs"),
        ({"stop_job": "/x"}, "stop_job"),
    ],
)
def test_a_path_that_cannot_be_meant_is_told(tmp_path: Path, calls: dict[str, str], words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        system(tmp_path, "http://127.0.0.1:1", calls)
