"""An action with a checked target and exact parameters, or the taking back of one that was run: one gate for both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from actions import effects, foresight, losses, risk
from actions.base import (
    ActionContext,
    ActionRefused,
    AnyAction,
    Params,
    ReadBack,
    Result,
    blast_radius,
    manifest_fingerprint,
    sha256,
)
from actions.models import ActionRequest, Risk, Status
from actions.trial import Trial
from systems.redact import Redactor


@dataclass
class Bound:
    """What a request does: looked at, rated, run and read back by these, whatever kind of request it is."""

    action: AnyAction
    ctx: ActionContext
    params: Params
    redactor: Redactor

    @property
    def touches(self) -> list[str]:
        return list(dict.fromkeys(self.action.touches(self.ctx, self.params)))

    @property
    def effects(self) -> list[str]:
        return sorted(line[:300] for line in self.action.effects(self.ctx, self.params))

    @property
    def restarted(self) -> list[str]:
        return losses.restarted(self.action, self.ctx, self.params)

    def check(self) -> None:
        self.action.check(self.ctx, self.params)

    @cached_property
    def ends(self) -> losses.Loss:
        """What ends with the processes it starts anew; a store that hangs is waited for once."""
        return losses.of_restart(self.ctx, self.restarted)

    def only_for_people(self) -> str | None:
        return self.action.only_for_people(self.ctx, self.params)

    def asks(self) -> str:
        return self.action.asks(self.ctx, self.params)

    def rated(self) -> tuple[Risk, str]:
        return risk.assess(self.action, self.ctx.system, self.ctx.target, self.params, ends=lambda: self.ends)

    def fingerprint(self) -> str:
        seen = manifest_fingerprint(self.ctx.system, self.touches)
        return sha256({"manifest": seen, "target": self.action.fingerprint(self.ctx, self.params)})

    def preview(self) -> dict[str, Any]:
        shown = self.action.preview(self.ctx, self.params).as_json()
        shown["undoable"] = self.action.undoable
        trial = self.trial()
        shown["trial"] = trial.as_json()
        if trial.loss is not None:
            shown["loss"] = shown["loss"] | trial.loss
        return self._whole(shown)

    def trial(self) -> Trial:
        return foresight.tried(self.action, self.ctx, self.params, self.restarted)

    def _whole(self, shown: dict[str, Any]) -> dict[str, Any]:
        """With what a restart loses and who else feels it; without secrets."""
        ends = self.ends
        shown["loss"] = ends.counts | shown["loss"]
        shown["changes"] = [*shown["changes"], *(w for w in ends.words if w not in shown["changes"])]
        shown["blast_radius"] = blast_radius(self.ctx.system, shown["blast_radius"] or self.touches)
        shown["if_rejected"] = (
            shown["if_rejected"] or "Nothing changes; the fault stays until another fix is chosen."
        )
        redacted: dict[str, Any] = self.redactor.json(shown)
        return redacted

    def prepare(self) -> dict[str, Any]:
        return self.action.prepare(self.ctx, self.params)

    def execute(self) -> Result:
        return self.action.execute(self.ctx, self.params)

    def read_back(self) -> ReadBack:
        return self.action.read_back(self.ctx, self.params)


@dataclass
class Undoing(Bound):
    """Puts back what `original` changed, from the record stored before its effect."""

    original: ActionRequest

    @property
    def record(self) -> dict[str, Any]:
        return self.original.undo or {}

    @property
    def effects(self) -> list[str]:
        return sorted(f"undo:{line}"[:300] for line in self.action.effects(self.ctx, self.params))

    def check(self) -> None:
        name = self.original.deed
        if self.original.undo_of_id is not None:
            raise ActionRefused(f"{name} cannot be undone itself: ask for the action again")
        if self.original.status not in (Status.SUCCEEDED, Status.FAILED) or self.original.undo is None:
            raise ActionRefused(
                f"{name}: there is nothing to put back: {self.original.get_status_display().lower()}"
            )
        if not self.action.undoable:
            raise ActionRefused(f"{self.action.slug} cannot be undone")

    def only_for_people(self) -> str | None:
        return self.action.may_roll_back(self.ctx, self.record)

    def asks(self) -> str:
        return ""

    def rated(self) -> tuple[Risk, str]:
        """At least that of what is taken back, as it was rated then and as it would be now."""
        rated, why = Bound.rated(self)
        stored = Risk(self.original.risk)
        if risk.ORDER[stored] > risk.ORDER[rated]:
            rated, why = stored, f"{self.action.slug} was rated {stored.label.lower()}"
        try:
            lost = losses.in_words(self.action.lost_by_undo(self.ctx, self.record))
            bad = self.action.may_roll_back(self.ctx, self.record)
        except Exception as error:  # what cannot be rated is high, whatever kept us from it
            why = f"what is lost by putting it back cannot be found out ({type(error).__name__}), so it counts as high"
            return Risk.HIGH, why
        if lost and rated != Risk.HIGH:
            return Risk.HIGH, f"putting it back would lose: {lost}"
        if bad and rated == Risk.LOW:
            return Risk.MEDIUM, f"what it puts back was not good: {bad}"[:300]
        return rated, why

    def fingerprint(self) -> str:
        seen = manifest_fingerprint(self.ctx.system, self.touches)
        target = self.action.fingerprint(self.ctx, self.params)
        return sha256(
            {"manifest": seen, "target": target, "record": self.record, "status": self.original.status}
        )

    def trial(self) -> Trial:
        return foresight.foreseen(self.action, self.ctx, self.restarted)

    def preview(self) -> dict[str, Any]:
        then = str(self.original.preview.get("undo") or "What it changed is put back as it was before.")
        lines = self.action.puts_back(self.ctx, self.record) or [then]
        if bad := self.action.may_roll_back(self.ctx, self.record):
            lines = [*lines, f"what is put back was not good: {bad}"]
        return self._whole(
            {
                "command": f"put back what {self.original.deed} changed: {then}",
                "changes": [*lines, *self._now()],
                "blast_radius": [],
                "undo": f"Cannot be undone: {self.action.slug} has to be asked for again.",
                "if_rejected": "What it did stays as it is.",
                "loss": self.action.lost_by_undo(self.ctx, self.record),
                "undoable": False,
                "trial": self.trial().as_json(),
            }
        )

    def _now(self) -> list[str]:
        try:
            seen = self.action.is_back(self.ctx, self.params, self.record)
        except Exception:  # whatever keeps us from looking
            seen = "unknown"
        if seen == "applied":
            return ["measured now: it is as it was before already; something else has changed it since"]
        return ["whether it still is as it was made cannot be told now"] if seen == "unknown" else []

    def _words(self, verb: str) -> list[str]:
        """The services that the action, and so its undo, restarts or reloads."""
        words = self.action.effects(self.ctx, self.params)
        return sorted(w.partition(":")[2] for w in words if w.startswith(f"{verb}:"))

    def prepare(self) -> dict[str, Any]:
        return {"pids": effects.pids(self.ctx, self._words("restart"))}

    def execute(self) -> Result:
        self.ctx.undo = self.record
        return self.action.rollback(self.ctx, self.record)

    def read_back(self) -> ReadBack:
        """Whether a reload signal was sent leaves no trace, so that counts as not put back: it is safe to repeat."""
        certain = not self._words("reload") and effects.restarted_since(self.ctx, self._words("restart"))
        seen = self.action.is_back(self.ctx, self.params, self.record)
        return "not_applied" if seen == "applied" and not certain else seen
