"""Containers put in another's place, and back on their networks. `api`: the SDK's low-level client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import RuntimeFailed
from .dockerkeep import Keep
from .dockerview import endpoints


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


def replace_container(
    api: Any, raw: Mapping[str, Any], config: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]
) -> None:
    """Start `config` under the name of the stopped container `raw`, which is back if that fails."""
    name = raw["Name"].lstrip("/")
    api.rename(raw["Id"], f"{name}-before")
    made = None
    try:
        made = api.create_container_from_config(config, name)["Id"]
        for network, end in networks.items():
            attach(api, made, network, end)
        api.start(made)
    except BaseException:
        if made is not None:
            api.remove_container(made, force=True)
        api.rename(raw["Id"], name)
        api.start(raw["Id"])
        raise
    api.remove_container(raw["Id"])


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
    """Back on every network of `ends`, else on every one that `keep` remembers."""
    cuts, there = {**keep.cuts(unit), **(ends or {})}, endpoints(raw)
    for name, end in cuts.items():
        if name not in there:
            attach(api, raw["Id"], name, end)
        keep.mended(unit, name)
    return [*cuts]
