"""`python -m shop.ops.certificate try|reissue|back|show`: the certificate of the front door, beside its process.

try: a new one, kept by nobody, is shown to such a one at a port of its own: `in force`, or why not.
reissue: a new one for the same key and hosts, signed by the shop's own authority; the one before stays beside it.
back: that one again. show: what the door shows to who knows the authority: `in force`, or why not.
Nothing is read anew by anybody: that is asked of the door itself. Settings: `tls` of CONFIG_FILE.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..kit.config import load_or_exit

AUTHORITY, AUTHORITY_KEY, SERVER, SERVER_KEY = "ca.pem", "ca.key", "server.pem", "server.key"
BEFORE = f"{SERVER}.before"
LASTS = timedelta(days=90)
EARLIER = timedelta(minutes=5)  # clocks that are a little behind believe it, too
STAMP = "%y%m%d%H%M%SZ"
PATIENCE_S = 3.0
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
EXTENSIONS = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={hosts}\n"


class Failed(Exception):
    """The openssl command refused; what it said."""


def usable() -> bool:
    """Whether certificates can be made on this machine."""
    return shutil.which("openssl") is not None


def issue(folder: Path, hosts: Sequence[str], lasts: timedelta = LASTS) -> str:
    """A certificate for the key in `folder`, signed by the authority there, as PEM; nothing is put in its place."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "index").touch()
        (work / "signing").write_text(SIGNING.format(work=work))
        names = ",".join(f"{'IP' if h[:1].isdigit() else 'DNS'}:{h}" for h in hosts)
        (work / "extensions").write_text(EXTENSIONS.format(hosts=names))
        request = [*["req", "-new", "-subj"], f"/CN={hosts[0]}", "-key", f"{folder / SERVER_KEY}"]
        openssl(*request, "-out", f"{work / 'request'}")
        openssl(
            *["ca", "-batch", "-notext", "-rand_serial", "-config"], f"{work / 'signing'}",
            "-cert", f"{folder / AUTHORITY}", "-keyfile", f"{folder / AUTHORITY_KEY}",
            "-extfile", f"{work / 'extensions'}", "-in", f"{work / 'request'}", "-out", f"{work / 'server'}",
            "-startdate", (now - EARLIER).strftime(STAMP), "-enddate", (now + lasts).strftime(STAMP),
        )  # fmt: skip
        return (work / "server").read_text()


def openssl(*words: str) -> str:
    """What one of its commands says. Failed with its own words."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"openssl {words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def put(path: Path, text: str) -> None:
    """In one step: whoever reads it never sees half of one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)


def shown(folder: Path, port: int) -> str:
    """`in force`, or why nobody who checks it gets in."""
    context = ssl.create_default_context(cafile=str(folder / AUTHORITY))
    try:
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return "in force"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError as error:
        return str(error)


def tried(folder: Path, hosts: Sequence[str]) -> str:
    """What `shown` will say of a new one."""
    with tempfile.TemporaryDirectory() as made, socket.create_server(("127.0.0.1", 0)) as door:
        fresh = Path(made) / SERVER
        fresh.write_text(issue(folder, hosts))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(fresh, folder / SERVER_KEY)
        door.settimeout(PATIENCE_S)
        threading.Thread(target=_let_in, args=(door, context), daemon=True).start()
        return shown(folder, door.getsockname()[1])


def _let_in(door: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        visitor, _ = door.accept()
        context.wrap_socket(visitor, server_side=True).close()


def main(verb: str) -> int:
    tls = load_or_exit().get("tls") or {}
    folder = Path(tls["folder"])
    server, before = folder / SERVER, folder / BEFORE
    if verb == "reissue":
        fresh = issue(folder, tls["hosts"])
        put(before, server.read_text())
        put(server, fresh)
    elif verb == "back":
        put(server, before.read_text())
    elif verb == "try":
        print(tried(folder, tls["hosts"]))
    elif verb != "show":
        print(__doc__, file=sys.stderr)
        return 2
    if verb == "show":
        print(shown(folder, int(os.environ["TLS_PORT"])))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
    except (Failed, OSError) as error:
        sys.exit(str(error))
