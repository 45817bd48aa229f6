"""Certificates made by openssl, of authorities of one's own, and servers that show them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = x
"""
AUTHORITY = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@dataclass(frozen=True)
class Certificate:
    """`pem`: itself alone; `chain`: with the authority in between, where there is one."""

    pem: Path
    key: Path
    chain: Path


@dataclass(frozen=True)
class Authority:
    folder: Path
    name: str
    certificate: Certificate
    is_root: bool = True

    @classmethod
    def root(cls, folder: Path, name: str = "own root") -> Authority:
        folder.mkdir(parents=True)
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "index.txt").write_text("")
        key, pem, extensions = folder / "root.key", folder / "root.pem", folder / "root.ext"
        extensions.write_text(AUTHORITY)
        _key_and_request(folder, key, name)
        _sign(folder, folder / "request", pem, extensions, -2, 3650, "-selfsign", "-keyfile", key)
        return cls(folder, name, Certificate(pem, key, pem))

    def issue(
        self,
        name: str,
        san: str = "",
        *,
        starts_in: float = -1.0,
        days: float = 90.0,
        authority: bool = False,
    ) -> Certificate:
        """`san`: `DNS:shop.example,IP:127.0.0.1`; from `starts_in` days from now, for so many days from now."""
        stem = self.folder / f"{name.replace(' ', '-')}-{len(list(self.folder.iterdir()))}"
        key, pem, extensions = stem.with_suffix(".key"), stem.with_suffix(".pem"), stem.with_suffix(".ext")
        extensions.write_text(AUTHORITY if authority else f"subjectAltName={san or 'DNS:' + name}\n")
        _key_and_request(self.folder, key, name)
        mine = self.certificate
        _sign(
            self.folder, self.folder / "request", pem, extensions, starts_in, days,
            "-cert", mine.pem, "-keyfile", mine.key,
        )  # fmt: skip
        chain = stem.with_suffix(".chain")
        chain.write_text(pem.read_text() + ("" if self.is_root else mine.pem.read_text()))
        return Certificate(pem, key, chain)

    def below(self, name: str = "in between") -> Authority:
        """Another authority, signed by this one."""
        made = self.issue(name, authority=True)
        return Authority(self.folder, name, made, is_root=False)


def _key_and_request(folder: Path, key: Path, name: str) -> None:
    openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
        folder / "request", "-subj", f"/CN={name}", "-config", folder / "openssl.cnf",
    )  # fmt: skip


def _sign(
    folder: Path, request: Path, pem: Path, extensions: Path, starts: float, ends: float, *by: str | Path
) -> None:
    first, last = (_stamp(days) for days in (starts, ends))
    openssl(
        "ca", "-batch", "-config", folder / "openssl.cnf", "-in", request, "-out", pem, "-notext", "-startdate", first,
        "-enddate", last, "-extfile", extensions, *by,
    )  # fmt: skip


def _stamp(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


@contextmanager
def shown(pem: Path, key: Path, host: str = "127.0.0.1") -> Iterator[tuple[int, list[str]]]:
    """A server on a free port that shows the certificate and answers every request by 200; with what was asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    asked: list[str] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        try:
            with client, context.wrap_socket(client, server_side=True) as secured:
                secured.settimeout(5)
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (piece := secured.recv(4096)):
                        return
                    head += piece
                asked.append(head.decode())
                secured.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        except OSError:
            return

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], asked
        listening.shutdown(socket.SHUT_RDWR)
