"""The parameters of a declared action: all that each may be, as its manifest says or as the target lists it now."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from actions.base import ActionRefused, Params
from systems.declared import filling
from systems.declared.calls import CallFailed, look, shown
from systems.manifest.acting import ActionSpec, Param
from systems.manifest.types import Service
from systems.services import LoadedSystem

MOST = 500
LONGEST = 200


class Exact(Params):
    """A value is one of an inventory, so nothing is taken off it."""

    model_config = ConfigDict(str_strip_whitespace=False)


def model(spec: ActionSpec) -> type[Params]:
    """The pydantic model of the parameters: what REST, the tools' schema and the check of what was asked go by."""
    fields: dict[str, Any] = {
        name: (_type(p), Field(description=_words(p))) for name, p in spec.params.items()
    }
    name = "".join(part.capitalize() for part in spec.name.split("-"))
    found: type[Params] = create_model(f"{name}Params", __base__=Exact, **fields)
    return found


def _type(param: Param) -> Any:
    if param.choices is not None:
        return Literal[tuple(param.choices)]
    if param.number is None:
        return Annotated[str, Field(min_length=1, max_length=LONGEST)]
    kind = int if param.number.whole else float
    return Annotated[kind, Field(ge=param.number.least, le=param.number.most)]


def _words(param: Param) -> str:
    if param.source is None:
        return param.title
    return f"{param.title or 'a value'}: one of what this lists now: {shown(param.source, {})}"


def listed(system: LoadedSystem, service: Service, param: Param) -> dict[str, Any]:
    """As it is written -> as it was listed. Asks the target. CallFailed when that cannot be told."""
    assert param.source is not None
    found = look(system, service, param.source, {"service": service.name})
    values = [_single(item) for item in _items(found)]
    if len(values) >= MOST:
        raise CallFailed(f"the inventory lists {MOST} values or more: narrow it")
    return {str(v): v for v in values if v is not None and _can_be_asked_for(v)}


def _can_be_asked_for(value: Any) -> bool:
    try:
        filling.fit({"value": value})
    except filling.Unfit:
        return False
    return 0 < len(str(value)) <= LONGEST


def _items(found: Any) -> list[Any]:
    if isinstance(found, str):
        return [line for line in (raw.strip() for raw in found.splitlines()) if line]
    if isinstance(found, dict | list):  # of a mapping its keys
        return list(found)
    return [found]


def _single(item: Any) -> Any:
    """One value: of a row its only column."""
    if isinstance(item, dict) and len(item) == 1:
        item = next(iter(item.values()))
    if isinstance(item, dict | list):
        raise CallFailed("the inventory lists things with several values: name one by its path")
    return None if isinstance(item, bool) else item


def choices(system: LoadedSystem, service: Service, spec: ActionSpec) -> dict[str, list[str]]:
    """What each parameter that is listed somewhere may be now."""
    found = {name: list(p.choices) for name, p in spec.params.items() if p.choices is not None}
    listings = {name: p for name, p in spec.params.items() if p.source is not None}
    return found | {name: list(listed(system, service, p)) for name, p in listings.items()}


def exact(system: LoadedSystem, service: Service, spec: ActionSpec, given: dict[str, Any]) -> dict[str, Any]:
    """What fills the blanks: each value as its inventory has it now. ActionRefused when it is not there any more."""
    values: dict[str, Any] = {"service": service.name}
    for name, param in spec.params.items():
        value = given[name]
        if param.source is not None:
            known = listed(system, service, param)
            if value not in known:
                raise ActionRefused(f"{spec.name}: {name} {value!r} is not listed any more")
            value = known[value]
        values[name] = value
    return values
