"""log.*: how much a service logs, what kinds of lines, which kinds were never seen before, and of access logs the
requests by route and status."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from systems.declared.words import Words
from systems.logs.globs import Tails
from systems.logs.joining import Assembler
from systems.logs.records import Record
from systems.logs.tails import Chunk
from systems.logs.templates import Miner
from systems.manifest import Service
from systems.probes import pgshare
from systems.probes.base import Clock, FileProbe
from systems.readings import LABEL_LIMIT, Reading
from systems.services import LoadedSystem

MAX_TEMPLATES = 40  # readings per tick and service; errors first
MAX_ROUTES = 30  # readings of requests per tick and service; those that failed first
MOST_ROUTES = 100  # of a service that have a name
NO_ROUTE = frozenset({400, 404, 405, 410, 414, 431})  # such an answer says that there is no such route
LATE_MAX = 500  # readings kept of looks that took too long
NO_ROOM = "its volume is full, and nothing can be written into it"
WARM_UP_S = 20.0  # after the first look everything is new, so nothing is called new


REFUSED = re.compile(r'(?:authentication failed for user|FATAL: +role) "([^"]+)"')
# What a database told a session of the portal's own, where its lines begin with who asked: ` role@database/app `.
TO_US = re.compile(
    rf"^(?:(?!ERROR|FATAL|LOG:)[^\n]){{0,120}}?[/=@ ](?:{'|'.join(map(re.escape, pgshare.OWN))})\]? +"
    r"(?:ERROR|FATAL|DETAIL|HINT|STATEMENT):"
)


_LEVEL = re.compile(
    r"^(?:WARNING|ERROR|CRITICAL|ALERT|EMERGENCY|FATAL) "
)  # as the label of a template begins


class LogsProbe(FileProbe):
    name = "logs"
    interval_s = 1.0
    timeout_s = 3.0
    main = ("log.error_rate", "log.lines_rate", "log.bytes_rate")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._watched: dict[str, _ServiceLogs] = {}

    def applies(self, service: Service) -> bool:
        return bool(service.logs) or service.unit is not None

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        watched = self._of(system, service)
        if service.logs:
            chunks = {name: chunk for tails in watched.tails.values() for name, chunk in tails.poll().items()}
        else:
            chunks, watched.cursor = system.runtime.logs_since(service.unit or "", watched.cursor)
        ours = pgshare.unwelcome() if service.postgres else frozenset()
        readings = watched.report(chunks, ours)
        if not any(chunk.lines for chunk in chunks.values()) and _is_full(system, service):
            # who cannot write says nothing, which is no sign that there is nothing to say
            readings = [
                replace(r, value=None, text=NO_ROOM) if r.metric in self.main else r for r in readings
            ]
        return watched.told(readings)

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        found = await super().measure(system, service)
        self._watched[service.name].late.clear()
        return found

    def seed(self, service: str, templates: Iterable[str]) -> None:
        """Templates known from earlier: they will not be called new."""
        self._watched.setdefault(service, _ServiceLogs(service, self.clock)).learn(templates)

    async def close(self) -> None:
        for watched in self._watched.values():
            for tails in watched.tails.values():
                tails.close()

    def _of(self, system: LoadedSystem, service: Service) -> _ServiceLogs:
        watched = self._watched.setdefault(service.name, _ServiceLogs(service.name, self.clock))
        if service.words and watched.words is None:
            watched.words = Words(service)
        for spec in service.logs:
            if spec.file not in watched.tails:
                watched.tails[spec.file] = Tails(system.path(spec.file))
        return watched


def _is_full(system: LoadedSystem, service: Service) -> bool:
    """Whether all of its log files lie where there is no room."""
    folders = {system.path(spec.file).parent for spec in service.logs}
    try:
        return bool(folders) and all(os.statvfs(folder).f_bavail == 0 for folder in folders)
    except OSError:
        return False  # a pattern of folders, or none there yet


class _ServiceLogs:
    """The logs of one service: followed files, open records, and the templates seen so far."""

    def __init__(self, service: str, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.tails: dict[str, Tails] = {}
        self._assemblers: dict[str, Assembler] = {}
        self._miner = Miner()
        self._routes: set[str] = set()
        self._warm_at = clock() + WARM_UP_S
        self._last_at: float | None = None
        self.cursor: str | None = None  # in the output of its unit
        self.late: list[Reading] = []
        self.words: Words | None = None  # that the manifest declares

    def learn(self, templates: Iterable[str]) -> None:
        known = [_LEVEL.sub("", template) for template in templates]
        self._miner = Miner(known)
        if known:
            self._warm_at = self.clock()

    def told(self, readings: list[Reading]) -> list[Reading]:
        """With what an earlier look found when nobody waited for it any more: lines are read only once."""
        self.late = [*self.late, *readings][-LATE_MAX:]
        return list(self.late)

    def report(self, chunks: Mapping[str, Chunk], ours: frozenset[str] = frozenset()) -> list[Reading]:
        """Readings of everything that came since the last call, but for refused logins of the roles `ours`,
        and for what our own sessions were told."""
        now = self.clock()
        spent = now - self._last_at if self._last_at is not None else 1.0
        self._last_at = now
        records: list[Record] = []
        for key in self._assemblers.keys() - chunks.keys():  # a file that is no more
            records += self._assemblers.pop(key).flush()
        for key, chunk in chunks.items():
            records += self._assemblers.setdefault(key, Assembler()).feed(chunk.lines)
        counts: dict[str, _Count] = {}
        new: list[tuple[str, str]] = []
        requests = Requests(self._routes)
        for record in records:
            if record.access is not None:
                requests.add(record)
                continue
            if (login := REFUSED.search(record.text)) and login[1] in ours:
                continue
            if TO_US.search(record.text):
                continue
            if self.words is not None:
                self.words.hear(record, now)
            template, unseen = self._miner.add(record.said)
            if record.level is not None and record.rank:
                template = f"{record.level.name.upper()} {template}"[:LABEL_LIMIT]
            counts.setdefault(template, _Count()).add(record)
            if unseen and now >= self._warm_at:
                new.append((template, record.told))
        spent = max(spent, 0.05)
        return [
            *self._readings([*chunks.values()], counts, new, spent),
            *requests.readings(self.service, spent),
            *(self.words.readings(now) if self.words is not None else ()),
        ]

    def _readings(
        self,
        chunks: list[Chunk],
        counts: dict[str, _Count],
        new: list[tuple[str, str]],
        spent: float,
    ) -> list[Reading]:
        errors = sum(count.number for count in counts.values() if count.rank == 2)
        lines = sum(len(chunk.lines) for chunk in chunks)
        skipped = sum(chunk.skipped for chunk in chunks)
        seen_bytes = sum(chunk.bytes for chunk in chunks)
        if skipped and seen_bytes > skipped:  # estimate what was not looked at
            lines = int(lines * seen_bytes / (seen_bytes - skipped))
        text = f"{skipped / 1e6:.1f} MB not looked at" if skipped else ""
        leading = max(counts.values(), key=lambda c: (c.rank, c.number), default=None)
        error_text = leading.sample if leading is not None and leading.rank == 2 else ""
        readings = [
            Reading(self.service, "log.error_rate", round(errors / spent, 2), error_text),
            Reading(self.service, "log.lines_rate", round(lines / spent, 2), text),
            Reading(self.service, "log.bytes_rate", round(seen_bytes / spent, 1), text),
        ]
        ordered = sorted(counts.items(), key=lambda item: (-item[1].rank, -item[1].number))[:MAX_TEMPLATES]
        for template, count in ordered:
            readings.append(
                Reading(self.service, "log.template", float(count.number), count.sample, template)
            )
        for template, sample in new[:MAX_TEMPLATES]:
            readings.append(Reading(self.service, "log.new_template", 1.0, sample, template))
        return readings


class _Count:
    """How often a template came, and its latest sample."""

    __slots__ = ("number", "rank", "sample")

    def __init__(self) -> None:
        self.number = 0
        self.rank = 0
        self.sample = ""

    def add(self, record: Record) -> None:
        self.number += 1
        if record.rank >= self.rank:
            self.rank, self.sample = record.rank, record.told


class Requests:
    """What an access log tells: how many requests a second to each route, by class of status, and the share that the
    service failed."""

    def __init__(self, known: set[str] | None = None) -> None:
        """`known`: the routes that have a name of their own; callers make paths up without end."""
        self._known = known if known is not None else set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._failed = ""

    def add(self, record: Record) -> None:
        access = record.access
        if access is None:
            return
        kind = f"{access.status // 100}xx" if access.status else "?"
        self._counts[self._named(f"{access.method} {access.route}".strip(), access.status), kind] += 1
        if access.status >= 500:
            self._failed = record.told

    def _named(self, route: str, status: int) -> str:
        if route not in self._known:
            if status in NO_ROUTE or not route or len(self._known) >= MOST_ROUTES:
                return "(other)"
            self._known.add(route)
        return route

    def readings(self, service: str, spent: float) -> list[Reading]:
        if not self._counts:
            return []
        total = self._counts.total()
        failed = sum(n for (_, kind), n in self._counts.items() if kind == "5xx")
        found = [
            Reading(service, "log.requests_rate", round(total / spent, 2)),
            Reading(service, "log.requests_failed", round(failed / total, 4), self._failed),
        ]
        most = sorted(self._counts.items(), key=lambda item: (item[0][1] != "5xx", -item[1]))
        for (route, kind), count in most[:MAX_ROUTES]:
            found.append(
                Reading(service, "log.requests", round(count / spent, 2), "", f"{route} {kind}"[:LABEL_LIMIT])
            )
        return found
