"""The unix socket: one JSON object a line. A bad or slow client harms only itself."""

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

from .config import ConfigError, StartError
from .linux import short_socket_path
from .ops import OpError, Supervisor, answer

LINE_MAX = 256 * 1024
BACKLOG_MAX = 1000  # events a subscriber may lag behind before it is cut off
WRITE_S = 5.0


class Server:
    def __init__(self, host: Supervisor) -> None:
        self._host = host
        self._fences: dict[str, int] = {}
        self._subscribers: set[asyncio.Queue[bytes | None]] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. ConfigError when another supervisor answers at this address already."""
        path = self._host.config.socket
        path.parent.mkdir(parents=True, exist_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_socket_path(path) as address:
            if path.exists():
                if _somebody_answers(address):
                    raise ConfigError(f"{path}: another supervisor is running here")
                path.unlink()
            sock.bind(address)
        path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=LINE_MAX)

    async def close(self) -> None:
        for queue in self._subscribers:
            queue.put_nowait(None)
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        self._host.config.socket.unlink(missing_ok=True)

    def publish(self, event: str, service: str, extra: dict[str, Any]) -> None:
        if not self._subscribers:
            return
        message = {"event": event, "service": service, "at": time.time(), "oom": False} | extra
        line = json.dumps(message).encode() + b"\n"
        for queue in list(self._subscribers):
            if queue.qsize() >= BACKLOG_MAX:
                self._subscribers.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                await self._send(writer, self._refusal(f"a request is at most {LINE_MAX} bytes long"))
                return
            if not line:
                return
            try:
                request = json.loads(line)
            except (ValueError, RecursionError):
                await self._send(writer, self._refusal("not a line of JSON"))
                continue
            if isinstance(request, dict) and request.get("op") == "subscribe":
                await self._stream(reader, writer)
                return
            await self._send(writer, await self._answer(request))

    async def _answer(self, request: Any) -> bytes:
        try:
            result = {"ok": True} | await answer(self._host, self._fences, request)
            return json.dumps(result).encode() + b"\n"
        except OpError as exc:
            return self._refusal(str(exc), exc.code)
        except StartError as exc:
            return self._refusal(f"cannot start: {exc}", "start_failed")
        except Exception as exc:
            self._host.journal.write("error", "op failed", error=repr(exc))
            return self._refusal(f"internal error: {exc!r}")

    @staticmethod
    def _refusal(text: str, code: str = "failed") -> bytes:
        return json.dumps({"ok": False, "error": text, "code": code}).encode() + b"\n"

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await asyncio.wait_for(writer.drain(), WRITE_S)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Events until the client goes away or lags too far behind."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._subscribers.add(queue)
        gone = asyncio.create_task(self._until_gone(reader, queue))
        try:
            await self._send(writer, b'{"ok": true, "subscribed": true}\n')
            while (line := await queue.get()) is not None:
                await self._send(writer, line)
        finally:
            gone.cancel()
            self._subscribers.discard(queue)

    @staticmethod
    async def _until_gone(reader: asyncio.StreamReader, queue: asyncio.Queue[bytes | None]) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                pass
        queue.put_nowait(None)


def _somebody_answers(address: str) -> bool:
    """A connection alone proves nothing: a dying child of a killed supervisor may still hold its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(address)
            probe.sendall(b'{"op": "ping"}\n')
            return bool(probe.recv(1))
        except TimeoutError:
            return True  # it holds the socket and hangs
        except OSError:
            return False
