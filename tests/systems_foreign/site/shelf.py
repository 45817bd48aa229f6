"""Knows the books. `python shelf.py CONFIG`; SIGHUP reads the config again."""

import json
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml


def say(word, text):
    print(f"{time.strftime('%H:%M:%S')} shelf {word}: {text}", flush=True)


def read():
    return yaml.safe_load(pathlib.Path(sys.argv[1]).read_text())


def titles(books):
    return [book["title"] for book in books]


class Desk(BaseHTTPRequestHandler):
    config = {}

    def do_GET(self):
        time.sleep(self.config["answers"]["wait_s"])
        books = self.config["books"]
        if self.path == "/alive":
            self.send(200, "here")
        elif self.path == "/titles":
            self.send(200, json.dumps(titles(books)))
        elif self.path.startswith("/book/"):
            found = [b for b in books if str(b["id"]) == self.path[6:]]
            self.send(200 if found else 404, json.dumps(found[0] if found else {}))
        else:
            self.send(404, "no such page")

    def send(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        say("info", form % args)


def again(*_):
    Desk.config = read()
    say("info", "read the config again")


Desk.config = read()
signal.signal(signal.SIGHUP, again)
say("info", "opening")
ThreadingHTTPServer(("127.0.0.1", Desk.config["port"]), Desk).serve_forever()
