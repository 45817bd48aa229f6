# Stands in for the stock Redis image where no registry can be reached.
ARG BASE
FROM ${BASE}
RUN useradd --system --uid 999 redis && mkdir /data && chown redis /data \
    && ln -s "$(find /opt/venv -name valkey-server -type f | head -n 1)" /usr/local/bin/redis-server
COPY redis-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
COPY redis-cli /usr/local/bin/redis-cli
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["redis-server"]
