"""A corner shop: a small production of real processes, to be looked after by somebody else.

    python -m sandbox prepare --dir DIR --port-base 18080 --pg-bin BIN --redis-server FILE [--names SEED]
    python -m sandbox reset --dir DIR

`prepare` writes a whole site into DIR; a supervisor then runs DIR/processes.yaml (the shop) and another one
DIR/world/processes.yaml (what is not ours). Ports are offsets from the port base (build/layout.py).
With `--names` all of this is called otherwise, and has other ports (build/names.py).

service      offset  what it does
gateway      0       proxy: health checks, breaker, rate limits, retry; reload on SIGHUP (shop/gateway)
api-1, api-2 21, 22  FastAPI over Postgres, Redis and the quote provider (shop/api), 160 MB each
backup-api   23      release 1.3.0 on standby, wired straight to Postgres and Redis
worker       30      q:orders -> q:orders:processing -> done, heartbeat, forks pictures (shop/worker)
batch        32      jobs as child processes: report-export thumb-render inventory-sync nightly-report price-recalc
frontend     40      server-rendered pages, through the gateway (shop/frontend)
net          60      edges gateway-api-1 gateway-api-2 api-db api-redis api-upstream (61-65); path A of each is a wire
                     in a network namespace of its own, path B is direct (shop/net)
postgres     70      schema shop at version 6; roles app (12 connections), prober, ops_admin
redis        71      product:* (cache), sess:* (carts), q:orders, worker:*
loadgen      80      visitors (shop/loadgen)
upstream     121     outside: quote provider; fallback 122: a second one (shop/world)

Folders of a site: manifest.yaml and secrets.env (for operators), site.json (for the owner), etc/ with golden/ copies
and SHA256SUMS, releases/SERVICE/VERSION behind `current` links, log/, run/, vol/, snapshots/, world/.
Code: shop/ is what the site runs (copied into releases), older/ what differed in past releases, build/ writes sites.
"""
