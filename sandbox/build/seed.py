"""What the shop sells, and who buys there."""

from __future__ import annotations

from typing import Any

import psycopg

from ..shop.api.auth import hash_password

GOODS: dict[str, list[tuple[str, float]]] = {
    "kitchen": [
        ("Stoneware coffee service with milk jug and sugar bowl (12 pieces)", 64.5),
        ("Blue enamel mug", 11.9), ("Walnut chopping board", 34.0),
        ("Cast iron pan, 26 cm", 48.0), ("Linen tea towel", 9.5), ("Pepper mill", 27.9), ("Glass storage jar", 7.8),
        ("Copper kettle", 72.0), ("Olive wood spoon", 8.4), ("Salad bowl", 31.0),
    ],
    "desk": [
        ("Brass desk lamp", 89.0), ("Felt desk pad", 29.0), ("Fountain pen", 44.9), ("Dotted notebook A5", 14.5),
        ("Pencil tray", 18.0), ("Cork pin board", 26.5), ("Letter opener", 12.9), ("Ash wood bookend", 22.0),
        ("Ink bottle, midnight blue", 10.5), ("Paper clips, 200", 4.9),
    ],
    "garden": [
        ("Terracotta pot", 16.0), ("Hand trowel", 19.99), ("Watering can, 5 litres", 36.0), ("Wildflower seeds", 5.5),
        ("Garden gloves", 13.9), ("Bird bath", 58.0), ("Herb planter", 33.5), ("Jute twine", 4.5),
        ("Pruning shears", 39.0), ("Folding stool", 45.0),
    ],
    "travel": [
        ("Canvas weekender", 119.0), ("Wool travel blanket", 79.0), ("Steel bottle, 750 ml", 24.9),
        ("Passport sleeve", 21.0),
        ("Pack of luggage tags", 9.9), ("Toiletry bag", 32.0), ("Neck pillow", 25.5), ("Rain poncho", 28.0),
        ("Pocket torch", 17.9), ("Picnic rug", 42.0),
    ],
    "books": [
        ("Bread at home", 27.0), ("A year of small gardens", 32.5),
        ("Field guide to clouds", 19.0),
        ("Letters worth keeping", 16.9),
        ("The patient traveller", 18.5), ("Sixty soups", 24.0), ("Drawing from life", 29.9),
        ("Old maps of the coast", 38.0),
        ("Night trains", 15.5), ("The mending book", 22.0),
    ],
}  # fmt: skip
USERS = ("Ada", "Ben", "Chiara", "Dmitri", "Esra")


def products() -> list[tuple[int, str, str, str, str, float, int]]:
    """(id, sku, title, category, description, price, hue) of everything."""
    rows: list[tuple[int, str, str, str, str, float, int]] = []
    for category, goods in GOODS.items():
        for title, price in goods:
            number = len(rows) + 1
            text = f"{title.split(',')[0].split(' (')[0]}: chosen for the corner shop because it lasts."
            rows.append(
                (
                    number,
                    f"{category[:3].upper()}-{100 + number}",
                    title,
                    category,
                    text,
                    price,
                    number * 37 % 360,
                )
            )
    return rows


def seed(conn: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Fill an empty schema."""
    rows = products()
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO shop.products (id, sku, title, category, description, price, image) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
        cursor.executemany(
            "INSERT INTO shop.stock (product_id, on_hand) VALUES (%s, %s)",
            [(row[0], 100_000) for row in rows],
        )
        cursor.executemany(
            "INSERT INTO shop.users (email, name, salt, password) VALUES (%s, %s, %s, %s)",
            [
                (f"user{n}@example.test", name, f"s{n}", hash_password("corner-shop", f"s{n}"))
                for n, name in enumerate(USERS, 1)
            ],
        )
        cursor.execute("INSERT INTO shop.coupons (code, percent) VALUES ('WELCOME10', 10), ('SPRING5', 5)")
        cursor.execute("INSERT INTO shop.flags (name, percent) VALUES ('new_checkout', 0)")
