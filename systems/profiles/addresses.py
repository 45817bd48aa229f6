"""Where an instance of a product answers, as a person writes it: host, host:port or a URL."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from systems.profiles.types import AddressSpec, Filling

_HOST = r"\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?"
_PLAIN = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?")
_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://\S+", re.I)
LOCAL_NAMES = ("localhost", "ip6-localhost")


class BadAddress(ValueError):
    """It is no address of this product. The message never quotes it: a password may stand in it."""


def values(address: object, spec: AddressSpec) -> dict[str, Filling]:
    """What it fills: `address` (host:port), `url`, `host` and `port`; None where it has none. BadAddress."""
    schemes = ", ".join(f"{scheme}://" for scheme in spec.schemes)
    said = f"is host, host:port or a URL ({schemes}), such as {spec.example}"
    if not isinstance(address, str):
        raise BadAddress(said)
    if plain := _PLAIN.fullmatch(address):
        usual, port = next(iter(spec.schemes.items()))
        port = int(plain["port"]) if plain["port"] else port
        host = plain["host"]
        return _checked(host, port, f"{usual}://{host}:{port}{spec.path}", said)
    found = _SCHEME.fullmatch(address)
    if found is None or found["scheme"].lower() not in spec.schemes:
        hint = (
            "; an IPv6 address stands in brackets" if address.count(":") > 1 and "://" not in address else ""
        )
        raise BadAddress(said + hint)
    usual_port = spec.schemes[found["scheme"].lower()]
    if (
        usual_port is None or "," in address
    ):  # a socket's file, or several servers: those that connect know how
        return {"address": None, "url": address, "host": None, "port": None}
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or usual_port
    except ValueError:
        raise BadAddress(
            f"{said}; signs of a password that are not letters or digits are written as %XX"
        ) from None
    return _checked(f"[{host}]" if ":" in host else host, port, address, said)


def _checked(host: str, port: int | None, url: str, said: str) -> dict[str, Filling]:
    if not host or port is None or not 0 < port < 65_536:
        raise BadAddress(said)
    return {"address": f"{host}:{port}", "url": url.rstrip("/"), "host": host, "port": port}


def is_here(filled: dict[str, Filling]) -> bool:
    """Whether it is this very machine, as far as an address tells: a loopback address, or a socket's file."""
    host = filled.get("host")
    if host is None:
        return str(filled.get("url") or "").startswith("unix:")
    bare = str(host).strip("[]").lower()
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return bare in LOCAL_NAMES
