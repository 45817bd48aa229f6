"""A websocket client inside the test's event loop."""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """One connection to an ASGI application."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        path, _, query = path.partition("?")
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": headers}
        super().__init__(application, {**scope, "subprotocols": [], "client": ["127.0.0.1", 1]})

    async def connect(self) -> bool:
        """Whether the application accepted."""
        await self.send_input({"type": "websocket.connect"})
        output = await self.receive_output(10)
        return bool(output["type"] == "websocket.accept")

    async def say(self, said: str | bytes) -> None:
        kind = "text" if isinstance(said, str) else "bytes"
        await self.send_input({"type": "websocket.receive", kind: said})

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        output = await self.receive_output(10)
        assert output["type"] == "websocket.send", output
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def hear_kind(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; others are let go."""
        while (message := await self.hear())["kind"] != kind:
            pass
        return message

    async def closed_with(self) -> int:
        """Wait for the application to close; its code."""
        while (output := await self.receive_output(10))["type"] != "websocket.close":
            pass
        return int(output["code"])

    async def hang_up(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(10)
