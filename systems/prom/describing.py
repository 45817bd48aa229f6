"""The table of recognised names as a page for people (docs/metrics.md): `python -m systems.prom.describing`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from systems.prom.table import Share, Single, State, table

HEAD = """# Recognised metrics

Which metrics of widespread software become which readings, made from `systems/prom/names.yaml`
(`python -m systems.prom.describing > docs/metrics.md`); to add one is one line there. `_total` at the end of a name
may be missing. What is not here is counted and told by `./ops register MANIFEST --check`, and never guessed at.
"""
REQUESTS = """## Requests

Counters with a label for the status, and histograms or summaries of durations. Where a service tells several, the
first that tells statuses speaks for it. They become `app.rps`, `app.error_rate` (5xx, and what gRPC calls the
server's), `app.client_error_rate` (4xx), `app.status_429` (a count), `app.p50_ms` and `app.p95_ms`, or where only a sum
and a count are told `app.mean_ms`; by route (the dozen most used ones, the others as one) `app.error_rate`,
`app.route_rps`, `app.route_p50_ms` and `app.route_p95_ms`; by replica
`app.error_rate`. The window is ten seconds, or two and a half scrapes; up to a minute where there are fewer than forty
requests. A share of few requests is
told only where at least four failed (of a route or replica: five): else it is unknown, not 0.
"""


def page() -> str:
    """The whole page, in Markdown."""
    known = table()
    lines = [HEAD, REQUESTS, "| metric | of |", "|---|---|"]
    named = [(r.of, r.name) for r in known.requests] + [(d.of, d.name) for d in known.durations]
    for of, rows in groupby(named, key=lambda row: row[0]):
        lines.append(f"| {', '.join(f'`{name}`' for _, name in rows)} | {of} |")
    labels = known.labels.model_dump()
    lines += ["", "| what | labels, the first that is there |", "|---|---|"]
    lines += [f"| {what} | {', '.join(f'`{name}`' for name in names)} |" for what, names in labels.items()]
    lines += ["", "## Everything else", "", "| reading | made of | of |", "|---|---|---|", *_others()]
    return "\n".join(lines) + "\n"


def _others() -> Iterator[str]:
    known = table()
    yield from _rows(known.gauges, "{}")
    yield from _rows(known.rates, "increase a second of {}")
    for share in known.shares:
        yield f"| `{share.reading}` | {_share(share)} | {share.of} |"
    yield from _rows(known.states, "the state that {} names")


def _rows(rows: Iterable[Single | State], words: str) -> Iterator[str]:
    for row in rows:
        by = f", by `{row.by}`" if isinstance(row, Single) and row.by else ""
        yield f"| `{row.reading}`{by} | {words.format(f'`{row.name}`')} | {row.of} |"


def _share(share: Share) -> str:
    return f"`{share.top}` over {' + '.join(f'`{name}`' for name in share.bottom)}"


if __name__ == "__main__":
    print(page(), end="")
