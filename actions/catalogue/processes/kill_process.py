"""End one child process of a known service. The child is held by name and start time, and through a pidfd, so that a
recycled pid is never hit."""

from __future__ import annotations

import os
import signal
from typing import Any, Literal

import psutil
from pydantic import Field

from actions import effects, losses
from actions.base import Action, ActionContext, ActionFailed, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.runtimes.base import ChildStat, RuntimeFailed
from systems.services import LoadedSystem


class ProcessParams(Params):
    process: str = Field(min_length=1, max_length=80, description="name of the child process")
    most: Literal["cpu", "memory"] = Field(
        "cpu", description="which of several of that name: what it uses most of"
    )
    pid: int | None = Field(None, ge=2, description="filled in")
    started: float | None = Field(None, description="filled in: epoch seconds")


ALL_FOR_ONE = ("postgres",)  # kinds whose server ends every session when one of its processes is killed


class KillProcess(Action[ProcessParams]):
    slug = "kill-process"
    title = "End a child process"
    risk = Risk.LOW
    needs_unit = True
    Params = ProcessParams
    finds_own_target = True
    can_lose = ("processes",)

    def targets(self, system: LoadedSystem) -> list[str]:
        """Only where the processes are of this machine, and one can go without the others."""
        names = effects.controllable(system.services)
        found = [name for name in names if system.services[name].kind not in ALL_FOR_ONE]
        try:
            return [name for name in found if system.runtime.nearby(system.services[name].unit or name)]
        except RuntimeFailed:
            return []

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        return {"process": sorted({_name(c) for c in _children(ctx)})}

    def bind(self, ctx: ActionContext, params: ProcessParams) -> ProcessParams:
        if params.pid is not None and params.started is not None:
            return params
        _must_be_here(ctx)
        _must_be_one_of_many(ctx)
        found = [c for c in _children(ctx) if params.process in (_name(c), c.name, str(c.pid))]
        if not found:
            raise ActionRefused(f"{ctx.target} has no child process {params.process!r}")
        child = max(found, key=lambda c: c.cpu_pct if params.most == "cpu" else c.own_mb)
        try:
            return ProcessParams(
                process=_name(child),
                most=params.most,
                pid=child.pid,
                started=psutil.Process(child.pid).create_time(),
            )
        except psutil.NoSuchProcess:
            raise ActionRefused(f"{params.process} has ended by itself") from None

    def effects(self, ctx: ActionContext, params: ProcessParams) -> frozenset[str]:
        return frozenset({f"process:{ctx.target}/{params.pid or params.process}@{params.started or ''}"})

    def check(self, ctx: ActionContext, params: ProcessParams) -> None:
        _must_be_here(ctx)
        _must_be_one_of_many(ctx)
        if not _alive(params):
            raise ActionRefused(f"{params.process} (pid {params.pid}) has ended by itself")
        if params.pid not in {c.pid for c in _children(ctx)}:
            raise ActionRefused(f"pid {params.pid} is not a child of {ctx.target}")
        if not _may_end(params.pid):
            raise ActionRefused(f"{params.process} belongs to a user whose processes we may not end")

    def preview(self, ctx: ActionContext, params: ProcessParams) -> Preview:
        child = next((c for c in _children(ctx) if c.pid == params.pid), None)
        ends = losses.of_restart(ctx, ctx.members)
        loss: dict[str, int | None] = {"processes": 1, **ends.counts}
        use = f" ({child.cpu_pct:.0f} % CPU, {child.rss_mb:.0f} MB)" if child else ""
        return Preview(
            f"kill -KILL {params.pid}",
            [f"child {params.process} of {ctx.target}{use} ends; what it has in hand is lost", *ends.words],
            [ctx.target],
            "Cannot be undone: its parent may start it again.",
            loss=loss,
        )

    def raised_by(self, ctx: ActionContext, params: ProcessParams) -> tuple[Risk, str] | None:
        """A store may fall with its child."""
        why = losses.of_restart(ctx, ctx.members).high
        return (Risk.HIGH, why) if why else None

    def prepare(self, ctx: ActionContext, params: ProcessParams) -> dict[str, Any]:
        return {"pid": params.pid, "started": params.started}

    def execute(self, ctx: ActionContext, params: ProcessParams) -> Result:
        assert params.pid is not None
        self.check(ctx, params)
        try:
            descriptor = os.pidfd_open(params.pid)
        except ProcessLookupError:
            raise ActionFailed(f"{params.process} has ended by itself") from None
        try:
            if not _alive(params):  # looked at after the descriptor was taken: it cannot be another one now
                raise ActionFailed(f"{params.process} has ended by itself")
            ctx.guard()
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
        gone = effects.wait_until(lambda: not _alive(params), 5)
        words = f"{params.process} (pid {params.pid}) {'ended' if gone else 'is still there'}"
        return Result(gone, words, lost={"processes": 1} if gone else {})

    def read_back(self, ctx: ActionContext, params: ProcessParams) -> ReadBack:
        return "not_applied" if _alive(params) else "applied"


def _must_be_here(ctx: ActionContext) -> None:
    """Elsewhere its pid would be somebody else's here."""
    if not ctx.runtime.nearby(ctx.unit(ctx.target)):
        raise ActionRefused(
            f"the processes of {ctx.target} are not of this machine and cannot be ended one by one from here: "
            "restart the service instead"
        )


def _must_be_one_of_many(ctx: ActionContext) -> None:
    kind = ctx.service.kind
    if kind in ALL_FOR_ONE:
        raise ActionRefused(
            f"{kind} ends every session when one of its processes is killed: end the session instead"
        )


def _may_end(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except PermissionError:
        return False
    except ProcessLookupError:
        pass
    return True


def _children(ctx: ActionContext) -> list[ChildStat]:
    stats = ctx.runtime.stats(ctx.unit(ctx.target))
    return list(stats.children) if stats else []


def _name(child: ChildStat) -> str:
    return child.name[:80]


def _alive(params: ProcessParams) -> bool:
    """Is it the same process, and more than a zombie?"""
    try:
        process = psutil.Process(params.pid)
        same = params.started is not None and abs(process.create_time() - params.started) < 0.05
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
