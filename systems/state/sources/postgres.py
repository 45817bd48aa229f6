"""A Postgres server: settings, roles, rights, who may log in, tables and what belongs to them, tables of settings."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from systems import pgguards
from systems.manifest import Service
from systems.probes import pgshare
from systems.services import LoadedSystem
from systems.state import masking
from systems.state.facts import Area, Fact, Facts, Read, Source
from systems.state.sources import pgqueries as ask

# sent with each question, as one message: for this question alone
BOUNDS = sql.SQL(
    "set local statement_timeout = '1s'; set local lock_timeout = '100ms'; set local search_path = pg_catalog; "
)
NOT_ASKED = SERVER, ROWS, WHOLE = (
    "server",
    "rows",
    "originals",
)  # not asked as a question of settled values
SHARED = "roles"  # ... and databases
BODY = ("objects", "tables")  # areas of what has a text of its own
FEW, LOST = 100, 0.5  # a table that had so many rows and lost this share of them at once
SECRET = ("primary_conninfo", "ssl_passphrase_command")


class Postgres(Source):
    every_s = 4.0
    timeout_s = 6.0
    slow_s = 1.0

    def __init__(self, system: LoadedSystem, service: Service) -> None:
        assert service.postgres is not None
        self.name = f"postgres of {service.name}"
        self.service, self.dsn = service, service.postgres.dsn
        self.tables = service.state.tables if service.state else []
        self.keeps = service.state is not None and service.state.keep
        self._whole: dict[tuple[str, str], str] = {}  # (what, hash of its body) -> its text
        self._marks: dict[str, str] = {}
        self._facts: dict[str, Facts] = {}
        self._live: dict[str, int] = {}
        self._lost: dict[str, int] = {}
        self._questions: dict[str, ask.Question] = {
            name: ask.text(name) for name in (*NOT_ASKED, *ask.SECTIONS, ask.LOGIN_RULES)
        }
        self._questions |= {
            f"rows of {spec.table}": ask.table(spec, service.postgres.db_schema) for spec in self.tables
        }

    async def read(self) -> Read:
        """The shared connection is given back after each question: the probes wait for one at most."""
        server = (await self._rows(self._questions[SERVER]) or [{}])[0]
        found = {"server": self._server(server)}
        try:
            await self._originals()
            for area, question in self._questions.items():
                # the rules are for superusers alone, unless somebody granted them: else they stay unknown
                if area not in NOT_ASKED and (area != ask.LOGIN_RULES or server.get("reads_login_rules")):
                    facts = await self._ask(area, question, server)
                    if facts is not None:
                        found[area] = facts
            found["rows"] = self._counts(await self._rows(self._questions[ROWS]))
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
            pass  # it is busy: the rest is for the next time
        return {(self.service.name, area): facts for area, facts in found.items()}

    async def read_area(self, area: Area) -> Facts | None:
        """That question alone. What all of the server shares is asked beside a database that lets nobody in."""
        if area[1] not in self._questions or area[1] in NOT_ASKED:
            return None
        question = self._questions[area[1]]
        try:
            server = (await self._rows(self._questions[SERVER]) or [{}])[0]
        except psycopg.OperationalError as error:
            elsewhere = pgguards.beside(self.dsn, error) if area[1] == SHARED else ""
            if not elsewhere:
                raise
            question = ask.of_database(SHARED, str(conninfo_to_dict(self.dsn).get("dbname", "")))
            self.dsn, server = elsewhere, {}
        return await self._ask(area[1], question, server)

    async def _originals(self) -> None:
        """The texts of what has one, where they may be kept; who may not read them keeps none."""
        if not self.keeps:
            return
        try:
            (row,) = await self._rows(ask.asked(self._questions[WHOLE], self._marks.get(WHOLE)))
        except (psycopg.errors.QueryCanceled, psycopg.OperationalError):
            raise
        except psycopg.Error:
            return
        if row["answer"] is not None:
            self._whole = {(what, body): text for what, text, *_, body, _ in json.loads(row["answer"])}
            self._marks[WHOLE] = row["mark"]

    async def _rows(self, question: ask.Question) -> list[dict[str, Any]]:
        """One question within its bounds. psycopg.Error when it is not answered; the connection stays."""
        refused: psycopg.Error | None = None
        async with pgshare.session(self.dsn, self) as connection:
            try:
                cursor = await connection.execute(BOUNDS + question)
                while cursor.nextset():
                    pass
                return await cursor.fetchall()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                refused = error
        raise refused

    async def close(self) -> None:
        await pgshare.leave(self)

    async def _ask(self, area: str, question: ask.Question, server: dict[str, Any]) -> Facts | None:
        """None: it may not be read. The same Facts object while the answer stays the same."""
        try:
            (row,) = await self._rows(ask.asked(question, self._marks.get(area)))
        except (psycopg.errors.QueryCanceled, psycopg.OperationalError):
            raise
        except psycopg.Error:
            return None
        if row["answer"] is not None:
            self._facts[area] = self._made(area, json.loads(row["answer"]), server)
            self._marks[area] = row["mark"]
        return self._facts[area]

    def _made(self, area: str, rows: list[list[Any]], server: dict[str, Any]) -> Facts:
        kind = next((spec.kind for spec in self.tables if area == f"rows of {spec.table}"), None)
        if area == ask.LOGIN_RULES:
            return _rules(rows)
        loaded = server.get("loaded") if area == "settings" else None
        facts = {what: self._fact(area, row, kind, loaded) for row in rows if (what := row[0])}
        if area == "settings" and (untold := {row[0] for row in rows if row[1] is None}):
            known = self._facts.get(area, {})  # what is not told now is as it was
            return {
                k: known[k] if k in untold else fact
                for k, fact in facts.items()
                if k not in untold or k in known
            }
        return facts

    def _fact(self, area: str, row: list[Any], kind: str | None, loaded: float | None) -> Fact:
        what, value, of, parent, coming, hidden, ends = row
        text = value or ""
        if hidden:
            keyed = masking.mark((self.service.name, area), what, hidden)[:10]
            text = f"{text}, body {keyed}" if text else f"body {keyed}"
        name = what.rpartition(": ")[2]
        secret = name in SECRET or (
            (area.startswith("rows of") or "." in name) and area != "tables" and masking.is_secret(name, text)
        )
        whole = self._whole.get((what, hidden)) if hidden and area in BODY else None
        return Fact(text, kind or of, secret, parent, coming, effective_at=loaded, ends=ends, original=whole)

    def _server(self, row: dict[str, Any]) -> Facts:
        now = "standby" if row.get("standby") else "primary"
        facts = {"primary or standby": Fact(now, "act", act=f"became {now}")}
        if self.service.unit is None and row.get("started") is not None:
            at = float(row["started"])
            facts["run"] = Fact(f"{at:.4f}", "act", effective_at=at, act="was started anew")
        return facts

    def _counts(self, rows: list[dict[str, Any]]) -> Facts:
        """Tables that lost most of their rows between two looks, by the server's own estimate."""
        before, self._live = self._live, {row["name"]: int(row["live"]) for row in rows}
        facts: Facts = {}
        for name, live in self._live.items():
            had = before.get(name, live)
            if had >= FEW and live <= had * (1 - LOST):
                self._lost[name] = self._lost.get(name, 0) + 1
                words = f"lost about {had - live} of {had} rows of table {name}"
            else:
                words = f"lost rows of table {name}"
            facts[f"table {name}: rows lost"] = Fact(str(self._lost.get(name, 0)), "act", act=words)
        return facts


def _rules(rows: list[list[Any]]) -> Facts:
    """Each rule is what it says; which comes first counts only where the rules are the same."""
    facts = {row[0]: Fact("" if row[1].startswith("place ") else row[1], row[2]) for row in rows}
    ordered = sorted(rows, key=lambda row: int(row[1].split()[1]) if row[1].startswith("place ") else 0)
    facts["order of the rules"] = Fact(
        "\n".join(row[0] for row in ordered), "access", secret=True, parent="*"
    )
    return facts
