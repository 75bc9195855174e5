#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own, which COMMONHOLD_TEST_POSTGRES names: tests/postgres.sh cargo test --test it
#
# The server listens on a socket in a temporary folder and on no port. It syncs nothing: what its commits are worth is not tested here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
"$here/need.sh" postgresql postgresql-client

. "$here/postgres_home.sh"
trap 'stop_servers data' EXIT
(
    cd "$work"
    "${as_owner[@]}" "$bin/initdb" -D "$work/data" -A trust -U postgres --no-sync >"$work/initdb.log" 2>&1 ||
        { cat "$work/initdb.log" >&2; exit 1; }
    "${as_owner[@]}" "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w \
        -o "-k $work -c listen_addresses= -c fsync=off -c max_connections=500" start >"$work/start.log" 2>&1 ||
        { cat "$work/start.log" "$work/server.log" >&2; exit 1; }
)
COMMONHOLD_TEST_POSTGRES="postgres://postgres@${work//\//%2F}" "$@"
