"""A small compose project made through the SDK: an image of this machine's bash, containers with compose's labels."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import docker
import docker.utils

from systems.runtimes import Runtime, connect
from tests.systems.supervisor.harness import eventually

LABEL = "com.docker.compose."
PROGRAMS = ("bash", "sleep", "cat")
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
SLEEPER = "trap 'exit 143' TERM; read -r forever"  # open stdin that nobody writes to: no child needed
ALWAYS = {"Name": "unless-stopped"}
TALKER = f"echo one; echo two; echo three; {SLEEPER}"


def engine(timeout: int) -> Any:
    """A client of the engine that DOCKER_HOST names, or this machine's."""
    return docker.APIClient(version="auto", timeout=timeout, **docker.utils.kwargs_from_env())


@cache
def why_not() -> str:
    """Why containers cannot be driven here; empty when they can."""
    if not shutil.which("bash"):
        return "there is no bash to make a test image of"
    try:
        client = engine(5)
        client.ping()
        client.close()
    except Exception as exc:  # whatever the SDK's libraries raise
        return f"no Docker engine answers: {str(exc)[:120]}"
    return ""


def _files() -> dict[str, str]:
    """Path in the image -> file here: the programs and the libraries that they load."""
    files: dict[str, str] = {}
    for program in PROGRAMS:
        path = shutil.which(program)
        assert path
        files[f"bin/{program}"] = path
        told = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        files |= {lib.lstrip("/"): lib for lib in re.findall(r"(/\S+) \(0x", told)}
    files["bin/sh"] = files["bin/bash"]
    return files


class Compose:
    """Containers of one made-up project; remove() leaves nothing behind."""

    def __init__(self, label: str = "t") -> None:
        self.project = f"opsportal-test-{label}-{uuid.uuid4().hex[:8]}"
        self.api = engine(30)
        self.labels = {f"{LABEL}project": self.project}
        self._images: list[str] = []
        self._networks: list[str] = []

    def image(self, tag: str) -> str:
        """project:tag, the same few files under every tag."""
        if self._images:
            self.api.tag(self._images[0], self.project, tag)
        else:
            data = io.BytesIO()
            with tarfile.open(fileobj=data, mode="w") as tar:
                for name, source in _files().items():
                    tar.add(os.path.realpath(source), name)
            self.api.import_image_from_data(data.getvalue(), repository=self.project, tag=tag)
        self._images.append(f"{self.project}:{tag}")
        return self._images[-1]

    def broken_image(self, tag: str) -> None:
        """An image without any program."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
        self.api.import_image_from_data(data.getvalue(), repository=self.project, tag=tag)
        self._images.append(f"{self.project}:{tag}")

    def network(self, name: str) -> str:
        full = f"{self.project}_{name}"
        self.api.create_network(full, labels={f"{LABEL}project": self.project, f"{LABEL}network": name})
        self._networks.append(full)
        return full

    def container(
        self,
        service: str,
        script: str,
        *,
        image: str,
        start: bool = True,
        labels: dict | None = None,
        **host: Any,
    ) -> str:
        network = host.pop("network", None)
        more = {k: host.pop(k) for k in ("volumes", "environment") if k in host}
        if network:
            end = self.api.create_endpoint_config(aliases=[service, f"{service}-other"])
            more["networking_config"] = self.api.create_networking_config({network: end})
            host["network_mode"] = network
        made = self.api.create_container(
            image,
            ["/bin/sh", "-c", script],
            name=f"{self.project}-{host.pop('name', service)}-1",
            stdin_open=True,
            tty=host.pop("tty", False),
            ports=[tuple(port.split("/")) for port in host.get("port_bindings", {})] or None,
            healthcheck=host.pop("healthcheck", None),
            stop_timeout=1,
            labels=self.labels
            | {
                f"{LABEL}service": service,
                f"{LABEL}container-number": "1",
                f"{LABEL}oneoff": "False",
            }
            | (labels or {}),
            host_config=self.api.create_host_config(**host),
            **more,
        )["Id"]
        if start:
            self.api.start(made)
        return str(made)

    def take_shell(self, service: str) -> None:
        """No further shell can be started in it."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("sh"))
        self.api.put_archive(self.id_of(service), "/bin", data.getvalue())

    def id_of(self, service: str) -> str:
        wanted = [f"{LABEL}project={self.project}", f"{LABEL}service={service}"]
        return str(self.api.containers(all=True, filters={"label": wanted})[0]["Id"])

    def inspect(self, service: str) -> dict[str, Any]:
        return dict(self.api.inspect_container(self.id_of(service)))

    def crash(self, service: str) -> None:
        """The main process gets a KILL that the engine did not send; waits for one while the engine restarts it."""
        pid = eventually(
            lambda: self.inspect(service)["State"]["Pid"]
        )  # 0 would be everybody in our own group
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def type(self, container: str, text: bytes) -> None:
        """On its standard input."""
        attached = self.api.attach_socket(container, params={"stdin": 1, "stream": 1})
        getattr(attached, "_sock", attached).sendall(text)
        attached.close()

    def remove(self) -> None:
        for row in self.api.containers(all=True, filters={"label": f"{LABEL}project={self.project}"}):
            with suppress(Exception):
                self.api.remove_container(row["Id"], force=True, v=True)
            for mount in row.get("Mounts") or []:  # a release gives the nameless a name
                with suppress(Exception):
                    self.api.remove_volume(mount["Name"])
        for network in self._networks:
            with suppress(Exception):
                self.api.remove_network(network)
        for image in self._images:
            with suppress(Exception):
                self.api.remove_image(image)
        self.api.close()


@contextmanager
def compose(label: str = "t") -> Iterator[Compose]:
    project = Compose(label)
    try:
        yield project
    finally:
        project.remove()


def catches_term(pid: int | None) -> bool:
    """Whether it does; or its process is of another machine, and nobody can say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.M)
    return caught is None or bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


REFUSED = b"""HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\nconnection: close\r\n\r
<html><body><h1>403 Forbidden</h1>\nOnly looking.\n</body></html>"""


class _Guard(socketserver.StreamRequestHandler):
    """One request: GET is passed to the engine's socket and its answer back as it comes, anything else is refused."""

    def handle(self) -> None:
        head = b""
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            head += b"" if line.lower().startswith(b"connection:") else line
        if not head.startswith(b"GET "):
            self.wfile.write(REFUSED)
            return
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(SOCKET)
            engine.sendall(head + b"Connection: close\r\n\r\n")
            with suppress(OSError):
                while part := engine.recv(65536):
                    self.wfile.write(part)


class _Line(socketserver.StreamRequestHandler):
    """Everything, both ways."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(SOCKET)
            back = threading.Thread(target=_pour, args=(engine, self.connection), daemon=True)
            back.start()
            _pour(self.connection, engine)
            back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


def read_only_proxy() -> AbstractContextManager[str]:
    """A TCP address of the engine at which nothing can be changed."""
    return _serve(_Guard)


def far_engine() -> AbstractContextManager[str]:
    """A TCP address of the engine, as of another machine: nothing is known of its processes."""
    return _serve(_Line)


@contextmanager
def _serve(handler: type[socketserver.StreamRequestHandler]) -> Iterator[str]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def runtime_of(project: Compose, base_dir: Path) -> Runtime:
    """The driver of that project."""
    return connect("docker", {"project": project.project}, base_dir)
