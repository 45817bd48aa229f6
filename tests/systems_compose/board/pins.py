"""Keeps the notices: one line in, one line of JSON out. `AFTER n` gives those with a number above n, `EXPORT` starts
a program that copies them all."""

import json
import socket
import subprocess
import sys

NOTICES = ["Lost: one grey cat", "Choir on Tuesday", "Free plums"]


def answer(line: str) -> object:
    word, _, rest = line.partition(" ")
    if word == "AFTER":
        return NOTICES[int(rest) :]
    if word == "EXPORT":
        subprocess.Popen([sys.executable, "export.py"])
        return ["begun"]
    return {"unknown": word}


def serve() -> None:
    door = socket.create_server(("", 7000))
    print("pins: at your service", flush=True)
    while True:
        caller, _ = door.accept()
        with caller:
            caller.settimeout(1)
            line = caller.makefile().readline().strip()
            caller.sendall(json.dumps(answer(line)).encode() + b"\n")
            print(f"pins: {line} answered", flush=True)


serve()
