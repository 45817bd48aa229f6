"""Configuration that a service takes, and cannot work with."""

from __future__ import annotations

from typing import Any

from chaos.site import Site
from chaos.unknown.texts import ConfigValue


class WithUnit(ConfigValue):
    """Clear to whoever wrote it; the service wants a plain number, and finds that out when it uses it."""

    id = "number_with_unit"
    title = "A number is written with its unit"
    choices = (
        ("api", "session.ttl_s", "30m"),
        ("api", "auth.token_ttl_s", "1h"),
        ("api-2", "session.ttl_s", "30m"),
        ("api", "upstream.timeout_s", "2s"),
        ("frontend", "api_timeout_s", "8s"),
        ("frontend", "page_size", "24 items"),
        ("gateway", "rate_limit.rps", "40/s"),
        ("worker", "packing_s", "400ms"),
    )


class NoLife(ConfigValue):
    """What is given out is over before it is used."""

    id = "no_life"
    title = "What the api gives out is over at once"
    choices = (
        ("api", "session.ttl_s", 0),
        ("api", "session.ttl_s", -1),
        ("api", "auth.token_ttl_s", -3600),
        ("api-1", "auth.token_ttl_s", -3600),
    )


class ProviderAddress(ConfigValue):
    id = "provider_address"
    title = "The provider is asked at a wrong address"
    choices = (
        ("api", "upstream.primary.url", "/v2"),
        ("api", "upstream.primary.url", ":1"),
        ("api", "upstream.active", "secondary"),
        ("api-1", "upstream.primary.url", "/quotes"),
    )

    def value(self, site: Site, was: Any, chosen: list[Any]) -> Any:
        if chosen[2].startswith("/"):
            return f"{was}{chosen[2]}"
        return f"{str(was).rpartition(':')[0]}{chosen[2]}" if chosen[2].startswith(":") else chosen[2]


class Impatient(ConfigValue):
    """Milliseconds where seconds are meant."""

    id = "impatient"
    title = "A part waits next to no time for the one it asks"
    choices = (
        ("api", "upstream.timeout_s", 0.002),
        ("api-2", "upstream.timeout_s", 0.004),
        ("gateway", "upstream_timeout_s", 0.001),
        ("gateway", "pools.frontend.timeout_s", 0.004),
    )


class WorkerPace(ConfigValue):
    """Nothing is wrong with it; it takes its time."""

    id = "worker_pace"
    title = "The worker is slower than the orders come"
    choices = (
        ("worker", "packing_s", 45),
        ("worker", "packing_s", 90),
        ("worker", "poll_interval_s", 60),
        ("worker", "concurrency", 0),
    )
    may_touch = ("redis",)


class LinesDown(ConfigValue):
    """Taken down for work on it, and not put up again."""

    id = "line_down"
    title = "A line of the network is switched off"
    family = "network"
    choices = tuple(("net", f"edges.{edge}.up", False) for edge in ("api-upstream", "api-db"))
    may_touch = ("api", "api-1", "api-2", "upstream", "fallback")


class LineElsewhere(ConfigValue):
    """What answers there is something else, or nobody."""

    id = "line_elsewhere"
    title = "A line of the network leads to the wrong place"
    family = "network"
    drivers = ("process",)
    restarts = True
    choices = tuple(
        ("net", f"edges.{edge}.target", to)
        for edge, to in (
            ("api-db", "redis"),
            ("api-redis", "postgres"),
            ("api-upstream", "frontend"),
            ("api-redis", ""),
            ("api-db", ""),
        )
    )
    may_touch = ("api", "api-1", "api-2", "upstream", "fallback")

    def value(self, site: Site, was: Any, chosen: list[Any]) -> Any:
        """Another part's address, or the same one with the port of nobody."""
        return site.facts["addresses"][chosen[2]] if chosen[2] else f"{str(was).rpartition(':')[0]}:9"
