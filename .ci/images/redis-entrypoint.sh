#!/bin/sh
# As the stock image: options alone mean redis-server, and root steps down.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec setpriv --reuid redis --regid 999 --clear-groups "$0" "$@"
fi
umask 0077
exec "$@"
