"""Copies all notices; written by somebody who tried it with three of them."""

import time

PAGES = []

while len(PAGES) < 1000:
    PAGES.append(b"\1" * 2_000_000)
    time.sleep(0.4)
