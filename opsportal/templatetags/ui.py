"""Template helpers shared by every page: icons, badges, times, durations, sparklines, the header's state."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from actions import losses, policy
from actions import service as actions
from actions.models import ActionRequest, Status
from chaos.models import Injection
from incidents import plain
from incidents.models import OPEN_STATES, Incident
from opsportal.drawing import looks as appearances
from opsportal.drawing.charts import spark_path
from opsportal.drawing.looks import look
from systems.models import System

register = template.Library()

NUMBER = (int, float, Decimal)
_MARKS = re.compile(r"\*\*|__|`|^\s*(?:[-*]|\d+\.|#{1,4}) +", re.M)


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="i" aria-hidden="true"><use href="{}#{}"></use></svg>', static("img/icons.svg"), name
    )


@register.simple_tag
def badge(kind: str, value: str) -> SafeString:
    word, tone, name = look(kind, value)
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(name), word)


@register.simple_tag
def looks(kind: str, value: str) -> dict[str, str]:
    word, tone, name = look(kind, value)
    return {"word": word, "tone": tone, "icon": name}


def exact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def _time(at: datetime | None, mode: str, text: str) -> SafeString | str:
    if at is None:
        return "–"
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', at.isoformat(), exact(at), mode, text)


@register.filter
def lossline(counts: Any) -> str:
    """`1280 rows, 3 sessions` of a preview's or a result's loss; empty = nothing is lost."""
    return losses.in_words(counts) if isinstance(counts, dict) else ""


@register.filter
def ago(at: Any) -> SafeString | str:
    """Relative time that keeps itself current, with the exact time and zone on hover."""
    if not isinstance(at, datetime):
        return "–"
    seconds = max(0.0, (timezone.now() - at).total_seconds())
    text = "just now" if seconds < 5 else f"{_coarse(seconds)} ago"
    return _time(at, SafeString(" data-ago"), text)


@register.filter
def running_for(at: Any) -> SafeString | str:
    if not isinstance(at, datetime):
        return "–"
    return _time(at, SafeString(" data-for"), duration((timezone.now() - at).total_seconds()))


@register.filter
def until(at: Any) -> SafeString | str:
    if not isinstance(at, datetime):
        return "no limit"
    left = (at - timezone.now()).total_seconds()
    return _time(at, SafeString(" data-until"), duration(left) if left > 0 else "time is up")


@register.filter
def clock(at: Any) -> SafeString | str:
    if not isinstance(at, datetime):
        return "–"
    return _time(at, "", at.astimezone(UTC).strftime("%H:%M:%S"))


def _coarse(seconds: float) -> str:
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {word}"
    return f"{int(seconds)} s"


@register.filter
def duration(seconds: Any) -> str:
    """Seconds in plain words: 0.4 s, 12 s, 3 min 4 s, 2 h 5 min."""
    if not isinstance(seconds, NUMBER):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


@register.filter
def ms(value: Any) -> str:
    """Milliseconds, or seconds when there are many. A missing value (also "" of a template) is a dash."""
    if not isinstance(value, NUMBER):
        return "–"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


@register.filter
def pct(value: Any) -> str:
    """A share 0..1 as a percentage that never rounds up to certainty."""
    if not isinstance(value, NUMBER):
        return "–"
    return plain.percent(float(value))


@register.filter
def sure(value: Any) -> str:
    """A probability as a percentage: nothing is held to be certain."""
    return plain.sure(float(value)) if isinstance(value, NUMBER) else "–"


@register.filter
def figure(value: Any) -> str:
    """A number as people write it: at most three significant digits, thousands separated."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if not isinstance(value, NUMBER):
        return str(value) or "–"
    value = float(value)
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


@register.filter
def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def get(mapping: Mapping[str, Any] | None, key: str) -> Any:
    return mapping.get(key) if mapping else None


@register.filter
def words(value: str) -> str:
    """An identifier as words: restart-service -> restart service."""
    return str(value).replace("_", " ").replace("-", " ")


@register.filter
def category(value: str) -> str:
    """A category as people write it: cache-queue -> Cache and queue."""
    return appearances.category(str(value))


@register.filter
def deed(slug: str, system: System | None = None) -> str:
    """What an action does, in words: regenerate-db-creds -> Rotate the database credentials. `system`: whose manifest
    may declare it."""
    return actions.title_of(str(slug), system.slug if system else "") or words(slug).capitalize()


@register.filter
def sentence(text: str) -> str:
    """With a capital, unless it begins with a name like web-1."""
    text, first = str(text), str(text).split(" ", 1)[0]
    return text if re.search(r"[\d_-]", first) else text[:1].upper() + text[1:]


@register.filter
def gist(text: str) -> str:
    """What a line of a log or a body says, without stamps and markup."""
    return plain.gist(str(text or ""))


@register.filter
def lines(text: str) -> list[str]:
    """The lines of a reason without their list marks."""
    return [line.removeprefix("- ") for line in str(text or "").splitlines() if line.strip()]


@register.filter
def unmarked(text: str) -> str:
    """Markdown as running text."""
    return " ".join(_MARKS.sub("", str(text)).split())


@register.filter
def force(weight: float | None) -> str:
    """How strongly a piece of evidence speaks, in a word."""
    size = abs(float(weight or 0))
    return "strongly" if size >= 4 else "clearly" if size >= 1.5 else "a little"


@register.filter
def worth(gain: Any) -> str:
    """How much an answer would tell."""
    value = float(gain or 0)
    return (
        "would tell much" if value >= 0.5 else "would tell something" if value >= 0.1 else "would tell little"
    )


_PLAIN = {"bits": "weight", "gain_bits": "worth asking"}


@register.filter
def plainly(value: Any) -> Any:
    """Facts of an event under names that people know."""
    if isinstance(value, dict):
        return {_PLAIN.get(key, key): plainly(item) for key, item in value.items()}
    return [plainly(item) for item in value] if isinstance(value, list) else value


@register.filter
def difftone(line: str) -> str:
    """The class of a line of a diff."""
    if line.startswith(("+++", "---", "@@")):
        return "hunk"
    return {"+": "add", "-": "del"}.get(line[:1], "")


@register.filter
def unlocalized(value: float) -> str:
    """A number for CSS."""
    return str(value)


@register.filter
def times(value: Any, factor: float) -> float:
    return round(float(value) * factor, 2) if isinstance(value, NUMBER) else 0.0


@register.simple_tag
def sparkline(points: Sequence[float | None], label: str = "") -> SafeString:
    line, area = spark_path(points, 96, 22)
    if not line:
        return SafeString('<span class="muted small">no data</span>')
    return format_html(
        '<svg class="sparkline" viewBox="0 0 96 22" role="img" aria-label="{}">'
        '<path class="spark-area" d="{}"/><path class="spark" d="{}"/></svg>',
        label,
        area,
        line,
    )


@register.simple_tag(takes_context=True)
def nav_state(context: dict[str, Any]) -> dict[str, Any]:
    """What the header shows on every page."""
    request: HttpRequest = context["request"]
    return {
        "waiting": ActionRequest.objects.filter(status=Status.WAITING).count(),
        "open": Incident.objects.filter(state__in=OPEN_STATES).count(),
        "chaos": Injection.objects.filter(status=Injection.Status.RUNNING).count(),
        "stopped": policy.stopped(),
        "can_chaos": request.user.has_perm("chaos.inject_fault"),
    }


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with some parameters changed (empty = removed)."""
    params = context["request"].GET.copy()
    for key, value in changes.items():
        if value in (None, ""):
            params.pop(key, None)
        else:
            params[key] = value
    return "?" + str(params.urlencode())
