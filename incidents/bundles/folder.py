"""The folder of a bundle, written and read. No database, no network; the format is told in docs/bundle.md."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from incidents.bundles import FORMAT, Bundle, BundleError, Tick
from incidents.bundles.spans import spans, spread
from systems.manifest import ManifestError, parse_manifest
from systems.readings import Reading
from systems.state.types import as_json, from_json

HEAD, MANIFEST, ANSWER = "bundle.json", "manifest.yaml", "answer.json"
READINGS, LOGS = "readings.ndjson.gz", "logs.ndjson.gz"
LISTS = ("symptoms", "timeline", "normal")
CHANGES = "changes.json"
LOGGED = ("log.template", "log.new_template")
MOST_BYTES = 200_000_000  # unpacked, of one file


def write(bundle: Bundle, manifest_text: str, folder: Path, answer: dict[str, Any] | None = None) -> None:
    """Write a new folder. FileExistsError when it is there."""
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(manifest_text)
    _write_json(folder / HEAD, _head(bundle, answered=answer is not None))
    for name in LISTS:
        _write_json(folder / f"{name}.json", getattr(bundle, name))
    _write_json(folder / CHANGES, [as_json(change) for change in bundle.changes])
    _write_rows(folder / READINGS, _reading_rows(bundle.ticks))
    _write_rows(folder / LOGS, _log_rows(bundle.ticks))
    if answer is not None:
        _write_json(folder / ANSWER, answer)


def read(folder: Path) -> Bundle:
    """The bundle in a folder, without its answer. BundleError says what is wrong with it."""
    try:
        head = json.loads((folder / HEAD).read_text())
        if head.get("format") != FORMAT:
            raise BundleError(f"{folder}: format {head.get('format')!r}; this portal reads {FORMAT}")
        manifest = parse_manifest(
            (folder / MANIFEST).read_text(), name=f"{folder.name}/{MANIFEST}", in_use=True
        )
        lists = {name: json.loads((folder / f"{name}.json").read_text()) for name in LISTS}
        changes = [from_json(change) for change in json.loads((folder / CHANGES).read_text())]
        ticks = _ticks(head.pop("ticks"))
        _place_readings(ticks, _rows(folder / READINGS))
        _place_logs(ticks, _rows(folder / LOGS))
        window = head["window"]
        start, trouble = (datetime.fromisoformat(window[k]) for k in ("from", "trouble_from"))
    except ManifestError as error:
        raise BundleError(str(error)) from None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError, TypeError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{folder} is no bundle: {type(error).__name__}: {error}") from None
    return Bundle(
        manifest, start, (trouble - start).total_seconds(), ticks, changes=changes, head=head, **lists
    )


def answer(folder: Path) -> dict[str, Any] | None:
    """What was really wrong, where that is known. For whoever scores, after the fact; nobody else reads it."""
    path = folder / ANSWER
    return json.loads(path.read_text()) if path.exists() else None


def find(paths: Iterable[Path]) -> list[Path]:
    """The bundles among and below `paths`."""
    found: list[Path] = []
    for path in paths:
        found += [path] if (path / HEAD).exists() else sorted(p.parent for p in path.rglob(HEAD))
    return found


# -- what is in the files --------------------------------------------------------------------------------------


def _head(bundle: Bundle, *, answered: bool) -> dict[str, Any]:
    ticks = bundle.ticks
    return {
        "format": FORMAT,
        **bundle.head,
        "system": bundle.manifest.system,
        "window": {
            "from": bundle.start.isoformat(),
            "trouble_from": bundle.time(bundle.trouble_from).isoformat(),
            "to": bundle.time(bundle.seconds).isoformat(),
        },
        "answer": ANSWER if answered else None,
        "ticks": {
            "at": [round(t.at, 3) for t in ticks],
            "mini": spans([i for i, t in enumerate(ticks) if t.mini]),
            "starved": spans([i for i, t in enumerate(ticks) if t.starved]),
        },
    }


def _ticks(told: dict[str, Any]) -> list[Tick]:
    mini, starved = (set(spread(told[k])) for k in ("mini", "starved"))
    return [Tick(float(at), [], i in mini, i in starved) for i, at in enumerate(told["at"])]


def _reading_rows(ticks: list[Tick]) -> Iterator[dict[str, Any]]:
    """One row per series and text: the ticks it was read at, and its value at each (or the one value of all)."""
    series: dict[tuple[str, str, str, str], tuple[list[int], list[float | None]]] = {}
    for number, tick in enumerate(ticks):
        for r in tick.readings:
            if r.metric not in LOGGED:
                numbers, values = series.setdefault((r.service, r.metric, r.label, r.text), ([], []))
                numbers.append(number)
                values.append(r.value)
    for (service, metric, label, text), (numbers, values) in series.items():
        row: dict[str, Any] = {"service": service, "metric": metric, "label": label, "text": text}
        row = {k: v for k, v in row.items() if v != ""} | {"ticks": spans(numbers)}
        yield row | ({"value": values[0]} if len(set(values)) == 1 else {"values": values})


def _place_readings(ticks: list[Tick], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        numbers = spread(row["ticks"])
        service, metric, text, label = (
            row["service"],
            row["metric"],
            row.get("text", ""),
            row.get("label", ""),
        )
        if "values" in row:
            found = [Reading(service, metric, value, text, label) for value in row["values"]]
        else:  # most: one and the same reading at every tick
            found = [Reading(service, metric, row["value"], text, label)] * len(numbers)
        for number, reading in zip(numbers, found, strict=True):
            ticks[number].readings.append(reading)


def _log_rows(ticks: list[Tick]) -> Iterator[dict[str, Any]]:
    """One row per kind of line and tick: how many came, and the text of one. `new`: a kind never seen before."""
    for number, tick in enumerate(ticks):
        for r in tick.readings:
            if r.metric in LOGGED:
                row: dict[str, Any] = {"tick": number, "service": r.service, "count": r.value, "text": r.text}
                row |= {} if r.label == r.text else {"kind": r.label}
                yield row | ({"new": True} if r.metric == LOGGED[1] else {})


def _place_logs(ticks: list[Tick], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        metric = LOGGED[1] if row.get("new") else LOGGED[0]
        kind = row.get("kind", row["text"])
        ticks[row["tick"]].readings.append(Reading(row["service"], metric, row["count"], row["text"], kind))


def _write_json(path: Path, item: Any) -> None:
    path.write_text(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode(errors="replace"), 9, mtime=0))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(path.read_bytes(), MOST_BYTES)
    for line in unpacked.decode().split("\n"):
        if line:
            yield json.loads(line)
