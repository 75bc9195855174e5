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
make_server data --no-sync
start_server data "$work" 500 fsync=off
COMMONHOLD_TEST_POSTGRES="postgres://postgres@${work//\//%2F}" "$@"
