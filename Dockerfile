ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE} AS base
COPY requirements.lock /tmp/
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install -q --require-hashes --no-deps -r /tmp/requirements.lock && useradd --uid 1000 app && mkdir -p /srv/shop && chown 1000 /srv/shop
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
FROM base AS portal
WORKDIR /app
COPY . .
USER 1000:1000

# One release of one service of the mini production.
FROM base AS shop-release
ARG SERVICE
ARG VERSION
COPY sandbox /src/sandbox
RUN cd /src && python -m sandbox release "$SERVICE" "$VERSION" --to /srv/release

FROM base AS shop
COPY --from=shop-release /srv/release /srv/release
WORKDIR /srv/release
USER 1000:1000
ENTRYPOINT ["python", "-m", "shop.kit.start"]
