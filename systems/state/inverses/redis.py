"""Redis: settings as they run, and users' rights. Passwords of users are known by a mark only."""

from __future__ import annotations

from systems.services import LoadedSystem
from systems.state.inverses.types import Command, Inverse, NoInverse, Wanted


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    if wanted.area == "settings" and wanted.then is not None:
        command = Command(wanted.component, ("CONFIG", "SET", wanted.what, wanted.then))
        note = "what its configuration file says is not touched: after a restart that counts"
        return Inverse((command,), notes=(note,))
    if wanted.what == "follows" and wanted.then == "nobody":
        command = Command(wanted.component, ("REPLICAOF", "NO", "ONE"))
        note = "it goes on with the data that it has; where something else decides who is primary, that decides again"
        return Inverse((command,), notes=(note,))
    if wanted.what == "follows":
        raise NoInverse(
            f"{wanted.component} would take over all data of {wanted.then}: a person decides that"
        )
    if wanted.area == "access":
        return Inverse((_user(wanted),))
    raise NoInverse(f"{wanted.what} of {wanted.component} is put back by a person")


def _user(wanted: Wanted) -> Command:
    name = wanted.what.removeprefix("user ")
    if ": passwords" in name:
        raise NoInverse("the passwords of a user are not kept: a person sets them, or they are rotated")
    if wanted.then is None or wanted.now is None:
        gone = "is gone with its passwords" if wanted.now is None else "was not there before"
        raise NoInverse(f"user {name} of {wanted.component} {gone}: a person makes or drops it")
    now, then = wanted.now.split(), wanted.then.split()
    if ("nopass" in now) != ("nopass" in then):
        raise NoInverse(
            f"whether user {name} needs a password is put back by a person: the old one is not kept"
        )
    rules = tuple(word for word in then if word not in ("nopass", "sanitize-payload"))
    fresh = ("resetkeys", "resetchannels", "-@all")
    return Command(wanted.component, ("ACL", "SETUSER", name, *fresh, *rules))
