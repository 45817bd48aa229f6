"""The front door shows a certificate whose time is over: the last renewal got its dates wrong."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

UNIT, DOOR = "gateway", "gateway-tls"
FOLDER = "etc/tls"
STAMP = "%y%m%d%H%M%SZ"
ENDED, LASTED = timedelta(hours=3), timedelta(days=90)
CONNECT_S = 3.0
SIGNING = """\
[ca]
default_ca = own
[own]
database = {work}/index
serial = {work}/serial
new_certs_dir = {work}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


class SslExpired(Fault):
    id = "ssl_expired"
    title = "SSL certificate expired"
    category = "network"
    targets = (UNIT,)
    description = (
        "The certificate of the front door is one that ended three hours ago, signed by the right authority."
    )
    blast_radius = "everybody who comes in by https"
    reverts = "puts the certificate back that was there, and has the front door read it"
    expected = Expected((UNIT,), ("certificate_ended",))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        """With the certificate as it will be: only that one is taken out again."""
        path = _server(site)
        if not path.exists():
            raise FaultFailed("the front door has no certificate: the openssl command is missing")
        return {"was": path.read_text(), "now": _ended(site)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        site.write_atomic(_server(site), undo["now"])
        site.hands.reload(UNIT)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        if _server(site).read_text() == undo["now"]:
            undo["unread"] = True
        return [
            Part("the certificate of the front door", lambda: _put_back(site, undo)),
            Part("the front door shows its own certificate", lambda: _have_read(site, undo)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        return _refused(site)


def _server(site: Site) -> Path:
    return site.path(f"{FOLDER}/server.pem")


def _put_back(site: Site, undo: Undo) -> None:
    if _server(site).read_text() == undo["now"]:
        site.write_atomic(_server(site), undo["was"])


def _have_read(site: Site, undo: Undo) -> None:
    if undo.get("unread"):
        site.hands.reload(UNIT)
        undo.pop("unread")
    site.start_if_dead(UNIT)


def _refused(site: Site) -> str:
    """Why nobody who checks it gets in; "" when they do."""
    host, port = site.facts["addresses"][DOOR].split(":")
    context = ssl.create_default_context(cafile=str(site.path(f"{FOLDER}/ca.pem")))
    try:
        with (
            socket.create_connection((host, int(port)), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return ""
    except OSError as error:
        return f"https at the front door: {getattr(error, 'verify_message', '') or error}"


def _ended(site: Site) -> str:
    """The present certificate once more, for the same key, names and signer, at another time."""
    folder, end = site.path(FOLDER), datetime.now(UTC) - ENDED
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "index").touch()
        (work / "signing").write_text(SIGNING.format(work=work))
        about = _openssl("x509", "-in", f"{_server(site)}", *["-noout", "-subject", "-ext", "subjectAltName"])
        name = re.search(r"CN ?= ?(\S+)", about)
        hosts = about.strip().splitlines()[-1].replace("IP Address:", "IP:").replace(" ", "")
        (work / "names").write_text(f"basicConstraints=CA:FALSE\nsubjectAltName={hosts}\n")
        subject = f"/CN={name[1] if name else 'localhost'}"
        key, request, server = f"{folder / 'server.key'}", f"{work / 'request'}", f"{work / 'server'}"
        _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        _openssl(
            *["ca", "-batch", "-notext", "-rand_serial", "-config"], f"{work / 'signing'}",
            "-cert", f"{folder / 'ca.pem'}", "-keyfile", f"{folder / 'ca.key'}", "-extfile", f"{work / 'names'}",
            "-startdate", (end - LASTED).strftime(STAMP), "-enddate", end.strftime(STAMP),
            "-in", request, "-out", server,
        )  # fmt: skip
        return (work / "server").read_text()


def _openssl(*words: str) -> str:
    try:
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FaultFailed("the openssl command is not installed here") from None
    if done.returncode:
        raise FaultFailed(f"openssl {words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout
