#!/usr/bin/env bash
# An engine, compose and base images where there is neither an engine nor a registry of images. Only for CI and for
# machines like it (Debian or Ubuntu, root): everybody else has Docker and takes the stock images.
#   .ci/engine.sh            prints `export ...` lines: which images stand in for the stock ones
set -eu
cd "$(dirname "$0")/.."
CACHE=${OPS_CI_CACHE:-/var/cache/opsportal-ci}
PLUGINS=/usr/local/lib/docker/cli-plugins
BASE=opsportal-ci/python:3.11 POSTGRES=opsportal-ci/postgres:18 REDIS=opsportal-ci/redis:9
say() { echo "ci: $*" >&2; }
mkdir -p "$CACHE"

install_engine() {
  say "installing docker.io"
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends docker.io iptables >"$CACHE/apt.log" 2>&1
}

start_engine() {
  docker info >/dev/null 2>&1 && return 0
  say "starting an engine"
  # Small networks, from more than one range: the default ones run out where the machine's own routes cover them.
  local pools=(--default-address-pool base=172.16.0.0/12,size=24 --default-address-pool base=10.192.0.0/12,size=24)
  setsid nohup dockerd "${pools[@]}" >"$CACHE/dockerd.log" 2>&1 </dev/null &
  timeout 60 sh -c 'until docker info >/dev/null 2>&1; do sleep 0.3; done' || { tail -n 5 "$CACHE/dockerd.log" >&2; return 1; }
}

# Compose v2 and buildx: bookworm has neither, the next Debian's programs run here as they are.
install_plugins() {
  docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 && return 0
  say "fetching docker compose and buildx"
  local work host
  work=$(mktemp -d)
  host=$(sed -n -E 's/^(URIs: |deb (\[[^]]*\] )?)(https?:[^ ]+debian)\/?( .*)?$/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $host trixie main" >"$work/sources.list"
  local from=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists")
  mkdir -p "$work/lists" "$PLUGINS"
  apt-get "${from[@]}" update -qq >&2
  (cd "$work" && apt-get "${from[@]}" download -qq docker-compose docker-buildx >&2 && for deb in *.deb; do dpkg-deb -x "$deb" x; done)
  find "$work/x" -path '*cli-plugins*' -type f -exec install -m 755 {} "$PLUGINS" \;
  rm -rf "$work"
}

# Debian with Python, and the locked packages where the Dockerfile would install them: it then finds nothing to fetch.
build_base() {
  local stamp
  stamp=$(cat requirements.lock .ci/engine.sh | sha256sum | cut -c1-16)
  [ "$(docker image inspect -f '{{ index .Config.Labels "made-of" }}' "$BASE" 2>/dev/null)" = "$stamp" ] && return 0
  say "building $BASE"
  command -v mmdebstrap >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap >"$CACHE/apt.log" 2>&1
  local include=python3,python3-venv,ca-certificates
  [ -s "$CACHE/bookworm.tar" ] || mmdebstrap --quiet --variant=minbase --include=$include bookworm "$CACHE/bookworm.tar"
  local site=opt/venv/lib/python3.11/site-packages work
  work=$(mktemp -d)
  mkdir -p "$work/$site"
  ./ops manage version >/dev/null
  local uv=${OPS_VENV:-.venv}/bin/uv
  "$uv" pip install -q --python-version 3.11 --target "$work/$site" --require-hashes --no-deps --only-binary :all: -r requirements.lock
  docker import "$CACHE/bookworm.tar" opsportal-ci/bookworm:latest >/dev/null
  printf 'FROM opsportal-ci/bookworm:latest\nRUN python3 -m venv /opt/venv && ln -s /usr/bin/python3 /usr/local/bin/python\nCOPY opt /opt\nLABEL made-of=%s\n' "$stamp" >"$work/Dockerfile"
  DOCKER_BUILDKIT=1 docker build -q -t "$BASE" "$work" >/dev/null
  rm -rf "$work"
}

# What stands in for the stock Postgres (with pgvector) and Redis images: the servers of the wheels, the same variables.
build_servers() {
  local name
  for name in postgres redis; do
    local tag=$POSTGRES; [ $name = redis ] && tag=$REDIS
    DOCKER_BUILDKIT=1 docker build -q -t "$tag" --build-arg "BASE=$BASE" -f ".ci/images/$name.Dockerfile" .ci/images >/dev/null
  done
}

command -v dockerd >/dev/null || docker info >/dev/null 2>&1 || install_engine
start_engine
install_plugins
build_base
build_servers
cat <<END
export PYTHON_IMAGE=$BASE POSTGRES_IMAGE=$POSTGRES REDIS_IMAGE=$REDIS
END
