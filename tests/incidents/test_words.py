"""What parts say in their logs: whose words count, at which level, and of which stacks they are."""

from __future__ import annotations

import pytest

from incidents.signals import CATALOG
from incidents.signals.detectors import LogMatch
from incidents.signals.judging.wordset import wordset
from incidents.signals.words import spec_of, specs
from systems.logs.joining import records
from systems.logs.reading import rank_of

SAID = 'FATAL: password authentication failed for user "app"'
ACCESS = [
    f"GET /api/product/{SAID} 404",
    f"INFO GET /catalog?category={SAID} 200",
    f'10.0.0.7 - - [28/Nov/2026:20:00:00 +0000] "GET /x?q={SAID} HTTP/1.1" 404 12',
    f'INFO:     127.0.0.1:5312 - "POST /search?q={SAID} HTTP/1.1" 200 OK',
]


def found(text: str) -> tuple[str, ...]:
    (record,) = records(line.encode() for line in text.split("\n"))
    assert wordset().of_line(record.told) == wordset().of_record(record)
    return wordset().of_record(record)


@pytest.mark.parametrize("line", ACCESS)
def test_what_a_caller_typed_is_no_word_of_the_part(line: str) -> None:
    assert rank_of(line) == 0
    assert found(line) == ()


@pytest.mark.parametrize("line", [SAID, f"ERROR GET /api/product failed: {SAID}", f"ERROR {SAID}"])
def test_what_the_part_says_itself_is(line: str) -> None:
    assert rank_of(line) == 2
    assert "log_auth_failed" in found(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-03-02 10:00:01 INFO search for: No space left on device",
        '{"level":"info","msg":"search","q":"No space left on device"}',
        'level=error msg="search failed" query="No space left on device"',
        '2026-03-02 10:00:01 ERROR search failed: q="No space left on device"',
        "2026-03-02 10:00:01 ERROR user typed: No space left on device",
        '2026/03/02 10:00:01 [error] 31#31: *9 open() failed, request: "GET /?q=No space left on device HTTP/1.1"',
        "2026-03-02 10:00:01 UTC [7] ERROR:  duplicate key value\n"
        "2026-03-02 10:00:01 UTC [7] DETAIL:  Key (name)=(No space left on device) already exists.",
        "2026-03-02 10:00:01 UTC [7] ERROR:  canceling statement due to user request\n"
        "2026-03-02 10:00:01 UTC [7] STATEMENT:  select 'No space left on device'",
        '2026/03/02 10:00:01 [error] 9#9: *3 open() "/No space left on device" failed (2: No such file or directory)',
        "2026-03-02T10:00:01Z WARNING django.request: Not Found: /No space left on device",
        "[Mon Mar 02 10:00:01 2026] [core:error] [pid 7] File does not exist: /var/www/No space left on device",
        '2026-03-02T10:00:01Z ERROR app: bad input name="No space left on device"',
        "2026-03-02T10:00:01Z ERROR app: invalid username 'No space left on device'",
        "Mar  2 10:00:01 h sshd[7]: Invalid user No space left on device from 1.2.3.4 port 5",
        "Mar  2 10:00:01 h postfix/cleanup[7]: A: warning: header Subject: No space left on device from x[1.2.3.4]",
        "2026-03-02 10:00:01 UTC [7] ERROR:  value too long for type character varying(10)\n"
        "2026-03-02 10:00:01 UTC [7] CONTEXT:  unnamed portal parameter $1 = 'No space left on device'",
        "Mar  2 10:00:01 h sshd[7]: reverse mapping checking getaddrinfo for x [1.2.3.4] failed",
    ],
)
def test_words_that_are_quoted_or_only_information_count_for_nothing(line: str) -> None:
    assert found(line) == ()


def test_only_a_record_at_error_level_opens_an_incident() -> None:
    signal = CATALOG["log_no_space"]
    assert found("WARNING No space left on device") == found("ERROR No space left on device") == (signal.id,)
    assert signal.opens_by("ERROR No space left on device")
    assert not signal.opens_by("WARNING No space left on device")
    assert not signal.opens_by("No space left on device")
    assert CATALOG["unit_down"].opens_by("")


STACKS = [
    ("log_connect_timeout", "ERROR Net::OpenTimeout: execution expired"),
    ("log_pool_timeout", "ERROR The connection pool has been exhausted, either raise MaxPoolSize or Timeout"),
    ("log_arithmetic", "2026-03-02 10:00:01.123 UTC [7] ERROR:  división por cero"),
    ("log_arithmetic", "2026-03-02 10:00:01.123 UTC [7] ОШИБКА:  деление на ноль"),
    ("log_arithmetic", "2026-03-02 10:00:01.123 JST [7] エラー:  0 による除算が行われました"),
    ("log_arithmetic", "Fatal error: exception Division_by_zero"),
    ("log_no_space", "ERROR cannot write: /var/lib/x: No space left on device"),
    (
        "log_address_in_use",
        "2026-03-02T10:00:01Z ERROR 7 --- [main] x.Y  : \n\n****\nAPPLICATION FAILED TO START\n****\n\nDescription:\n\n"
        "Web server failed to start. Port 8080 was already in use.",
    ),
    ("log_pool_timeout", "ERROR HikariPool-1 - Connection is not available, request timed out after 30000ms."),
    ("log_pool_timeout", "SequelizeConnectionAcquireTimeoutError [x]: Operation timeout"),
    ("log_pool_timeout", "ActiveRecord::ConnectionTimeoutError (could not obtain a connection within 5 s)"),
    ("log_pool_timeout", "ERROR (DBConnection.ConnectionError) request was dropped from queue after 2ms"),
    ("log_connect_timeout", "level=error err=\"dial tcp 10.0.0.9:5432: i/o timeout\""),
    ("log_connect_timeout", "Error: connect ETIMEDOUT 10.0.0.9:443"),
    ("log_connect_refused", "Error: connect ECONNREFUSED 10.0.0.9:5432"),
    ("log_connect_refused", "ERROR called `Result::unwrap()`: Os { code: 111, kind: ConnectionRefused }"),
    ("log_dns_failed", "java.net.UnknownHostException: db.internal"),
    ("log_dns_failed", "Error: getaddrinfo ENOTFOUND db.internal"),
    ("log_module_missing", 'Exception in thread "main" java.lang.NoClassDefFoundError: org/x/Y'),
    ("log_module_missing", "ERROR cannot load such file -- pg (LoadError)"),
    ("log_upstream_error", "2026/03/02 10:00:01 [error] 7#7: *1 no live upstreams while connecting to upstream"),
    ("log_too_many_connections", "2026-03-02T10:00:01.000000Z 8 [ERROR] [MY-010048] [Server] Too many connections"),
    ("log_arithmetic", "decimal.DivisionByZero: [<class 'decimal.DivisionByZero'>]"),
    ("log_arithmetic", "panic: runtime error: integer divide by zero"),
    ("log_access_rule", 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.5", user "app"'),
    ("log_store_full", "ERROR write failed: disk quota exceeded"),
    ("log_out_of_memory", "java.lang.OutOfMemoryError: Java heap space"),
    ("log_out_of_memory", "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted"),
    ("log_address_in_use", "Error: listen EADDRINUSE: address already in use :::3000"),
    ("log_relation_missing", "2026-03-02 10:00:01.000 CET [7] FEHLER:  Relation »x« existiert nicht bei Zeichen 15"),
    ("log_certificate", "ERROR x509: certificate signed by unknown authority"),
    ("log_permission_denied", "ERROR open /data/x: permission denied"),
    ("log_deadlock", "ERROR 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"),
]  # fmt: skip


@pytest.mark.parametrize(("signal", "line"), STACKS)
def test_the_error_texts_of_widespread_stacks_are_known(signal: str, line: str) -> None:
    assert signal in found(line)


def test_a_quota_that_is_no_disk_s_is_no_full_store() -> None:
    assert "log_store_full" not in found("ERROR maps answered 429: quota exceeded for requests per minute")
    assert "log_rate_limited" not in found("ERROR write failed: disk quota exceeded")


def test_a_column_of_a_table_is_no_missing_table() -> None:
    said = found('ERROR:  column "total" of relation "orders" does not exist at character 33')
    assert "log_column_missing" in said
    assert "log_relation_missing" not in said


def test_each_entry_is_a_signal() -> None:
    ids = [spec.id for spec in specs()]
    assert len(ids) == len(set(ids))
    assert all(isinstance(CATALOG[i].detector, LogMatch) for i in ids)


@pytest.mark.parametrize("wrong", [{"patern": []}, {"patterns": ["x"], "window": 1}])
def test_an_entry_with_a_mistake_names_it(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="log_x"):
        spec_of({"id": "log_x", "title": "x", "category": "api", **wrong})
