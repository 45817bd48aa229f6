"""The table of recognised names as a page for people (docs/metrics.md): `python -m systems.prom.describing`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from systems.prom.table import Share, Single, State, table

HEAD = """# Recognised metrics

Which metrics of widespread software become which readings, made from `systems/prom/names.yaml`
(`python -m systems.prom.describing > docs/metrics.md`); to add one is one line there. `_total` at the end of a name
may be missing. What is not here is counted and told by `./ops register MANIFEST --check`, and never guessed at: a
manifest says what a service's own metrics mean ([below](#metrics-of-your-own)).
"""
REQUESTS = """## Requests

Counters with a label for the status, and histograms or summaries of durations. Where a service tells several, the
first that tells statuses speaks for it. They become `app.rps`, the shares `app.error_rate` (5xx, and what gRPC calls
the server's), `app.client_error_rate` (4xx) and `app.turned_away` (429), `app.status_429` (a count), `app.p50_ms` and
`app.p95_ms`, or where only a sum and a count are told `app.mean_ms`; by route (the dozen most used ones, the others
as one) `app.error_rate`, `app.route_rps`, `app.route_p50_ms` and `app.route_p95_ms`; by replica `app.error_rate`. The
window is ten seconds, or two and a half scrapes; up to a minute where there are fewer than forty requests, but not
past a moment since which clearly more or fewer of them fail. A share of few requests is told only where at least four
failed (of a route or replica: five): else it is unknown, not 0.
"""
OWN = """
## Metrics of your own

`names` of a service's `metrics` say what becomes of metrics by names that nobody else has
([all keys](manifest.md#namedmetric)); they mean nothing of other services.

```yaml
services:
  orders:
    kind: http
    metrics:
      url: http://orders:9000/metrics
      names:
        - {name: acme_lane_breaker, kind: state, reading: "app.{lane}.breaker"}  # {lane="eu",state="open"} 1
        - {name: acme_jobs_waiting, reading: app.jobs_waiting}
        - {name: acme_sold_total, kind: rate, reading: app.sold_rate}
        - {name: acme_answer_seconds, kind: durations}  # a histogram; with a label for the status it counts, too
```

Every reading is stored and plotted. These are looked at as well, by what they are called:

| reading | of kind | is a sign when |
|---|---|---|
| `app.rps`, `app.error_rate`, `app.p50_ms` and the others above | `requests`, `durations` | as for any service |
| `breaker` in its name | state | it is `open` or `half-open` |
| `app.failed_rate` | rate | more of its work fails than usual |
| ends with `requests_waiting` or `tokens_waiting` | value | somebody waits (context) |
| `429`, `rate_limited` or `throttled` in its name | value, a count | it rises: requests are turned away |
| `app.client.NAME`, `app.key.NAME` | value, a count | one client sends far more than others (context) |
| `app.link_used.NAME` | value, a share of what it can carry | the network path is full (context) |
| `app.sent_bytes.NAME` | value, a count | one sender sends most of what goes over it (context) |
| ends with `active`, `mode` or `provider` | state | it says `fallback`, `secondary`, `standby` or `cached` (context) |
| ends with `path` or `side` | state | it is `B`, `secondary`, `standby` or `backup` (context) |

What is to be judged otherwise is a [declared reading](declared.md).
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
    lines += ["", "## Everything else", "", "| reading | made of | of |", "|---|---|---|", *_others(), OWN]
    return "\n".join(lines)


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
