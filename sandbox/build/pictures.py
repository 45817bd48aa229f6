"""The pictures of all that the shop sells, in its bucket in the cloud and in that bucket's copy."""

from __future__ import annotations

from .layout import Layout
from .seed import products

BUCKETS = ("shop-assets", "shop-assets-dr")


def write(layout: Layout, *, keep: bool) -> None:
    """`keep`: a cloud that is there is left as it is, whatever it lacks."""
    data = layout.root / "world/data"
    if keep and data.exists():
        return
    for bucket in BUCKETS:
        folder = data / bucket / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for _, sku, _, _, _, _, hue in products():
            (folder / f"{sku}.svg").write_text(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="110" height="110">'
                f'<rect width="110" height="110" rx="12" fill="hsl({hue} 45% 70%)"/></svg>\n'
            )
