"""What an action is. One fix = one file in a room of `actions/catalogue/`, a line in `__init__.py` there, a test."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actions.models import Risk
from actions.trial import Trial
from systems.manifest.types import Service
from systems.runtimes.base import Runtime
from systems.runtimes.nothing import NoRuntime
from systems.services import LoadedSystem

# how an effect begins that lets somebody do more than now; the second is that of its undo
ACCESS = ("access:", "undo:reaccess:")
ReadBack = Literal["applied", "not_applied", "unknown"]
INVERSE: dict[ReadBack, ReadBack] = {
    "applied": "not_applied",
    "not_applied": "applied",
    "unknown": "unknown",
}


class ActionRefused(Exception):
    """The action does not apply, or its parameters are not in the inventory. The message is for people."""


class ActionFailed(Exception):
    """The effect did not happen or is known to have failed. The message is for people."""


class Busy(Exception):
    """Another uncompleted action touches the same target."""


class Params(BaseModel):
    """Base of all parameters: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


class NoParams(Params):
    """The action takes none."""


P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Preview:
    """A dry run. `command`: the exact command or call. `changes`: one line each, without secrets."""

    command: str
    changes: list[str]
    blast_radius: list[str]
    undo: str
    if_rejected: str = ""
    # what would be gone, measured now: {"rows": 12}; {} = nothing; None = it could not be counted (and is high risk)
    loss: dict[str, int | None] = field(default_factory=dict)
    undoable: bool = False  # filled in from the action

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Result:
    """What the action itself says; whether it helped is measured elsewhere."""

    ok: bool
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, int | None] = field(default_factory=dict)  # as `Preview.loss`, measured when it was done

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _always() -> None:
    return None


@dataclass(slots=True)
class ActionContext:
    """What an action may use. `guard()` raises when a newer action took the target over: call it before an effect."""

    system: LoadedSystem
    target: str
    fence: int | None = None
    undo: dict[str, Any] | None = None
    guard: Callable[[], None] = _always
    incident_id: int | None = None  # for which it is asked
    request_id: UUID | None = None  # of the request that is run

    @property
    def runtime(self) -> Runtime:
        return self.system.runtime

    @property
    def service(self) -> Service:
        """The target, or the first member when it is a group."""
        return self.system.service(self.members[0])

    @property
    def members(self) -> list[str]:
        return self.system.members(self.target)

    def unit(self, name: str) -> str:
        """The runtime unit of service `name`; ActionRefused when it is not ours to control."""
        unit = self.system.service(name).unit
        if unit is None:
            raise ActionRefused(unitless(self.system, name))
        return unit


class Action(ABC, Generic[P]):
    """One fix. Instances hold no state of a run; everything they need for one is in the context."""

    # of a class, or (declared actions) of an instance made from a manifest
    slug: str
    title: str
    risk: Risk
    # kinds of target on which the same action is riskier, e.g. {"postgres": Risk.HIGH}
    risk_by_kind: ClassVar[dict[str, Risk]] = {}
    needs_unit: ClassVar[bool] = False  # True: it runs only on what the runtime drives
    Params: type[Params] = NoParams
    groups: ClassVar[bool] = False  # True: a group is one target; False: a group means each of its members
    finds_own_target: bool = False  # True: any named component will do, the parameters say the target
    aliases: ClassVar[tuple[str, ...]] = ()
    # signals of what a trouble leaves lying when it is over, which this puts right without risk
    tidies: ClassVar[tuple[str, ...]] = ()
    # signals of what is not as it was, which this puts back as a whole
    puts_back_signals: ClassVar[tuple[str, ...]] = ()
    # what it does only holds trouble off: the action that ends that, with the same parameters
    ended_by: ClassVar[str] = ""
    # when that is: its target is well again, or its settings are as they were; "": no measurement tells
    over_when: ClassVar[Literal["well", "unchanged", ""]] = ""

    @abstractmethod
    def targets(self, system: LoadedSystem) -> list[str]:
        """Services (and groups, where `groups`) it can run on, the likeliest first."""

    def default_target(self, system: LoadedSystem, params: dict[str, Any]) -> str | None:
        """The target meant when none is named; None when that would be a guess."""
        found = self.targets(system)
        return found[0] if len(found) == 1 else None

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        """Inventory values of each parameter, for forms and for validation in `check`."""
        return {}

    @abstractmethod
    def effects(self, ctx: ActionContext, params: P) -> frozenset[str]:
        """What it brings about, whatever the action is called: "restart:web-1", "config:web", "route:db-link". From
        the manifest and the parameters alone: nothing is asked of the target. Two requests with the same words do the
        same to the same thing, and a step whose words earlier steps have all brought about is done already."""

    # what can be lost by it: words of `Preview.loss`
    can_lose: tuple[str, ...] = ()

    def raised_by(self, ctx: ActionContext, params: P) -> tuple[Risk, str] | None:
        """A higher risk that these parameters bring on this target, and why; it can never lower the rating. May ask
        the target. What a restart loses is judged for every action alike and need not be judged here."""
        return None

    def only_for_people(self, ctx: ActionContext, params: P) -> str | None:
        """Why the agent may not ask for this with these parameters, approval or not; None when it may."""
        return None

    def asks(self, ctx: ActionContext, params: P) -> str:
        """Why a person is asked when the agent wants this, though risk and policy would let it run; empty: for
        nothing."""
        return ""

    def bind(self, ctx: ActionContext, params: P) -> P:
        """Turn what was asked for into exact values (e.g. "the lock root" into a pid), before approval."""
        return params

    def touches(self, ctx: ActionContext, params: P) -> list[str]:
        """Services that no other action may touch meanwhile."""
        return ctx.members

    def fingerprint(self, ctx: ActionContext, params: P) -> dict[str, Any]:
        """What of the target an approval depends on, besides the manifest."""
        return {}

    @abstractmethod
    def check(self, ctx: ActionContext, params: P) -> None:
        """Raise ActionRefused when it cannot or must not run now."""

    @abstractmethod
    def preview(self, ctx: ActionContext, params: P) -> Preview: ...

    def try_out(self, ctx: ActionContext, params: P) -> Trial | None:
        """Do it to a copy, within seconds and without a trace, and say what came of it; None where there is no copy to
        be had. What it raises means that it could not be tried."""
        return None

    def prepare(self, ctx: ActionContext, params: P) -> dict[str, Any]:
        """The undo record, committed before the effect. Secrets go to the vault, never in here."""
        return {}

    @abstractmethod
    def execute(self, ctx: ActionContext, params: P) -> Result: ...

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        """Put things back from `undo`. Safe to repeat. An action that does not define it cannot be undone."""
        raise ActionRefused(f"{self.slug} cannot be undone")

    @property
    def undoable(self) -> bool:
        return type(self).rollback is not Action.rollback

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        """None when the state in `undo` was not known to be bad; else the reason not to put it back unasked."""
        return None if self.undoable else f"{self.slug} cannot be undone"

    def puts_back(self, ctx: ActionContext, undo: dict[str, Any]) -> list[str]:
        """What `rollback` would change from how it is now, one line each; [] = as the preview said of its undo."""
        return []

    def lost_by_undo(self, ctx: ActionContext, undo: dict[str, Any]) -> dict[str, int | None]:
        """What would be gone by `rollback`, measured now, in the shape of `Preview.loss`. What ends with a restart is
        counted for every action alike and need not be counted here."""
        return {}

    def is_back(self, ctx: ActionContext, params: P, undo: dict[str, Any]) -> ReadBack:
        """Look at the target: is it as `rollback` leaves it? Restarts and reloads are looked at for every action alike.
        Define it where `read_back` says not applied of what may well be."""
        ctx.undo = undo
        return INVERSE[self.read_back(ctx, params)]

    @abstractmethod
    def read_back(self, ctx: ActionContext, params: P) -> ReadBack:
        """Look at the target: did the effect take place? `ctx.undo` holds the state before."""


AnyAction = Action[Any]


def unitless(system: LoadedSystem, name: str) -> str:
    """Why a service, or a whole system, that has no unit is not driven."""
    if system.runtime.driver == NoRuntime.driver:
        return f"{name} is not ours to control: the system is only watched (runtime: none)"
    return f"{name} is not ours to control"


def blast_radius(system: LoadedSystem, names: list[str]) -> list[str]:
    """The services touched and everything that needs them."""
    found = list(names)
    for name in names:
        found += sorted(system.graph.callers([name]).keys() - set(found))
    return found


def manifest_fingerprint(system: LoadedSystem, names: list[str]) -> dict[str, str]:
    """A hash per service of what the manifest says about it (secrets count, but only inside the hash)."""
    return {
        n: hashlib.sha256(system.service(n).model_dump_json(by_alias=True).encode()).hexdigest()
        for n in names
    }


def sha256(item: Any) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(
        json.dumps(item, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    ).hexdigest()
