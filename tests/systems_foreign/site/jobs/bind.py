"""Binds all volumes at once, in memory."""

import time

pages = []
while len(pages) < 120:
    pages.append(bytearray(b"page" * 2_000_000))
    time.sleep(0.2)
time.sleep(600)
