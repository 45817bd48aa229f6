"""Draws the catalogue pictures with their captions."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

from . import Params, connect, log


def run(params: Params) -> None:
    """caption_pattern: what a title must look like to be printed under its picture; limit: pictures a run."""
    pattern = re.compile(str(params.get("caption_pattern", r"^[\w .,'&-]+$")))
    folder = Path(os.environ["THUMBS_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    with connect("thumb-render") as conn:
        rows = conn.execute(
            "SELECT sku, title, image FROM shop.products ORDER BY updated_at DESC, id LIMIT %s",
            (int(params.get("limit", 60)),),
        ).fetchall()
    drawn = 0
    for sku, title, hue in rows:
        if not pattern.match(title):
            log.warning("thumb-render: title of %s cannot be printed", sku)
            continue
        caption = html.escape(title)
        shape = f'<rect fill="hsl({hue} 40% 70%)"/><text>{caption}</text>'
        picture = f'<svg xmlns="http://www.w3.org/2000/svg">{shape}</svg>'
        (folder / f"{sku}.svg").write_text(picture)
        drawn += 1
    log.info("thumb-render: %d pictures", drawn)
