"""The shop's pages as HTML."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("shop.css").read_text()
CATEGORIES = ("kitchen", "desk", "garden", "travel", "books")


SHAPES = {
    "kitchen": (
        '<path d="M30 40h40v22a16 16 0 0 1-16 16H46a16 16 0 0 1-16-16z"/>'
        '<path d="M70 46h8a8 8 0 0 1 0 16h-8" fill="none" stroke-width="5"/>'
    ),
    "desk": '<path d="M28 78h44v-6H28z"/><path d="M48 72V44l14-12 16 14-6 6-10-8-8 6v22z"/>',
    "garden": (
        '<path d="M34 58h32l-5 22H39z"/>'
        '<path d="M50 58c-2-18-16-20-20-26 14-2 20 8 20 14 2-10 10-16 20-16-2 10-12 14-20 28z"/>'
    ),
    "travel": (
        '<rect x="28" y="42" width="44" height="36" rx="5"/><path d="M42 42v-8h16v8" fill="none" stroke-width="5"/>'
    ),
    "books": '<path d="M30 32h18v46H30zM52 32h8v46h-8z"/><path d="M66 34l7-2 8 44-7 2z"/>',
}


def picture(item: dict[str, Any], size: int = 180) -> str:
    """A drawn picture: a shape per category on the product's own colour."""
    hue = int(item.get("image") or 0)
    ink = f"hsl({hue} 34% 42%)"
    style = f"width:100%;max-height:{size}px;background:hsl({hue} 38% 88%)"
    label = escape(str(item.get("title", "")))
    return (
        f'<svg viewBox="0 0 110 110" role="img" aria-label="{label}" style="{style}">'
        f'<g fill="{ink}" stroke="{ink}" stroke-width="0">{SHAPES.get(str(item.get("category")), "")}</g></svg>'
    )


def layout(title: str, body: str, cart_lines: int = 0) -> str:
    links = "".join(f'<a href="/?category={c}">{c.title()}</a>' for c in CATEGORIES)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<header><div class="bar"><h1><a href="/">Corner shop</a></h1><nav>{links}</nav>'
        f'<nav class="cart"><a href="/cart">Cart{f" ({cart_lines})" if cart_lines else ""}</a></nav></div>'
        f'<div class="awning"></div></header><main>{body}</main>'
        '<footer class="soft">Corner shop, open around the clock.</footer></body></html>'
    )


def home(items: list[dict[str, Any]], category: str) -> str:
    cards = "".join(
        f'<a class="card" href="/p/{escape(i["sku"])}">{picture(i)}<div class="body"><h3>{escape(i["title"])}</h3>'
        f'<span class="soft">{escape(i["category"])}</span><span class="price">€ {i["price"]:.2f}</span></div></a>'
        for i in items
    )
    head = f"<h2>{escape(category.title())}</h2>" if category else "<h2>Good things, close by</h2>"
    return layout("Corner shop", f'{head}<div class="grid">{cards}</div>')


def product(item: dict[str, Any], quote: dict[str, Any] | None) -> str:
    delivery = (
        f"Delivery € {quote['delivery']:.2f}, {quote['days']} day{'s' if quote['days'] != 1 else ''}"
        if quote
        else "Delivery costs are not known right now"
    )
    body = (
        f'<div class="one"><div class="card">{picture(item, 380)}</div><div><h2>{escape(item["title"])}</h2>'
        f'<p>{escape(item["description"])}</p><p class="price">€ {item["price"]:.2f}</p>'
        f'<p class="soft">{item["on_hand"]} in stock. {delivery}.</p>'
        f'<form method="post" action="/cart"><input type="hidden" name="sku" value="{escape(item["sku"])}">'
        "<button>Add to cart</button></form></div></div>"
    )
    return layout(item["title"], body)


def cart(data: dict[str, Any]) -> str:
    lines = data["cart"]
    if not lines:
        return layout(
            "Cart", '<h2>Your cart</h2><p class="note">It is empty. <a href="/"><u>Look around</u></a></p>'
        )
    rows = "".join(
        f"<tr><td>{escape(line['title'])}</td><td>{line['qty']}</td><td>€ {line['price']:.2f}</td></tr>"
        for line in lines
    )
    body = (
        f"<h2>Your cart</h2><table><tr><th>Product</th><th>Quantity</th><th>Price</th></tr>{rows}"
        f'<tr><th colspan="2">Total</th><th>€ {data["total"]:.2f}</th></tr></table>'
        '<p><form method="post" action="/checkout"><button>Buy now</button></form></p>'
    )
    return layout("Cart", body, len(lines))


def thanks(order: dict[str, Any]) -> str:
    text = f"Order {order['order']} over € {order['total']:.2f} is on its way."
    return layout(
        "Thank you",
        f'<h2>Thank you</h2><p class="note">{text}</p><p><a href="/"><u>Back to the shop</u></a></p>',
    )


def trouble(status: int, detail: str) -> str:
    text = "We cannot show this right now. Please try again in a moment."
    return layout(
        "Something went wrong",
        f'<h2>Sorry</h2><p class="note">{text}</p><p class="soft">{status} {escape(detail)}</p>',
    )
