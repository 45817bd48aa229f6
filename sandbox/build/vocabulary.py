"""What a shop could be called otherwise: plausible names and sentences, from which sandbox/build/names.py draws.

No name here is one of the shop's own words, and none stands for two things: what is written can be told back.
"""

from __future__ import annotations

from .sentences import DOORS

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

# What the shop says in its logs and in its answers, and other ways to say it; the arguments keep their order.
PHRASES: dict[str, tuple[str, ...]] = {
    # kit
    "unhandled error: %s %s": ("request blew up: %s %s", "handler crashed at %s %s"),
    "config reload failed, keeping the previous configuration: %s": (
        "new settings rejected, staying with those in use: %s",
        "cannot take over %s, old values remain",
    ),
    "config reloaded: %s": ("settings taken over from %s", "now running on a fresh %s"),
    "settings error: %s Field required": (
        "environment incomplete: %s Field required",
        "bad environment, %s Field required",
    ),
    "cannot load configuration: %s: %s": (
        "settings file unusable: %s: %s",
        "giving up on the settings file, %s: %s",
    ),
    "settings error: %s %s": ("environment incomplete: %s %s", "bad environment, %s %s"),
    "edge %s keeps its target: %s": ("way %s leads where it led: %s", "no new end for %s: %s"),
    "stopping": ("shutting down", "bye"),
    "background task %s died": ("lost the %s loop", "helper %s ended unexpectedly"),
    "fatal: %s": ("process ends: %s", "cannot go on: %s"),
    "body too large": ("payload over the limit", "too many bytes"),
    "internal server error": ("something broke here", "unexpected condition"),
    ": expected a mapping at the top, found ": (
        ": wanted key-value pairs at the top, got ",
        ": top level must be a map, is ",
    ),
    "no answer from ": ("silence from ", "nothing heard from "),
    " closed the connection": (" hung up", " went away in the middle"),
    "log sink unreachable [Errno %d], spooling": (
        "nobody takes our lines [Errno %d], keeping them",
        "no taker for log lines [Errno %d], stored for later",
    ),
    "log sink answers again, %d bytes of the spool are sent": (
        "our lines are taken again, %d stored bytes went out",
        "lines flow again, %d bytes caught up",
    ),
    "trace not written: %s": ("no room for details: %s", "details lost: %s"),
    # the front door
    "%s %s %d": ("served %s %s with %d", "done: %s %s -> %d"),
    "upstream %s failed: %s (attempt %d)": (
        "could not get it from %s: %s (try %d)",
        "%s let us down: %s (round %d)",
    ),
    "member %s is down: %s": ("taking %s out of rotation: %s", "%s marked unusable: %s"),
    "member %s is up": ("%s back in rotation", "%s usable again"),
    "breaker %s: half-open": ("fuse of %s: trying one request", "%s guard probes again"),
    "breaker %s: closed": ("fuse of %s: back in", "%s guard lets all through"),
    "breaker %s: open after %d failures": (
        "fuse of %s blown after %d misses",
        "%s guard shut after %d misses",
    ),
    "breaker %s: reset by hand": ("fuse of %s put back in by an operator", "%s guard cleared manually"),
    "traffic of pool %s goes to %s": ("requests for %s now handled by %s", "%s rerouted to %s"),
    "gateway listens on %s": ("door open at port %s", "taking visitors on %s"),
    "admission is %s": ("door policy now %s", "letting in: %s"),
    "rate limit exceeded": ("too many requests", "slow down please"),
    "loop detected": ("went in circles", "too many hops"),
    "no route": ("nobody handles this path", "unmapped path"),
    "circuit open": ("fuse blown", "guard shut"),
    "no healthy upstream": ("nobody left to ask", "rotation is empty"),
    "status ": ("said ", "code "),
    # the api
    "api %s starts as %s": ("release %s comes up as %s", "build %s boots, name %s"),
    "PoolTimeout: %s": (
        "waited in vain for a database handle (PoolTimeout): %s",
        "PoolTimeout while borrowing a handle: %s",
    ),
    "database error: %s %s": ("statement not executed: %s %s", "sql trouble: %s %s"),
    "redis error: %s": ("key-value store trouble: %s", "memory store says: %s"),
    "database unavailable": ("records cannot be reached", "no data right now"),
    "session store unavailable": ("baskets cannot be reached", "visitor data missing"),
    "upstream failed": ("rates cannot be had", "outside help missing"),
    "unhandled %s%s on %s: %s": ("request ended by %s%s at %s: %s", "unexpected %s%s while serving %s: %s"),
    "headers %r": ("request came with %r", "got header lines %r"),
    "cache unavailable, reading from the database: %s": (
        "no quick lookup, asking the slow way: %s",
        "going past the memory store: %s",
    ),
    "cache write failed: %s": ("could not remember a lookup: %s", "lookup not stored: %s"),
    "upstream breaker: reset by hand": (
        "outside fuse put back in by an operator",
        "outside guard cleared manually",
    ),
    "upstream breaker: closed": ("outside fuse: back in", "outside guard lets all through"),
    "upstream breaker: open, %s does not answer": (
        "outside fuse blown, %s is silent",
        "outside guard shut: nothing from %s",
    ),
    " breaker open": (" is behind a blown fuse", " is not asked for now"),
    " answered ": (" came back with ", " replied "),
    " is not configured": (" has no entry in the settings", " is unknown here"),
    "connection timeout: no answer from the database in ": (
        "connection timeout: the records server kept silent for ",
        "connection timeout: no reply to a ping within ",
    ),
    "checkout refused: %s sku=%s": ("purchase stopped: %s sku=%s", "till says no: %s sku=%s"),
    "price mismatch cart=": ("basket and shelf disagree basket=", "differing amounts basket="),
    " db=": (" shelf=", " recorded="),
    "no picture of %s: %s": ("%s stays without an image: %s", "image of %s missing: %s"),
    "storage failed: ": ("images cannot be had: ", "image store said: "),
    "the cart is empty": ("nothing to pay for", "basket without content"),
    "picture not kept: %s": ("could not store what was sent in: %s", "image lost: %s"),
    "no room for pictures: ": ("cannot take images: ", "image shelf: "),
    "not base64": ("undecodable image", "image is garbled"),
    "no bearer token": ("login header missing", "no login given"),
    "wrong email or password": ("login refused", "credentials do not fit"),
    "no such order": ("unknown number", "never heard of it"),
    "no such user": ("unknown person", "nobody by that name"),
    # pages
    "page %s failed: %d %s": ("could not draw %s: %d %s", "half a page for %s: %d %s"),
    "frontend %s is up": ("pages %s ready", "rendering with %s"),
    "no such page": ("nothing lives here", "wrong turn"),
    # the worker
    "worker is up": ("ready to pack", "taking parcels"),
    "no heartbeat: %s": ("cannot sign the roll: %s", "sign of life not written: %s"),
    "queue unavailable: %s": ("cannot fetch work: %s", "belt stands still: %s"),
    "order failed, back to the queue: %s: %s": (
        "parcel dropped, put back on the belt: %s: %s",
        "could not finish, will repeat: %s: %s",
    ),
    "cannot settle a message, it stays in %s: %s": (
        "bookkeeping undone, item left in %s: %s",
        "no receipt written, kept in %s: %s",
    ),
    "order %d fulfilled, total %.2f": ("parcel %d out, worth %.2f", "%d shipped for %.2f"),
    "no child slots (%d/%d), order %d gets no picture": (
        "too many helpers (%d/%d), parcel %d without label",
        "helpers used up (%d of %d), skipping label of %d",
    ),
    "cannot fork for order %d": ("helper for %d did not start", "no helper for parcel %d"),
    # figures, log lines, volumes
    "analytics is up": ("counting begins", "ready to count"),
    "stream refused: %s": ("cannot read the tape: %s", "the tape says no: %s"),
    "stream unavailable: %s": ("tape out of reach: %s", "nothing to count from: %s"),
    "%d events of an earlier process are taken over": (
        "picked up %d left behind by the one before",
        "%d unfinished ones inherited",
    ),
    "log collector is up": ("taking lines", "open for log lines"),
    "lines not kept: %s": ("could not file what came in: %s", "filing failed: %s"),
    "volumes are held": ("keeping what is mounted", "holding on"),
    "volumes are mounted: %s": ("in place: %s", "room made: %s"),
    "no volumes of their own here, plain folders instead: %s": (
        "cannot mount, using folders: %s",
        "folders will have to do: %s",
    ),
    # the network
    "net is up: %s": ("cables plugged: %s", "patching done: %s"),
    "the far side is up": ("other end ready", "remote end listens"),
    "edge %s: no namespace, using a userland path (%s)": (
        "cable %s: plain relay instead of a wire (%s)",
        "%s patched in software (%s)",
    ),
    "edge %s: %s": ("cable %s: %s", "on %s: %s"),
    "edge %s: path %s answers again": ("cable %s: route %s carries again", "%s: signal back on %s"),
    "edge %s: path %s is down, no heartbeat for 2 intervals": (
        "cable %s: route %s dark, two pulses missed",
        "%s: lost signal on %s twice in a row",
    ),
    "edge %s: failed over to path B": ("cable %s: moved to route B", "%s now runs over B"),
    "edge %s: path A re-created": ("cable %s: route A laid anew", "%s has a new A"),
    "far end of %s:%d: %s": ("other end of %s:%d: %s", "remote side %s:%d said %s"),
    " not reachable: ": (" did not take the call: ", " cannot be dialled: "),
    " has no address yet": (" is not in the book yet", " cannot be looked up yet"),
    "the far end hung up": ("other side cut the call", "remote end gone"),
    "the wire is gone": ("cable missing", "nothing plugged in"),
    "wire did not start": ("cable could not be laid", "no cable came up"),
    # jobs
    "batch is up with %d jobs": ("timetable loaded, %d entries", "%d chores planned"),
    "job %s ended with %s after %.1f s": (
        "chore %s finished, code %s, took %.1f s",
        "%s done (exit %s, %.1f s)",
    ),
    "job %s is paused": ("chore %s put on hold", "%s will not run for now"),
    "job %s is resumed": ("chore %s back on the timetable", "%s runs again"),
    "price-recalc: %d prices": ("rounding touched %d tags", "%d tags changed"),
    "nightly-report: %s orders, %s in all": ("day had %s sales worth %s", "%s sold, sum %s"),
    "inventory-sync: %s, trying again": ("shelves busy: %s, once more", "%s while filling shelves, repeat"),
    "partner-sync: %d requests, %d answered": (
        "dealers: %d asked, %d got through",
        "feed of %d items, %d taken",
    ),
    "recs-precompute: %d keys": ("%d pairings kept", "matched %d items"),
    "VersionConflict: %s": ("packages disagree: %s", "cannot be combined: %s"),
    "inventory-sync: %d rows": ("%d shelves filled", "filled %d places"),
    "report-export: %d rows in %d chunks": ("wrote %d lines in %d parts", "sheet has %d lines, %d parts"),
    "report-export waits for a session: %s": (
        "sheet writer waits for the records server: %s",
        "no handle for the sheet yet: %s",
    ),
    "report-export lost a session: %s": ("sheet writer was cut off: %s", "handle of the sheet broke: %s"),
    "thumb-render: title of %s cannot be printed": ("label of %s left out", "nothing printable for %s"),
    "cloud-refresh: %s": ("no new visa for the depot: %s", "depot login not renewed: %s"),
    "cloud-refresh: a new session, %d s before the end of the old one": (
        "visa for the depot renewed, %d s were left",
        "depot login renewed with %d s to go",
    ),
    "session-import: %d of %d visits go on": (
        "%d of %d guests taken over",
        "kept %d of %d from the other site",
    ),
    "thumb-render: %d pictures": ("%d previews drawn", "drew %d previews"),
    # migrations, the world, visitors
    "migration %s %s step %d": ("schema script %s %s part %d", "applying %s %s, part %d"),
    "migration failed: %s": ("schema script stopped: %s", "could not change the schema: %s"),
    "schema version %d%s, code expects %d": (
        "tables at %d%s, release wants %d",
        "layout number %d%s, needed %d",
    ),
    "settings error: DATABASE_URL Field required": (
        "environment incomplete: DATABASE_URL Field required",
        "bad environment, DATABASE_URL Field required",
    ),
    "%s is up": ("%s takes requests", "hello from %s"),
    "loadgen is up": ("people are coming in", "doors open for the crowd"),
    "%s %s answered %d": ("%s %s gave %d", "asked %s %s, got %d"),
    "%s %s got no answer: %s": ("%s %s went unanswered: %s", "asked %s %s in vain: %s"),
}

PHRASES |= DOORS
