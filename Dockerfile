ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE} AS base
COPY requirements.lock /tmp/
# What the base image has of them already is not fetched. Compiled here: containers write nothing where programs are.
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install -q --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock \
    && { /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib >/dev/null || true; } \
    && useradd --uid 1000 app && mkdir -p /srv/shop && chown 1000 /srv/shop
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

FROM base AS portal
# A new volume takes its owner and mode from the folder of the image that it is first mounted on.
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/opsportal /var/lib/opsportal/chaos-journal \
    /secrets/portal /secrets/postgres /secrets/redis /srv/redis
ENV HOME=/tmp OPSPORTAL_DATA=/var/lib/opsportal DJANGO_SETTINGS_MODULE=opsportal.settings
WORKDIR /app
COPY . .
RUN python -m compileall -q .
USER 1000:1000

# One release of one service of the mini production.
FROM base AS shop-release
ARG SERVICE
ARG VERSION
COPY sandbox /src/sandbox
RUN cd /src && python -m sandbox release "$SERVICE" "$VERSION" --to /srv/release && python -m compileall -q /srv/release

FROM base AS shop
COPY --from=shop-release /srv/release /srv/release
WORKDIR /srv/release
USER 1000:1000
ENTRYPOINT ["python", "-m", "shop.kit.start"]
