"""What somebody takes away from the users of the cache."""

from __future__ import annotations

from chaos.alterations import Alteration, Touched
from chaos.faults.base import Undo
from chaos.site import Site


class CommandTaken(Alteration):
    """Everybody logs in as the default user, who may no longer do this one thing."""

    id = "command_taken"
    title = "A command of the cache is forbidden"
    components = ("redis",)
    choices = ("lpush", "set")

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"command": self.choices[seed % 2]}

    def apply(self, site: Site, undo: Undo) -> None:
        with site.redis() as redis:
            redis.execute_command("ACL", "SETUSER", "default", f"-{undo['command']}")

    def undo(self, site: Site, undo: Undo) -> None:
        with site.redis() as redis:
            redis.execute_command("ACL", "SETUSER", "default", "+@all")

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            rules = str(redis.acl_getuser("default"))
        return f"default may not {undo['command']}" if f"-{undo['command']}" in rules else ""

    def touched(self, undo: Undo) -> list[Touched]:
        return [Touched("redis", "access", "default")]
