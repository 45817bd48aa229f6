"""The network between the parts: a line that carries less than it should, or one way only."""

from __future__ import annotations

import shutil
from typing import Any

from chaos.faults import _lines
from chaos.faults.base import FaultFailed, Undo
from chaos.site import Site
from chaos.unknown.base import Value

DATA = "7000"  # the port that all of a line goes through


class OfWire(Value):
    """A line is the loopback of a network of its own. A choice is (part, edge, ...)."""

    family = "network"
    kind = "act"
    components = ("net",)
    drivers = ("process",)
    may_touch = ("api", "api-1", "api-2", "postgres", "redis")
    tool = ""

    def inverse(self, site: Site, seed: int) -> Undo:
        undo = super().inverse(site, seed)
        if not shutil.which(self.tool):
            raise FaultFailed(f"{self.tool} is not installed here")
        return undo

    def still_broken(self, site: Site, undo: Undo) -> str:
        """A line that nobody uses any more harms nobody."""
        return super().still_broken(site, undo) if site.edge(undo["chosen"][1])["path"] == "A" else ""

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        if site.edge(undo["chosen"][1])["path"] != "A":
            site.post("net", f"/edges/{undo['chosen'][1]}/reset")

    def inside(self, site: Site, chosen: list[Any], *argv: str) -> str:
        """What a command in the line's own network says. FaultFailed when there is none, or it fails."""
        return _lines.inside(site, chosen[1], *argv)


class Filtered(OfWire):
    """A rule of the line's filter. A choice is (part, edge, chain, the rule)."""

    tool = "iptables"
    kind = "access"

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return _lines.rules(site, chosen[1])

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        self.inside(site, chosen, "iptables", "-A", chosen[2], *chosen[3].split())

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self.inside(site, chosen, "iptables", "-D", chosen[2], *chosen[3].split())


class OneWay(Filtered):
    """Questions arrive, answers do not."""

    id = "one_way"
    title = "A line carries one way only"
    causes = ("", "edge_down")  # no answer comes: that runbook speaks of nothing else
    choices = tuple(
        ("net", edge, "OUTPUT", f"-p tcp --{end} {DATA} -j DROP")
        for edge in ("api-db", "api-redis", "api-upstream") for end in ("sport", "dport")
    )  # fmt: skip


class Lossy(Filtered):
    """What is lost is sent again, later and later."""

    id = "lossy_line"
    title = "A line loses a part of what it carries"
    causes = ("", "edge_slow", "edge_down")  # where nearly every try is lost, it is as good as cut
    choices = tuple(
        ("net", edge, "INPUT", f"-p tcp -m statistic --mode random --probability {share} -j DROP")
        for edge in ("api-db", "api-redis") for share in (0.4, 0.5)
    )  # fmt: skip


class Narrow(OfWire):
    """Small things pass at once, large ones take their time."""

    id = "narrow_line"
    title = "A line carries next to nothing"
    causes = ("", "edge_slow", "edge_down")  # what is in use lets nothing new through
    tool = "tc"
    kind = "limit"
    choices = tuple(("net", edge, rate) for edge in ("api-db", "api-redis") for rate in ("16kbit", "24kbit"))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return "tbf" in self.inside(site, chosen, "tc", "qdisc", "show", "dev", "lo")

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        shape = f"tbf rate {chosen[2]} burst 1600 latency 3s"
        self.inside(site, chosen, "tc", "qdisc", "add", "dev", "lo", "root", *shape.split())

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self.inside(site, chosen, "tc", "qdisc", "del", "dev", "lo", "root")


class FewPorts(OfWire):
    """Enough for those who are connected; the next one finds none."""

    id = "few_ports"
    title = "There are hardly any ports for new connections on a line"
    causes = ("", "edge_down")  # who asks anew gets no answer: that runbook speaks of nothing else
    tool = "nsenter"
    kind = "setting"
    choices = tuple(("net", "api-db", count) for count in (0, 1, 2))
    FILE = "/proc/sys/net/ipv4/ip_local_port_range"

    def look(self, site: Site, chosen: list[Any]) -> Any:
        return " ".join(self.inside(site, chosen, "cat", self.FILE).split())

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        first = int(was.split()[0])
        self._set(site, chosen, f"{first} {first + chosen[2]}")

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        self._set(site, chosen, was)

    def _set(self, site: Site, chosen: list[Any], ports: str) -> None:
        self.inside(site, chosen, "sh", "-c", f"echo {ports} > {self.FILE}")
