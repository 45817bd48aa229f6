"""One of five packets of the api's database traffic is lost."""

from __future__ import annotations

from typing import Any

from chaos.faults import _lines
from chaos.faults.base import Expected, Fault, Intensity, Part, Undo
from chaos.site import Site

EDGE, UNIT = "api-db", "net"
LOST = 20  # of a hundred


def _rule(share: float) -> list[str]:
    return [
        "INPUT",
        "-p",
        "tcp",
        "-m",
        "statistic",
        "--mode",
        "random",
        "--probability",
        f"{share:g}",
        "-j",
        "DROP",
    ]


class PacketLoss(Fault):
    id = "packet_loss"
    title = "Packet loss"
    category = "network"
    targets = (UNIT,)
    description = (
        "The link that carries the api's database traffic loses a fifth of it, which is sent again, late."
    )
    blast_radius = "some requests are slow by fractions of a second to seconds, others as always"
    reverts = "takes the rule out and moves the traffic back to the link"
    expected = Expected((UNIT,), ("edge_slow", "edge_down"))
    culprits = ((UNIT, EDGE), (UNIT, "INPUT"))
    may_touch = (EDGE, "api", "api-1", "api-2", "postgres")
    drivers = ("process",)
    intensity = Intensity("of a hundred packets, so many are lost", LOST, 5, 60)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"rules": _lines.rules(site, EDGE), "share": self.strength(params) / 100}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _lines.inside(site, EDGE, "iptables", "-A", *_rule(undo["share"]))

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            Part(f"the line of {EDGE}", lambda: _clear(site, undo)),
            Part(f"{EDGE} runs over its own line", lambda: _back(site)),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """A line that nobody uses any more harms nobody."""
        bad = site.edge(EDGE)["path"] == "A" and len(_lines.rules(site, EDGE)) > len(undo["rules"])
        return f"the link {EDGE} loses packets" if bad else ""


def _clear(site: Site, undo: Undo) -> None:
    if len(_lines.rules(site, EDGE)) > len(undo["rules"]):
        _lines.inside(site, EDGE, "iptables", "-D", *_rule(undo.get("share", LOST / 100)))


def _back(site: Site) -> None:
    if site.edge(EDGE)["path"] != "A":
        site.post(UNIT, f"/edges/{EDGE}/reset")
