"""Messages of RFC 1035, as much as is needed to ask for the address (A) of a name and to answer that."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

NOERROR, FORMERR, SERVFAIL, NXDOMAIN = 0, 1, 2, 3
WORDS = {NOERROR: "NOERROR", FORMERR: "FORMERR", SERVFAIL: "SERVFAIL", NXDOMAIN: "NXDOMAIN"}
A, IN = 1, 1
MAX = 512  # bytes of a message over UDP
_HEAD = struct.Struct("!HHHHHH")
_ANSWERS, _RECURSES, _WANTED = (
    0x8580,
    0x0100,
    0x000F,
)  # an answer with authority; please look further; its result
_POINTS = 0xC0  # a name that stands further up


class Malformed(ValueError):
    """It is no message of this kind."""


@dataclass(frozen=True)
class Question:
    number: int
    name: str
    kind: int


def question(number: int, name: str) -> bytes:
    return _HEAD.pack(number, _RECURSES, 1, 0, 0, 0) + _name(name) + struct.pack("!HH", A, IN)


def asked(message: bytes) -> Question:
    """Malformed when it is no question."""
    try:
        number, flags, count, *_ = _HEAD.unpack_from(message)
        name, at = _read_name(message, _HEAD.size)
        kind, _ = struct.unpack_from("!HH", message, at)
    except (struct.error, IndexError, UnicodeError) as error:
        raise Malformed(str(error)) from error
    if flags & 0x8000 or count != 1:
        raise Malformed("no question")
    return Question(number, name.lower(), kind)


def answer(to: Question, code: int, address: str | None, ttl_s: int) -> bytes:
    """`address`: None where there is none to tell."""
    told = 1 if address else 0
    head = _HEAD.pack(to.number, _ANSWERS | code, 1, told, 0, 0)
    said = head + _name(to.name) + struct.pack("!HH", to.kind, IN)
    if address:
        said += struct.pack("!HHHIH", 0xC00C, A, IN, ttl_s, 4) + socket.inet_aton(address)
    return said


def told(message: bytes, number: int) -> tuple[int, str | None]:
    """(result, the first address). Malformed when it does not belong to that question."""
    try:
        theirs, flags, questions, answers, *_ = _HEAD.unpack_from(message)
        if theirs != number or not flags & 0x8000:
            raise Malformed("an answer to something else")
        at = _HEAD.size
        for _ in range(questions):
            _, at = _read_name(message, at)
            at += 4
        for _ in range(answers):
            _, at = _read_name(message, at)
            kind, _, _, length = struct.unpack_from("!HHIH", message, at)
            at += 10
            if kind == A and length == 4:
                return flags & _WANTED, socket.inet_ntoa(message[at : at + 4])
            at += length
    except (struct.error, IndexError, OSError, UnicodeError) as error:
        raise Malformed(str(error)) from error
    return flags & _WANTED, None


def _name(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    """The name that begins there, and where it ends. One that points elsewhere is not followed."""
    labels: list[str] = []
    while (length := message[at]) != 0:
        if length >= _POINTS:
            return ".".join(labels), at + 2
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1
