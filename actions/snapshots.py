"""A plain SQL dump of Postgres taken apart: which statements make a table, and which rows it had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from actions import pgtools

IDENT = r'(?:"(?:[^"]|"")+"|[\w$]+)'
NAME = rf"({IDENT})\.({IDENT})"
HEAD = re.compile(
    r"-- (?:Data for )?Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); Schema: (?P<schema>.*); Owner: "
)
COPY = re.compile(rf"COPY {NAME} \((.*)\) FROM stdin;")
PRIMARY = re.compile(r"PRIMARY KEY \((.*?)\)")
OF_TABLE = {  # kind of entry -> where its text names the table it belongs to
    "TABLE": re.compile(rf"CREATE (?:UNLOGGED )?TABLE {NAME}"),
    "CONSTRAINT": re.compile(rf"ALTER TABLE (?:ONLY )?{NAME}"),
    "FK CONSTRAINT": re.compile(rf"ALTER TABLE (?:ONLY )?{NAME}"),
    "DEFAULT": re.compile(rf"ALTER TABLE (?:ONLY )?{NAME}"),
    "INDEX": re.compile(rf" ON (?:ONLY )?{NAME}"),
    "TRIGGER": re.compile(rf" ON {NAME}"),
    "SEQUENCE": re.compile(rf"ALTER TABLE (?:ONLY )?{NAME} ALTER COLUMN"),  # of an identity column
    "SEQUENCE OWNED BY": re.compile(rf"OWNED BY {NAME}\."),
    "ACL": re.compile(rf" ON TABLE {NAME}"),
    "COMMENT": re.compile(rf"COMMENT ON (?:TABLE|COLUMN) {NAME}"),
}


@dataclass(slots=True)
class Entry:
    """One object of the dump. `rows`: of TABLE DATA, with the place of its lines in the file."""

    kind: str
    name: str
    sql: str = ""
    rows: int = 0
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class Snapshot:
    """A dump of one schema, by table. Data stays in the file until it is asked for."""

    file: Path
    schema: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def tables(self) -> list[str]:
        return [found[1] for e in self.of_kind("TABLE") if (found := _table(e)) and found[0] == self.schema]

    def of_kind(self, *kinds: str) -> list[Entry]:
        return [e for e in self.entries if e.kind in kinds]

    def of(self, table: str, *kinds: str) -> list[Entry]:
        """What belongs to a table, in the order of the dump."""
        return [e for e in self.of_kind(*kinds) if _table(e) == (self.schema, table)]

    def pointing_at(self, table: str) -> list[Entry]:
        """The foreign keys of any table to this one."""
        name = re.compile(rf"REFERENCES {NAME}")
        found = [(e, name.search(e.sql)) for e in self.of_kind("FK CONSTRAINT")]
        return [e for e, m in found if m and (plain(m[1]), plain(m[2])) == (self.schema, table)]

    def sequences(self, table: str) -> set[str]:
        """Names of the sequences that the table owns, or that fill an identity column."""
        return {e.name for e in self.of(table, "SEQUENCE", "SEQUENCE OWNED BY")}

    def data(self, table: str) -> Entry | None:
        for entry in self.of_kind("TABLE DATA"):
            found = COPY.match(entry.sql)
            if found and (plain(found[1]), plain(found[2])) == (self.schema, table):
                return entry
        return None

    def rows(self, table: str) -> int:
        entry = self.data(table)
        return entry.rows if entry else 0

    def columns(self, table: str) -> list[str]:
        entry = self.data(table)
        found = COPY.match(entry.sql) if entry else None
        return idents(found[3]) if found else []

    def key(self, table: str) -> list[str]:
        """The columns of the primary key; [] when there is none."""
        for entry in self.of(table, "CONSTRAINT"):
            if found := PRIMARY.search(entry.sql):
                return idents(found[1])
        return []

    def lines(self, entry: Entry) -> Iterator[bytes]:
        """The rows as COPY wants them, in blocks."""
        with self.file.open("rb") as file:
            file.seek(entry.start)
            left = entry.end - entry.start
            while left > 0 and (block := file.read(min(left, 1 << 18))):
                left -= len(block)
                yield block


def plain(ident: str) -> str:
    """An identifier without its quotes."""
    return ident[1:-1].replace('""', '"') if ident.startswith('"') else ident


def idents(text: str) -> list[str]:
    return [plain(word) for word in re.findall(IDENT, text)]


def _table(entry: Entry) -> tuple[str, str] | None:
    pattern = OF_TABLE.get(entry.kind)
    found = pattern.search(entry.sql) if pattern else None
    return (plain(found[1]), plain(found[2])) if found else None


@contextmanager
def opened(file: Path, schema: str) -> Iterator[Snapshot]:
    """The snapshot of a .sql file, or of one in pg_dump's custom format."""
    if file.suffix == ".sql":
        yield _read(file, schema)
        return
    with TemporaryDirectory(prefix="opsportal-snapshot-") as folder:
        text = Path(folder) / "plain.sql"
        pgtools.as_text(file, text)
        yield _read(text, schema)


def _read(file: Path, schema: str) -> Snapshot:
    found = Snapshot(file, schema)
    entry = Entry("HEAD", "")
    at = 0
    with file.open("rb") as lines:
        for line in lines:
            at += len(line)
            if entry.start and not entry.end:  # rows, up to their end mark
                if line.rstrip(b"\r\n") == b"\\.":
                    entry.end = at - len(line)
                else:
                    entry.rows += 1
                continue
            text = line.decode(errors="replace")
            if head := HEAD.match(text):
                entry = Entry(head["kind"], head["name"])
                found.entries.append(entry)
            elif COPY.match(text):
                entry.sql, entry.start = text, at
            elif not text.startswith(("--", "\\")):
                entry.sql += text
    return found
