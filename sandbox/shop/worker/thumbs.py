"""Draws an order's picture in a forked child, at most `child_slots` of them at a time."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ..kit.config import Config

log = logging.getLogger("shop")
KEEP = 50  # files on disk


class Thumbs:
    """thumbs.reap_children: wait for ended children; thumbs.child_slots: how many may exist."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.children: set[int] = set()
        self.drawn = 0
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, order: int) -> None:
        """Start a child for this order's picture; an order without one is still a good order."""
        self.reap()
        slots = int(self.config.number("thumbs.child_slots", 32))
        if len(self.children) >= slots:
            log.error("no child slots (%d/%d), order %d gets no picture", len(self.children), slots, order)
            return
        try:
            pid = os.fork()
        except BlockingIOError:
            log.exception("cannot fork for order %d", order)
            return
        if pid == 0:
            try:
                (self.folder / f"order-{order % KEEP}.svg").write_text(_picture(order))
            finally:
                os._exit(0)
        self.children.add(pid)
        self.drawn += 1

    def reap(self) -> None:
        if not self.config.get("thumbs.reap_children", True):
            return
        for pid in list(self.children):
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid
            if ended:
                self.children.discard(pid)


def _picture(order: int) -> str:
    hue = order * 47 % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96">'
        f'<rect width="96" height="96" rx="12" fill="hsl({hue} 45% 70%)"/>'
        f'<text x="48" y="56" text-anchor="middle" font-size="20">{order}</text></svg>\n'
    )
