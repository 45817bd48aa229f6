"""What declared actions say that cannot be: blanks that nothing fills, stores that are none, two of a name."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from systems.manifest.acting import BEFORE, GIVEN, ActionSpec
from systems.manifest.declared import Call
from systems.manifest.types import Manifest, Service

Trouble = tuple[tuple[str | int, ...], str]  # where, and what to mend


def troubles(manifest: Manifest) -> Iterator[Trouble]:
    first: dict[str, tuple[str, ActionSpec]] = {}
    for service, found in manifest.services.items():
        names: set[str] = set()
        for number, spec in enumerate(found.actions):
            at = ("services", service, "actions", number)
            if spec.name in names:
                yield (*at, "name"), f"{service} declares {spec.name!r} twice"
            names.add(spec.name)
            yield from _of(manifest, service, spec, at)
            other, theirs = first.setdefault(spec.name, (service, spec))
            if other != service and (words := _differ(spec, theirs)):
                yield (
                    (*at, "name"),
                    f"{other} declares {spec.name!r}, too, with other {words}: "
                    "make them agree, or give one another name",
                )


def _differ(spec: ActionSpec, other: ActionSpec) -> str:
    """In what two declarations of one name differ that must be the same; empty: in nothing."""
    if {n: p.kind for n, p in spec.params.items()} != {n: p.kind for n, p in other.params.items()}:
        return "params"
    if spec.risk != other.risk:
        return "risk"
    return "" if bool(spec.undo) == bool(other.undo) else "undo (only one has it)"


def _of(manifest: Manifest, service: str, spec: ActionSpec, at: tuple[str | int, ...]) -> Iterator[Trouble]:
    for name in spec.params:
        if name in GIVEN or name == BEFORE or hasattr(BaseModel, name):
            yield (*at, "params", name), f"{name!r} has a meaning of its own: call the parameter otherwise"
    if spec.mends and spec.params:
        yield (*at, "mends"), "cannot be said of an action with params: a cause names no values for them"
    if spec.before is not None and not spec.undo:
        yield (*at, "before"), "is kept for an undo, and there is none"
    known = GIVEN | spec.params.keys()
    for path, call in spec.calls():
        filled = known
        if path[0] == "params":
            filled = GIVEN
        elif path[0] in ("undo", "check") and spec.before is not None:
            filled = known | {BEFORE}
        if missing := sorted(call.blanks() - filled):
            words = ", ".join(f"{{{name}}}" for name in missing)
            there = ", ".join(f"{{{name}}}" for name in sorted(filled))
            yield (*at, *path), f"nothing fills {words} here (there are: {there})"
        yield from _place(manifest, spec.on(call, service), call, (*at, *path))


def _place(manifest: Manifest, name: str, call: Call, at: tuple[str | int, ...]) -> Iterator[Trouble]:
    found = manifest.services.get(name)
    if found is None:
        yield (*at, "on"), f"there is no service {name!r}"
    elif words := _lacks(found, call):
        hint = "" if call.on else "; say `on: SERVICE` where it is another's"
        yield (*at, "on" if call.on else call.way), f"{name} {words}{hint}"


def _lacks(service: Service, call: Call) -> str:
    if call.way == "sql" and service.postgres is None:
        return "has no postgres section, so no statement can be run there"
    if call.way == "redis" and service.redis is None:
        return "has no redis section, so no command can be given there"
    if call.way == "exec" and service.unit is None:
        return "has no unit, so nothing can be run where it runs"
    return ""
