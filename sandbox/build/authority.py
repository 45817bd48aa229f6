"""The shop's own certificate authority, and the certificate of its front door, below etc/tls/.

Made by the openssl command; where that is not there, the shop has no https.
"""

from __future__ import annotations

import shutil
import subprocess

from ..shop.ops.certificate import AUTHORITY, AUTHORITY_KEY, SERVER, SERVER_KEY, issue, openssl, put, usable
from .layout import Layout

FOLDER = "etc/tls"
YEARS = 10
FRESH_S = 30 * 86_400  # with less left than this it is made anew when the shop is prepared

__all__ = ["AUTHORITY", "FOLDER", "hosts", "provide", "usable"]


def hosts(layout: Layout) -> list[str]:
    """Under which names and addresses visitors come in; the first is what it is called by."""
    return list(dict.fromkeys([layout.address("gateway").split(":")[0], "127.0.0.1", "localhost"]))


def provide(layout: Layout, *, keep: bool = False) -> None:
    """What is missing, or ends soon. `keep`: what is there is left, whatever it is."""
    if not usable():
        return
    folder = layout.at(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    authority, server = folder / AUTHORITY, folder / SERVER
    if not authority.exists():
        _key(folder, AUTHORITY_KEY)
        subject = ["-subj", f"/CN={layout.names.word('shop')} authority", "-days", f"{365 * YEARS}"]
        made = openssl("req", "-x509", "-new", "-key", f"{folder / AUTHORITY_KEY}", *subject)
        put(authority, made)
        server.unlink(missing_ok=True)
    if not (folder / SERVER_KEY).exists():
        _key(folder, SERVER_KEY)
        server.unlink(missing_ok=True)
    if not server.exists() or not (keep or _lasts(str(server))):
        put(server, issue(folder, hosts(layout)))


def _key(folder: object, name: str) -> None:
    path = f"{folder}/{name}"
    openssl(
        "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path
    )  # readable for its owner only


def _lasts(path: str) -> bool:
    command = [shutil.which("openssl") or "openssl", "x509", "-in", path, "-noout", "-checkend", str(FRESH_S)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
