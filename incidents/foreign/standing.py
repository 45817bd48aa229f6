"""What is said of the parts, and whether it still stands: what has recovered since is history, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from incidents.foreign import statements, times
from incidents.foreign.facts import Event, Facts, ObjectState
from incidents.foreign.felt import with_felt
from incidents.foreign.loglines import Kind
from incidents.foreign.names import PLATFORM, Names, bare
from incidents.foreign.said import OF_OTHERS, Said

# An event that came no more is over, where nothing else tells, after half of the record, within these bounds.
STALE_S, STALE_MOST_S = 300.0, 900.0
RECENT_S = 7200.0  # before this, an event is of another day
FRESH_S = 120.0
ON_NODE = frozenset({"said_node", "said_node_pressure"})


@dataclass
class Standing:
    """`well` and `ill`: how components stand at the end, True or False, with the words for it. `now`: the last
    moment of the record."""

    now: float | None
    said: list[Said] = field(default_factory=list)
    well: dict[str, str] = field(default_factory=dict)
    ill: dict[str, str] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)


def now_of(facts: Facts) -> float | None:
    """The last moment that anything in the bundle is of."""
    moments = [facts.logs.last, *(e.last for e in facts.events), *(o.since for o in facts.objects)]
    moments += [a.at for a in facts.alerts] + [
        float(s.times[-1]) for s in facts.series.values() if len(s.times)
    ]
    return max((m for m in moments if m is not None and m >= times.OLDEST), default=None)


class Judge:
    """Reads all statements of a bundle against how the objects stand."""

    def __init__(self, facts: Facts, names: Names, components: set[str], start: float | None) -> None:
        self.facts, self.names, self.components, self.start = facts, names, components, start
        self.out = Standing(now_of(facts))
        self.stale_s = self._stale()
        self.objects: dict[str, ObjectState] = {bare(o.name): o for o in facts.objects}
        self.of_component: dict[str, list[ObjectState]] = defaultdict(list)
        for item in facts.objects:
            self.of_component[self._component_of(item)].append(item)

    def judged(self) -> Standing:
        self._stand()
        for item in self.facts.objects:
            self._object(item)
        for event in self.facts.events:
            if event.warning:
                self._event(event)
        for kind in self.facts.logs.kinds.values():
            self._line(kind)
        for name, texts in self.facts.spans.texts.items():
            for text, count in texts.items():
                self._words(Kind(name, text, 2, count), "trace")
        self.out.said = with_felt(self.out.said, self.start)
        return self.out

    def _stale(self) -> float:
        """How old an event must be to be history for its age alone."""
        now, book = self.out.now, self.facts.logs
        if now is None:
            return STALE_S
        starts = [e.first for e in self.facts.events] + [book.first]
        starts += [float(s.times[0]) for s in self.facts.series.values() if len(s.times)]
        span = now - min((s for s in starts if s is not None and s > now - RECENT_S), default=now)
        return min(max(STALE_S, span / 2), STALE_MOST_S)

    def _component_of(self, item: ObjectState) -> str:
        name = self.names.component(item.name)
        return self.names.component(item.owner) or name if item.owner else name

    def _stand(self) -> None:
        """How each component stands: ill when one of its objects that stays is, well when all are."""
        for component, items in self.of_component.items():
            stay = [i for i in items if not i.leaving and i.well is not None]
            bad = [i for i in stay if not i.well]
            if bad:
                self.out.ill[component] = (
                    f"{bad[0].kind} {bad[0].name}: {'; '.join(bad[0].says) or 'not ready'}"[:300]
                )
            elif stay:
                many = f"{len(stay)} objects" if len(stay) > 1 else f"{stay[0].kind} {stay[0].name}"
                self.out.well[component] = f"{many} of {component} ready"

    def _object(self, item: ObjectState) -> None:
        component = self._component_of(item)
        for text in item.says:
            for sign in statements.said(text):
                place = (item.node or component) if sign in ON_NODE and item.kind == "Pod" else component
                stands = item.well is False and not item.leaving
                why = (
                    "it is being taken away"
                    if item.leaving
                    else ""
                    if stands
                    else f"{item.kind} {item.name} is ready now"
                )
                words = f"{item.kind} {item.name}: {text}"
                self._add(Said(sign, place, words[:400], item.since, self.out.now, "state", stands, why))

    def _event(self, event: Event) -> None:
        text = f"{event.reason}: {event.message}"
        component = self._subject(event)
        stands, why = self._event_stands(event, component)
        for sign in statements.said(text):
            self._add(
                Said(
                    sign,
                    component,
                    f"{event.subject}: {text}"[:400],
                    event.first,
                    event.last,
                    "event",
                    stands,
                    why,
                    count=event.count,
                )
            )

    def _subject(self, event: Event) -> str:
        kind = event.subject.partition("/")[0].lower()
        component = self.names.component(event.subject)
        if component and kind not in ("resourcequota", "namespace", "horizontalpodautoscaler"):
            return component
        named = self.names.mentioned(event.message, self.components)
        return (
            named[0]
            if named
            else component
            or (next(iter(self.components)) if len(self.components) == 1 else bare(event.subject))
        )

    def _event_stands(self, event: Event, component: str) -> tuple[bool, str]:
        item = self.objects.get(bare(event.subject))
        now = self.out.now
        age = now - event.last if now is not None and event.last is not None else 0.0
        if item is not None and item.leaving:
            return False, f"{item.name} is being taken away"
        if item is not None and item.well is not None:
            if not item.well:
                before = (
                    item.since is not None and event.last is not None and event.last < item.since - FRESH_S
                )
                return (
                    (False, "it was before the object's last start") if before and age > 3600 else (True, "")
                )
            if (
                age > FRESH_S
                or (item.since is not None and event.last is not None and item.since >= event.last)
                or event.count < 3
            ):
                return False, f"{item.kind} {item.name} is ready now"
            return True, ""
        if component in self.out.ill:
            return (True, "") if age <= 3600 else (False, f"it is {age / 60:.0f} minutes old")
        if component in self.out.well:
            return False, f"{self.out.well[component]} now"
        if age > self.stale_s:
            return False, f"it came no more for the last {age / 60:.0f} minutes"
        if statements.RECOVERED.search(event.message) and event.count < 3:
            return False, "it says itself that it passed"
        return True, ""

    def _line(self, kind: Kind) -> None:
        self._words(kind, "log")

    def _words(self, kind: Kind, source: str) -> None:
        found = statements.said(kind.text)
        if not found:
            return
        speaker = self.names.component(kind.component)
        if not speaker or PLATFORM.match(kind.component):
            told = [self.names.component(a) for a in kind.about]
            named = self.names.mentioned(kind.text, self.components)
            speaker = next((t for t in told if t), named[0] if named else "")
        if not speaker:
            speaker = next(iter(self.components)) if len(self.components) == 1 else ""
        stands, why = self._line_stands(kind, speaker)
        for sign in found:
            about = self._about(sign, speaker, kind.text) if sign in OF_OTHERS else ""
            said = Said(sign, speaker, f"{kind.component or source}: {kind.text}"[:400], kind.first, kind.last,
            source, stands, why,
                        kind.rank >= 2, kind.count, about)  # fmt: skip
            self._add(said)

    def _line_stands(self, kind: Kind, speaker: str) -> tuple[bool, str]:
        """A line stands when it is new with the trouble, or goes on to the end of the record."""
        now, last = self.out.now, kind.last
        if statements.RECOVERED.search(kind.text) and kind.rank < 2:
            return False, "it says itself that it passed"
        if self._as_before(kind):
            return False, "it was written as often before"
        if now is None or last is None or speaker in self.out.ill or self.start is not None:
            return True, ""
        if now - last > self.stale_s and (speaker in self.out.well or self._writes_on(kind, last)):
            return False, f"it was written no more for the last {(now - last) / 60:.0f} minutes"
        return True, ""

    def _as_before(self, kind: Kind) -> bool:
        """Whether such lines came about as often before the trouble began."""
        book = self.facts.logs
        if self.start is None or kind.first is None or kind.first >= self.start or book.first is None:
            return False
        assert book.last is not None
        before = kind.between(0, self.start) / max(self.start - book.first, 30.0)
        after = kind.between(self.start, book.last) / max(book.last - self.start, 30.0)
        return after < 2 * before

    def _writes_on(self, kind: Kind, last: float) -> bool:
        return any(
            at is not None and at > last and name == kind.component for at, name, _ in self.facts.logs.calm
        )

    def _about(self, sign: str, speaker: str, text: str) -> str:
        """Whom the words name; something outside that has a host's name becomes a part of its own."""
        for target in statements.targets(text):
            name = self.names.component(target)
            if name in self.components and name != speaker:
                return name
        for target in statements.targets(text):
            if sign != "said_dns" and ("." in target or "-" in target) and _is_host(target):
                name = self.names.component(target) or target
                if name != speaker:
                    self.out.external.add(name)
                    return name
        named = [n for n in self.names.mentioned(text, self.components) if n != speaker]
        return named[0] if named and sign != "said_dns" else ""

    def _add(self, said: Said) -> None:
        if said.component:
            self.out.said.append(said)
        if said.about:
            self.out.edges.add((said.component, said.about))


def _is_host(text: str) -> bool:
    parts = text.split(".")
    if len(parts) == 1:
        return "-" in text and not any(c.isdigit() for c in text) and text.islower() and len(text) < 40
    return (
        len(parts[-1]) >= 2
        and parts[-1].isalpha()
        and text.islower()
        and parts[-1] not in ("go", "py", "js", "java", "rb", "ts", "yaml", "yml")
    )


def standing_statements(found: Standing) -> Iterator[Said]:
    yield from (s for s in found.said if s.stands)
