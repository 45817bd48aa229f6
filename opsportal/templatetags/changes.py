"""How a change is shown: its time, its values side by side, who made it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from incidents import changetimes
from incidents.changed import Near
from opsportal.templatetags.ui import duration, sentence
from systems.models import ChangeRow
from systems.state import ledger
from systems.state.reported import SOURCE as REPORTED
from systems.state.types import REQUESTS, RUNTIME, Change

register = template.Library()

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
MOST_TOKENS = 400  # beyond, two values are shown without their differences marked
ALIKE = 0.25  # values less alike than this are two values, not one that was edited


def _change(given: Change | ChangeRow) -> Change:
    return given if isinstance(given, Change) else ledger.change_of(given)


@register.filter
def happened(given: Change | ChangeRow) -> SafeString:
    """When, as exactly as is known, with the zone; both ends on hover."""
    change = _change(given)
    ends = f"the old value was last seen {change.last_old.isoformat(' ', 'milliseconds')}"
    ends += f"\nthe new one first {change.first_new.isoformat(' ', 'milliseconds')}"
    at = changetimes.moment(change).isoformat()
    words = changetimes.when(change, timezone.now())
    return format_html('<time class="span" datetime="{}" title="{}">{}</time>', at, ends, words)


@register.filter
def moment(given: Change | ChangeRow) -> Any:
    return changetimes.moment(_change(given))


@register.filter
def apart(near: Near) -> str:
    """How long before the onset; of one whose time is not exactly known, that it may have been."""
    change, seconds = near.change, near.apart_s
    if seconds < 0 or (changetimes.is_wide(change) and not changetimes.lasts(change) and seconds < 1):
        return "about when it began"
    return f"{duration(seconds if seconds < 10 else round(seconds))} before"


@register.filter
def effect(given: Change | ChangeRow) -> str:
    """From when it counts, where that is another time than that of the change."""
    return changetimes.effect(_change(given), timezone.now())


@register.filter
def coded(given: Change | ChangeRow) -> SafeString:
    """Its sentence, with the names between backticks set as code."""
    words = given.words if given.words.startswith(given.component) else sentence(given.words)
    parts = words.split("`")
    shown = (format_html("<code>{}</code>", p) if n % 2 else p for n, p in enumerate(parts))
    return (
        format_html_join("", "{}", ((part,) for part in shown))
        if len(parts) % 2
        else format_html("{}", words)
    )


@register.filter
def has_values(given: Change | ChangeRow) -> bool:
    """Whether it went from one value to another: what was done only has an outcome."""
    return given.kind != "act" and (given.before is not None or given.after is not None)


@register.filter
def source_words(source: str) -> str:
    return {REPORTED: "reported by CI/CD", REQUESTS: "the portal's own actions"}.get(source, source)


@register.filter
def actor_words(actor: str) -> str:
    known = {
        "ours": "by an action of the portal",
        "person": "by a person",
        RUNTIME: "by what keeps it running",
    }
    return known.get(actor, "by whom is not known")


@register.simple_tag
def difference(given: Change | ChangeRow) -> SafeString:
    """Before and after as a diff, what differs within them marked. Values as they are stored: masked."""
    change = _change(given)
    before, after = change.before, change.after
    if before is None and after is None:
        return SafeString("")
    old, new = _marked(before or "", after or "") if before and after else (before or "", after or "")
    rows = []
    if before is not None:
        rows.append(("del", "−", "before", old or _nothing()))
    if after is not None:
        rows.append(("add", "+", "after", new or _nothing()))
    body = format_html_join(
        "", '<div class="{}"><span aria-hidden="true">{} </span><span class="sr">{}: </span>{}</div>', rows
    )
    return format_html('<div class="diff">{}</div>', body)


def _nothing() -> SafeString:
    return SafeString('<i class="muted">empty</i>')


def _marked(before: str, after: str) -> tuple[str, str]:
    """Both with what differs in <b>; as they are where little is alike."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    if before == after or len(old) + len(new) > MOST_TOKENS:
        return before, after
    match = SequenceMatcher(None, old, new, autojunk=False)
    if match.ratio() < ALIKE:
        return before, after
    ops = match.get_opcodes()
    return _side(old, [(op, i, j) for op, i, j, _, _ in ops]), _side(
        new, [(op, i, j) for op, _, _, i, j in ops]
    )


def _side(tokens: list[str], ops: list[tuple[str, int, int]]) -> SafeString:
    parts = ((op, "".join(tokens[i:j])) for op, i, j in ops if i < j)
    shown = (text if op == "equal" else format_html("<b>{}</b>", text) for op, text in parts)
    return format_html_join("", "{}", ((part,) for part in shown))
