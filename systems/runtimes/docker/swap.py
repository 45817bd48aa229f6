"""Containers put in another's place or beside it, and back on their networks. `api`: the SDK's low-level client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..base import RuntimeFailed
from .engine import Engine, ImageNotFound, Raw
from .keep import Keep
from .view import Made, endpoints, grace_of, successor, twin, with_tag


def attach(api: Any, container: str, network: str, end: Mapping[str, Any]) -> None:
    """Connect with the aliases and addresses of before: the engine forgets them on a disconnect."""
    fixed = end.get("IPAMConfig") or {}
    api.connect_container_to_network(
        container,
        network,
        aliases=end.get("Aliases"),
        links=[tuple(link.split(":", 1)) for link in end.get("Links") or []] or None,
        ipv4_address=fixed.get("IPv4Address"),
        ipv6_address=fixed.get("IPv6Address"),
    )


def create(api: Any, name: str, config: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]) -> str:
    """A new container, started; its id. One that does not start is not left behind."""
    made = str(api.create_container_from_config(config, name)["Id"])
    try:
        for network, end in networks.items():
            attach(api, made, network, end)
        api.start(made)
    except BaseException:
        api.remove_container(made, force=True, v=True)
        raise
    return made


def add(api: Any, wanted: Iterable[Made]) -> None:
    """All of these containers, or none."""
    made: list[str] = []
    try:
        for name, config, networks in wanted:
            made.append(create(api, name, config, networks))
    except BaseException:
        for container in made:
            api.remove_container(container, force=True, v=True)
        raise


def replace_container(
    api: Any, raw: Mapping[str, Any], config: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]
) -> None:
    """Start `config` under the name of the stopped container `raw`, which is back if that fails."""
    name = raw["Name"].lstrip("/")
    api.rename(raw["Id"], f"{name}-before")
    try:
        create(api, name, config, networks)
    except BaseException:
        api.rename(raw["Id"], name)
        api.start(raw["Id"])
        raise
    api.remove_container(raw["Id"])


def to_release(
    engine: Engine, unit: str, version: str
) -> tuple[Raw, Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """What replace_container() needs to bring the unit to its image's tag. RuntimeFailed: there is none."""
    raw = engine.inspect(unit)
    image = with_tag(raw["Config"]["Image"], version)
    try:
        engine.api.inspect_image(image)
    except ImageNotFound as exc:
        raise RuntimeFailed(f"there is no release {version} of {unit}: no image {image} here") from exc
    return raw, *successor(raw, engine.image_of(raw)[1], image)


def scale(engine: Engine, unit: str, n: int) -> list[str]:
    """The service of `unit` in `n` containers; their units. All of the new ones start or none."""
    if n < 1:
        raise RuntimeFailed(f"{unit} cannot be scaled to {n}: to have none, stop it")
    names = [unit, *(f"{unit}-{number}" for number in range(2, n + 1))]
    there, units = engine.replicas(unit), engine.containers()
    for number, name in enumerate(names, 1):
        if units.get(name, there.get(number)) != there.get(number):
            raise RuntimeFailed(f"{unit} cannot be scaled to {n}: {name} is the name of another service")
    raw = engine.inspect(unit)
    image, config = engine.image_of(raw)
    try:
        more = [twin(raw, config, image, number) for number in range(2, n + 1) if number not in there]
    except RuntimeFailed as exc:
        raise RuntimeFailed(f"{unit} cannot be scaled to {n}: {exc}") from exc
    add(engine.api, more)
    for number in sorted(there, reverse=True):
        if number > n:
            engine.api.stop(there[number], timeout=grace_of(raw))
            engine.api.remove_container(there[number], v=True)
        elif number > 1:
            engine.api.start(there[number])
    return names


def cut(api: Any, keep: Keep, unit: str, raw: Mapping[str, Any], network: str | None) -> list[str]:
    """Off one network or all; `keep` remembers how the unit hung on them."""
    there = {n: e for n, e in endpoints(raw).items() if network in (None, n)}
    if network is not None and not there:
        raise RuntimeFailed(f"{unit} is not on the network {network}")
    for name, end in there.items():
        keep.cut(unit, name, end)
        api.disconnect_container_from_network(raw["Id"], name, force=True)
    return [*there]


def mend(
    api: Any, keep: Keep, unit: str, raw: Mapping[str, Any], ends: Mapping[str, Any] | None = None
) -> list[str]:
    """Back on every network that `keep` remembers or `ends` (as endpoints() gives them) names; those it was off."""
    cuts, there = {**keep.cuts(unit), **(ends or {})}, endpoints(raw)
    for name, end in cuts.items():
        if name not in there:
            attach(api, raw["Id"], name, end)
        keep.mended(unit, name)
    return [name for name in cuts if name not in there]
