"""What a shop could be called otherwise: plausible names, from which sandbox/build/names.py draws.

No name here is one of the shop's own words, and none stands for two things: what is written can be told back.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, ...]] = {
    "shop": ("outlet", "bazaar", "emporium", "mart"),
    # parts; those whose code is a package of that name have names that may be one
    "gateway": ("ingress", "frontdoor", "entrance", "doorman"),
    "api": ("core", "storeapp", "backend", "catalogd"),
    "worker": ("fulfiller", "packer", "consumer", "picker"),
    "batch": ("jobrunner", "timetable", "croner", "chores"),
    "analytics": ("figures", "tallies", "headcount"),
    "collector": ("linetaker", "logkeeper", "scribe"),
    "log-collector": ("line-taker", "log-keeper", "scribe-1"),
    "storage": ("volumes", "disks", "mounts"),
    "frontend": ("webui", "www", "storepages", "ssr"),
    "net": ("fabric", "patchbay", "mesh", "lan"),
    "postgres": ("ledger", "maindb", "recordstore", "bookkeeping"),
    "redis": ("kvstore", "memstore", "cachebox", "scratchpad"),
    "loadgen": ("crowd", "traffic", "walkins", "passersby"),
    "upstream": ("quoter", "tariffs", "ratedesk", "courier"),
    "fallback": ("plan-b", "alternate", "secondsource", "understudy"),
    "provider": ("vendor", "supplier", "contractor"),
    "newcomers": ("readers", "followers", "subscribers"),
    "cloud": ("objectstore", "blobs", "depot"),
    "primary": ("preferred", "first-choice", "usual"),
    "dns-1": ("ns-a", "nameserver-one", "lookup-east"),
    "dns-2": ("ns-b", "nameserver-two", "lookup-west"),
    # scheduled jobs
    "report-export": ("csv-dump", "sheet-writer", "data-extract"),
    "thumb-render": ("preview-maker", "image-resize", "picture-mill"),
    "inventory-sync": ("shelf-refill", "shelf-count", "topping-up"),
    "nightly-report": ("daily-digest", "evening-sums", "day-close"),
    "price-recalc": ("tag-round", "cent-rounding", "price-tidy"),
    "partner-sync": ("reseller-feed", "affiliate-push", "dealer-list"),
    "backup-sync": ("second-copy", "mirror-feed", "offsite-copy"),
    "recs-precompute": ("pairings", "also-liked", "matchmaking"),
    # the database and the cache
    "app": ("merchant", "teller", "clerk"),
    "prober": ("observer", "lookout", "watch_ro"),
    "ops_admin": ("maintainer", "caretaker", "dba_oncall"),
    "schema_migrations": ("applied_versions", "migration_log", "ddl_history"),
    "product": ("article", "listing", "ware"),
    "sess": ("visit", "basket", "guest"),
    "q:orders:processing": ("todo:busy", "incoming:taken", "inbox:held"),
    "q:orders": ("todo", "incoming", "inbox"),
    "s:events": ("happenings", "footprints", "tape"),
    # settings
    "middleware": ("filters", "interceptor", "chain"),
    "delay_s": ("pause_before_s", "think_time_s", "hold_back_s"),
    "session_cache": ("profile_memory", "visitor_pool", "history_buffer"),
    "max_entries": ("size_limit", "keep_bound", "keep_at_most"),
    "entry_kb": ("item_kib", "unit_kb", "slot_kb"),
    "limit_max_requests": ("recycle_after", "max_served", "retire_after_requests"),
    "pool_timeout_s": ("lease_wait_s", "checkout_wait_s", "borrow_timeout_s"),
    "max_lifetime_s": ("connection_age_s", "recycle_connections_s", "max_age_s"),
    "ttl_s": ("keep_s", "expires_after_s", "lives_s"),
    "token_ttl_s": ("token_keep_s", "login_lasts_s", "token_age_s"),
    "insights_timeout_s": ("hints_timeout_s", "advice_wait_s"),
    "breaker_failures": ("trip_after", "open_after_failures"),
    "breaker_reset_s": ("trip_rest_s", "retry_closed_after_s"),
    "upstream_timeout_s": ("member_timeout_s", "forward_wait_s"),
    "reset_timeout_s": ("cool_down_s", "probe_again_s"),
    "rate_limit": ("throttling", "admission"),
    "per_key": ("by_client", "single_clients"),
    "poll_interval_s": ("idle_wait_s", "between_polls_s"),
    "packing_s": ("handling_s", "wrap_up_s"),
    "retry_delay_s": ("again_after_s", "backoff_s"),
    "reap_children": ("collect_forks", "wait_for_forks"),
    "child_slots": ("fork_limit", "parallel_forks"),
    "every_s": ("interval_seconds", "period_s"),
    "sessions_per_chunk": ("connections_each", "parallel_reads"),
    "close_sessions": ("hang_up", "give_back"),
    "caption_pattern": ("label_regex", "printable_titles"),
    "lock_order": ("row_order", "update_direction"),
    "row_pause_ms": ("breather_ms", "per_row_ms"),
    "hold_s": ("linger_s", "keep_open_s"),
    "keep_tmp": ("spare_parts", "leave_pieces"),
    "rotate_mb": ("turn_over_mb", "file_limit_mb"),
    "page_size": ("tiles", "per_page"),
    "api_timeout_s": ("backend_patience_s", "call_timeout_s"),
    "max_in_flight": ("side_by_side", "open_at_once"),
    "latency_ms": ("takes_ms", "answer_after_ms"),
    "req_id": ("request_id", "trace_id"),
}  # fmt: skip

TABLES: dict[str, tuple[str, ...]] = {
    "products": ("goods", "articles", "wares"),
    "stock": ("holdings", "shelves", "onhand"),
    "users": ("customers", "accounts", "shoppers"),
    "orders": ("purchases", "sales", "bookings"),
    "order_lines": ("purchase_rows", "sale_parts", "booking_positions"),
    "coupons": ("vouchers", "rebates", "promos"),
    "flags": ("toggles", "switches", "features"),
}

# Parts of an address. Its first one, `api`, and `product` are words of their own above.
PATHS: dict[str, tuple[str, ...]] = {
    "catalog": ("assortment", "browse", "findings"),
    "quote": ("estimate", "delivery-cost", "shipping"),
    "cart": ("trolley", "picklist", "selection"),
    "checkout": ("settle", "place-it", "buy-now"),
    "login": ("signin", "enter", "let-me-in"),
    "me": ("whoami", "myself", "profile-page"),
    "order": ("receipt", "booking-slip", "deal"),
    "insights": ("hints", "ideas", "advice"),
    "upload": ("send-in", "hand-over", "attach"),
    "lines": ("records-in", "take-these", "entries"),
    "dashboard": ("totals", "summary-page", "overview"),
    "livez": ("pulse", "breathing", "still-there"),
    "healthz": ("vitals", "condition", "wellness"),
    "health": ("fitness", "shape", "wellbeing"),
    "readyz": ("greenlight", "can-serve", "warmed-up"),
    "pools": ("groups-behind", "backends-of", "crews"),
    "edges": ("ways", "hops", "paths-between"),
    "breaker": ("fusebox", "overload-guard", "cutout"),
}

# Keys of a log line. The level keeps its own: whoever reads logs has to be told by something what is an error.
FIELDS: dict[str, tuple[str, ...]] = {
    "ts": ("time", "timestamp"),
    "svc": ("service", "component"),
    "replica": ("instance", "pod"),
    "msg": ("message", "event"),
    "exc": ("exception", "traceback"),
}

MEMBERS = (
    ("{}-a", "{}-b", "{}-spare"),
    ("{}-blue", "{}-green", "{}-standby"),
    ("{}-01", "{}-02", "{}-reserve"),
)
EDGES = ("{}-to-{}", "link-{}-{}", "{}-{}")
