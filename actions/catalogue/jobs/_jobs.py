"""Pausing and resuming named jobs over the control address of the service that runs them."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from systems.services import LoadedSystem


class JobParams(Params):
    job: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$", description="a job of that service")


class JobAction(Action[JobParams]):
    Params = JobParams
    finds_own_target = True
    verb: ClassVar[str]
    inverse: ClassVar[str]
    paused_after: ClassVar[bool]

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n in effects.of_kind(system.services, "jobs") if system.service(n).control]

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        """The service that has the job; when it cannot be asked, the only one there is."""
        found = self.targets(system)
        for name in found:
            try:
                jobs = {
                    str(j.get("name"))
                    for j in effects.call("GET", effects.control(system.service(name), "jobs"))
                }
            except (httpx.HTTPError, ActionRefused):
                continue
            if params.get("job") in jobs:
                return name
        return None

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        return {"job": sorted(_jobs(ctx))}

    def _url(self, ctx: ActionContext, job: str, verb: str) -> str:
        return effects.control(ctx.service, f"{verb}_job", job=job)

    def effects(self, ctx: ActionContext, params: JobParams) -> frozenset[str]:
        return frozenset({f"job:{ctx.target}/{params.job}={'paused' if self.paused_after else 'scheduled'}"})

    def check(self, ctx: ActionContext, params: JobParams) -> None:
        if params.job not in _jobs(ctx):
            raise ActionRefused(f"{ctx.target} has no job {params.job!r}")

    def preview(self, ctx: ActionContext, params: JobParams) -> Preview:
        job = _jobs(ctx)[params.job]
        return Preview(
            f"POST {self._url(ctx, params.job, self.verb)}",
            [
                f"job {params.job}: {job.get('state', 'unknown')} -> {'paused' if self.paused_after else 'on schedule'}"
            ],
            [ctx.target],
            f"{self.inverse} the job.",
        )

    def prepare(self, ctx: ActionContext, params: JobParams) -> dict[str, Any]:
        return {"job": params.job, "was_paused": _paused(_jobs(ctx)[params.job])}

    def execute(self, ctx: ActionContext, params: JobParams) -> Result:
        ctx.guard()
        effects.call("POST", self._url(ctx, params.job, self.verb))
        ok = effects.wait_until(lambda: _paused(_jobs(ctx)[params.job]) == self.paused_after, 6)
        return Result(ok, f"job {params.job} is {_jobs(ctx)[params.job].get('state', 'unknown')}")

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        verb = "pause" if undo["was_paused"] else "resume"
        effects.call("POST", self._url(ctx, undo["job"], verb))
        return Result(True, f"job {undo['job']}: {verb} asked for")

    def read_back(self, ctx: ActionContext, params: JobParams) -> ReadBack:
        return "applied" if _paused(_jobs(ctx)[params.job]) == self.paused_after else "not_applied"


def _jobs(ctx: ActionContext) -> dict[str, dict[str, Any]]:
    return {str(j["name"]): j for j in effects.call("GET", effects.control(ctx.service, "jobs"))}


def _paused(job: dict[str, Any]) -> bool:
    return bool(job.get("paused", job.get("state") == "paused"))
