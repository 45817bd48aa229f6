"""The board's page. `/` shows the notices, `/find?words` looks in them and remembers what was looked for."""

import json
import os
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HOST, PORT = os.environ["PINS"].split(":")
FOUND: dict[str, bytes] = {}


def ask(question: str) -> list[str]:
    with socket.create_connection((HOST, int(PORT)), timeout=2) as pins:
        pins.sendall(f"{question}\n".encode())
        return json.loads(pins.makefile().readline())


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        try:
            status, text = self.answer(url.path, unquote(url.query))
        except (OSError, ValueError) as error:
            print(f"{time.strftime('%H:%M:%S')} ERROR {url.path}: pins does not answer: {error}", flush=True)
            status, text = 502, "no notices now\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def answer(self, path: str, query: str) -> tuple[int, str]:
        if path == "/healthz":
            return 200, "ok\n"
        if path == "/find":
            FOUND[query] = b"\1" * 1_000_000  # the answer of each search is kept, for ever
            return 200, "\n".join(n for n in ask("AFTER 0") if query in n) + "\n"
        if path == "/":
            return 200, "\n".join(ask(f"AFTER {query or 0}")) + "\n"
        if path == "/export":
            return 202, "\n".join(ask("EXPORT")) + "\n"
        return 404, "not here\n"

    def log_message(self, text: str, *more: object) -> None:
        print(time.strftime("%H:%M:%S"), "INFO", text % more, flush=True)


ThreadingHTTPServer(("", 8000), Page).serve_forever()
