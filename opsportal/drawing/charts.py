"""Paths of the small server-side SVG plots."""

from __future__ import annotations

from collections.abc import Sequence

AXIS_S, AXIS_SLOTS = 3600, 240  # the hour that the dashboard and the changes beside it are drawn over


def spark_path(
    points: Sequence[float | None], width: float, height: float, *, top: float | None = None
) -> tuple[str, str]:
    """(line, area) path data of a sparkline; gaps stay gaps. Empty strings when there is nothing to draw."""
    known = [p for p in points if p is not None]
    if len(known) < 2:
        return "", ""
    high = top if top is not None else max(known)
    high = high or 1.0
    step = width / (len(points) - 1)
    lines: list[str] = []
    areas: list[str] = []
    run: list[tuple[float, float]] = []

    def close() -> None:
        if run:
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
            lines.append(f"M{path}")
            areas.append(f"M{run[0][0]:.1f} {height:.1f}L{path}L{run[-1][0]:.1f} {height:.1f}Z")
            run.clear()

    for index, value in enumerate(points):
        if value is None:
            close()
        else:
            run.append((index * step, height - 1 - min(value / high, 1.0) * (height - 3)))
    close()
    return "".join(lines), "".join(areas)
