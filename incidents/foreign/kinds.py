"""What a metric is a measure of, recognised from the words of its name and its unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal[
    "cpu", "memory", "disk", "network", "loss", "sockets", "queue", "latency", "errors", "traffic", "restarts", "up",
    "saturation", "other",
]  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """`kind`, and `down`: a fall is what is bad (free memory, success rate). `count`: counts up and is to be
    differenced.
    """

    kind: Kind
    down: bool = False
    count: bool = False


_WORD = re.compile(
    r"[45][xX]{2}|[pP]\d{2,3}(?!\d)|load(?:1|5|15)(?!\d)|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+"
)
_FREE = {"free", "available", "freeable", "idle", "remaining", "avail", "headroom", "credit", "balance"}
# The first that fits: what is seldom part of another name stands first.
_RULES: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("restarts", frozenset({"restart", "restarts", "restarted", "crash", "crashes", "oomkilled", "terminations"})),
    ("loss", frozenset({"loss", "lost", "drop", "drops", "dropped", "retrans", "retransmission", "retransmissions",
                        "retransmit", "retransmits", "retransmitted", "corrupt", "corruption", "reordering"})),
    ("errors", frozenset({"error", "errors", "err", "errs", "fail", "failed", "failure", "failures", "exception",
                          "exceptions", "5xx", "500", "502", "503", "504", "4xx", "abort", "aborted", "reject",
                          "rejected",
                          "throttles", "faults", "fault", "success", "sr", "rr", "availability", "denied", "invalid"})),
    ("queue", frozenset({"queue", "queued", "queues", "backlog", "lag", "pending", "unacked", "undelivered", "depth",
                         "waiting"})),
    ("latency", frozenset({"latency", "latencies", "duration", "durations", "response", "rt", "mrt", "lat", "delay",
                           "elapsed", "rtt", "p50", "p75", "p90", "p95", "p99", "percentile", "processing", "ttfb",
                           "responsetime"})),
    ("cpu", frozenset({"cpu", "cpus", "processor", "throttled", "throttling", "cfs", "iowait", "load1", "load5",
                       "load15", "cputil", "cpuutil"})),
    ("disk", frozenset({"disk", "disks", "fs", "filesystem", "storage", "iops", "inode", "inodes", "volume", "diskio",
                        "blkio", "partition", "device", "ebs", "tablespace", "wal", "read", "write", "reads",
                        "writes"})),
    ("memory", frozenset({"memory", "mem", "heap", "rss", "oom", "swap", "workingset", "gc", "garbage", "buffers",
                          "cache", "metaspace", "pgmajfault", "pagefaults"})),
    ("sockets", frozenset({"socket", "sockets", "connection", "connections", "conn", "conns", "pool", "thread",
                           "threads", "fd", "fds", "descriptors", "session", "sessions", "established", "goroutines",
                           "openfiles"})),
    ("network", frozenset({"network", "net", "packet", "packets", "tcp", "udp", "receive", "received", "transmit",
                           "transmitted", "sent", "rx", "tx", "bandwidth", "nic", "eth0", "ingress", "egress"})),
    ("up", frozenset({"up", "ready", "healthy", "running", "alive", "replicas", "reachable", "health", "status"})),
    ("traffic", frozenset({"request", "requests", "req", "reqs", "rate", "throughput", "qps", "rps", "tps", "count",
                           "cnt", "hits", "workload", "load", "invocations", "calls", "orders", "messages", "visits",
                           "transactions", "ops", "operations", "commits", "queries", "clients", "users", "traffic"})),
    ("saturation", frozenset({"utilization", "usage", "saturation", "busy", "pressure", "util", "dbload", "active"})),
)  # fmt: skip
_TIME_UNITS = frozenset({"ms", "milliseconds", "seconds", "s", "us", "microseconds", "ns"})


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    return tuple(w.lower() for w in _WORD.findall(name))


@lru_cache(maxsize=65536)
def measure(metric: str, unit: str = "") -> Measure:
    """Of a metric's name (and unit, where one is given)."""
    found = words(metric)
    have = frozenset(found)
    kind = _kind(found, have, unit.lower())
    down = bool(have & _FREE)
    if (
        kind == "errors"
        and have & {"success", "sr", "rr", "availability"}
        and not have & {"error", "errors", "failed"}
    ):
        down = True
    if kind == "cpu" and "idle" in have:
        down = True
    if kind == "up":
        down = not have & {"unhealthy", "unavailable", "unreachable", "down", "notready"}
    count = "total" in have or ("seconds" in have and "cpu" in have) or metric.endswith(("_count", "_sum"))
    return Measure(kind, down, count)


def _kind(found: tuple[str, ...], have: frozenset[str], unit: str) -> Kind:
    if "queries" in have and "wait" in have:
        return "latency"
    if "time" in have and have & {
        "response",
        "request",
        "service",
        "query",
        "wait",
        "process",
        "avg",
        "mean",
    }:
        return "latency"
    for kind, names in _RULES:
        if kind == "latency" and "cpu" in have:
            continue
        if (
            kind == "disk"
            and have & {"read", "write", "reads", "writes"}
            and have & {"tcp", "network", "socket", "cache"}
        ):
            continue
        if have & names:
            return _refine(kind, have, unit)
    if unit in _TIME_UNITS and "time" in have:
        return "latency"
    return "other"


def _refine(kind: Kind, have: frozenset[str], unit: str) -> Kind:
    """Words that mean something else beside others."""
    if kind == "latency" and have & {"read", "write", "disk", "commit", "fsync", "io"}:
        return "disk"
    if kind == "errors" and have & {"memory", "mem"} and have & {"failures"}:
        return "memory"
    if kind == "traffic" and "load" in have and have & {"db", "system", "node", "average", "avg"}:
        return "saturation" if "db" in have else "cpu"
    if kind == "loss" and not have & {"packet", "packets", "tcp", "network", "net", "loss", "receive",
    "transmit", "retrans",
                                      "retransmission", "corrupt", "corruption", "udp", "segs",
                                      "retransmit"}:  # fmt: skip
        return "errors"
    if kind == "errors" and have & {"receive", "transmit", "rx", "tx", "nic", "network", "interface"}:
        return "loss"
    if (
        kind == "latency"
        and "response" in have
        and have & {"bytes", "size", "count", "total"}
        and not have & {"time"}
    ):
        return "traffic"
    if (
        kind == "cpu"
        and have & {"count", "limit", "limits", "request", "quota", "cores"}
        and "usage" not in have
    ):
        return "other"
    if kind == "memory" and have & {"limit", "limits"} and not have & {"usage", "used"}:
        return "other"
    if kind == "memory" and have & {"hit", "hits", "miss", "misses", "ratio"} and "cache" in have:
        return "other"
    if kind == "disk" and have & {"latency"}:
        return "disk"
    if kind == "sockets" and unit == "bytes":
        return "network"
    return kind
