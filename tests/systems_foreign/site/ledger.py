"""Lends books: asks the shelf for each. Settings come from the environment."""

import json
import os
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

SHELF = os.environ["SHELF_URL"]
PORT = int(os.environ["LEDGER_PORT"])
LOANS = []


class Counter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/status":
            return self.reply(200, {"loans": len(LOANS)})
        return self.reply(404, {})

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        try:
            with urllib.request.urlopen(f"{SHELF}/book/{wanted['book']}", timeout=2) as answer:
                book = json.load(answer)
        except (urllib.error.URLError, OSError) as error:
            print(f"[{time.ctime()}] [error] loan of {wanted}: shelf: {error}", flush=True)
            return self.reply(502, {"why": "the shelf does not answer"})
        LOANS[:] = [*LOANS[-99:], book["id"]]
        return self.reply(201, {"loan": len(LOANS), "title": book["title"]})

    def reply(self, status, data):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        print(f"[{time.ctime()}] [notice] {form % args}", flush=True)


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True


print(f"[{time.ctime()}] [notice] ledger opens", flush=True)
Server(("127.0.0.1", PORT), Counter).serve_forever()
