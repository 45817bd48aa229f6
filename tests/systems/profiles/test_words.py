"""What products write when they are in trouble is known by the profile, or by the words that are known of all."""

from __future__ import annotations

import json

import pytest

from incidents.signals.judging.wordset import wordset
from systems.declared.words import Words
from systems.logs.joining import records
from systems.manifest import parse_manifest

STAMP, AT, ON = "2026/03/02 10:00:01", "2026-03-02 10:00:01.123 UTC [71]", "02 Mar 2026 10:00:01.123"
ASKED = 'client: 10.0.0.9, server: x, request: "GET / HTTP/1.1"'
NGINX = {  # line: the word of the profile, or "" where the words of all software have it
    f"{STAMP} [alert] 7#7: 64 worker_connections are not enough": "worker-connections",
    f"{STAMP} [alert] 7#7: worker process 31 exited on signal 11 (core dumped)": "worker-ended",
    f"{STAMP} [error] 8#8: *3 SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while"
    f' SSL handshaking to upstream, {ASKED}, upstream: "https://10.0.0.2:443/"':
        "upstream-tls",
    f'{STAMP} [error] 8#8: *3 no resolver defined to resolve api.internal, {ASKED}':
        "no-resolver",
    f"{STAMP} [emerg] 1#1: could not build server_names_hash, you should increase server_names_hash_bucket_size":
        "config-refused",
    f'{STAMP} [emerg] 1#1: "server" directive is not allowed here in /etc/nginx/conf.d/a.conf:1': "config-refused",
    f'{STAMP} [emerg] 1#1: unexpected end of file, expecting "}}" in /etc/nginx/nginx.conf:9': "config-refused",
    f'{STAMP} [emerg] 1#1: cannot load certificate "/etc/ssl/x.pem": BIO_new_file() failed (SSL: error:80000002:'
    "system library::No such file or directory)": "config-refused",
    f'{STAMP} [crit] 8#8: ngx_slab_alloc() failed: no memory in SSL session shared cache "SSL"': "zone-full",
    f'{STAMP} [error] 8#8: *4 limiting requests, excess: 5.120 by zone "one", {ASKED}':
        "limiting",
    f'{STAMP} [error] 8#8: *1 no live upstreams while connecting to upstream, {ASKED}':
        "",
    f"{STAMP} [error] 8#8: *1 upstream timed out (110: Connection timed out) while reading response header"
    f' from upstream, {ASKED}, upstream: "http://10.0.0.2:80/"': "",
    f"{STAMP} [emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)": "",
    f'{STAMP} [emerg] 1#1: unknown directive "serverr" in /etc/nginx/nginx.conf:3': "",
    f'{STAMP} [emerg] 1#1: host not found in upstream "api.internal" in /etc/nginx/nginx.conf:12': "",
}  # fmt: skip
POSTGRES = {
    f"{AT} ERROR:  database is not accepting commands to avoid wraparound data loss in database"
    ' "orders"': "wraparound",
    f'{AT} WARNING:  database "orders" must be vacuumed within 9000000 transactions':
        "wraparound",
    f"{AT} ERROR:  requested WAL segment 00000001000000000000000A has already been removed":
        "wal-removed",
    f"{AT} ERROR:  invalid page in block 7 of relation base/5/16384": "damaged",
    f"{AT} ERROR:  out of shared memory": "lock-table-full",
    f"{AT} ERROR:  canceling statement due to conflict with recovery": "conflicts",
}  # fmt: skip
REDIS = {
    f"71:S {ON} # Error condition on socket for SYNC: Connection refused": "link-lost",
    f"71:M {ON} # Can't save in background: fork: Cannot allocate memory": "cannot-fork",
    f"71:M {ON} # Bad file format reading the append only file: make a backup of your AOF file": "damaged",
    f"71:M {ON} # Client id=7 scheduled to be closed ASAP for overcoming of output buffer limits.":
        "output-buffer",
}  # fmt: skip
QUIET = {
    "nginx": [
        f"{STAMP} [warn] 1#1: could not build optimal types_hash, you should increase either types_hash_max_size or"
        " types_hash_bucket_size: 64; ignoring types_hash_bucket_size",
        f"{STAMP} [info] 8#8: *3 SSL_do_handshake() failed (SSL: error:0A00009C:SSL routines::http request) while"
        " SSL handshaking, client: 10.0.0.9, server: 0.0.0.0:443",
        f"{STAMP} [notice] 1#1: signal 1 (SIGHUP) received, reconfiguring",
        f'{STAMP} [error] 8#8: *2 open() "/srv/64 worker_connections are not enough" failed (2: No such file or'
        ' directory), client: 10.0.0.9, server: x, request: "GET /worker_connections%20are%20not%20enough HTTP/1.1"',
    ],
    "redis": [f"71:M {ON} * Background saving terminated with success"],
    "postgres": [f"{AT} LOG:  checkpoint complete: wrote 3 buffers (0.0%)"],
}  # fmt: skip


def heard(profile: str, line: str) -> tuple[set[str], set[str]]:
    """(what is heard in a line, what of it opens an incident)."""
    given = {"system": "s", "services": {"it": {"profile": profile, "address": "h"}}}
    words = Words(parse_manifest(json.dumps(given)).services["it"])
    (record,) = records([line.encode()])
    words.hear(record, 0.0)
    told = [r for r in words.readings(1.0) if r.value]
    return {r.label for r in told}, {r.label for r in told if not r.metric.endswith(".context")}


@pytest.mark.parametrize(
    ("profile", "line", "word"),
    [
        (profile, line, word)
        for profile, lines in {"nginx": NGINX, "postgres": POSTGRES, "redis": REDIS}.items()
        for line, word in lines.items()
    ],
)
def test_what_it_says_is_known_once(profile: str, line: str, word: str) -> None:
    found, _ = heard(profile, line)
    assert found == ({word} if word else set())
    if not word:
        assert wordset().of_line(line), "the words of all software have it"


@pytest.mark.parametrize(("profile", "line"), [(p, line) for p, lines in QUIET.items() for line in lines])
def test_what_is_no_trouble_is_no_word(profile: str, line: str) -> None:
    assert heard(profile, line) == (set(), set())


def test_only_an_error_opens() -> None:
    lines = {line: word for line, word in NGINX.items() if word}
    opens = {word for line in lines for word in heard("nginx", line)[1]}
    assert opens == {*lines.values()} - {"limiting"}
