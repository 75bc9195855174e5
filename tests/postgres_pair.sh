#!/usr/bin/env bash
# Runs a command with a PostgreSQL primary and its synchronous standby: tests/postgres_pair.sh cargo test --test it failover
#
# COMMONHOLD_TEST_POSTGRES names both, as `storage.database` does; COMMONHOLD_TEST_FAILOVER is a command that kills the primary with all its
# processes (SIGKILL) and promotes the standby. Both sync what they commit, and the primary says "done" when the standby has it too.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
"$here/need.sh" postgresql postgresql-client

. "$here/postgres_home.sh"
trap 'stop_servers one two' EXIT

# start NODE: its socket lies in a folder of its own.
start() {
    "${as_owner[@]}" mkdir -p "$work/socket-$1"
    start_server "$1" "$work/socket-$1" 200
}

# What an administrator does, as docs/operations.md says.
cd "$work"
make_server one
start one
quietly one.log "$bin/pg_basebackup" -h "$work/socket-one" -U postgres -D "$work/two" -R -X stream -c fast
start two
psql -q -h "$work/socket-one" -U postgres -c "alter system set synchronous_standby_names = '*'" -c "select pg_reload_conf()" >/dev/null
for _ in $(seq 600); do
    state=$(psql -qAt -h "$work/socket-one" -U postgres -c "select sync_state from pg_stat_replication")
    [ "$state" != sync ] || break
    sleep 0.1
done
[ "$state" = sync ] || { cat "$work/two.log" >&2; echo "the standby doesn't follow" >&2; exit 1; }

cat >"$work/failover" <<END
#!/usr/bin/env bash
set -euo pipefail
cd "$work"
primary=\$(head -n 1 "$work/one/postmaster.pid")
kill -9 "\$primary" \$(ps -o pid= --ppid "\$primary")
began=\$(date +%s%3N)
${as_owner[*]} "$bin/pg_ctl" -D "$work/two" -w promote >/dev/null
# The standby was copied before one was asked for, so the new primary waits for none.
echo "promoted in \$((\$(date +%s%3N) - began)) ms"
END
chmod 755 "$work/failover"
cd - >/dev/null
one=$work/socket-one two=$work/socket-two
COMMONHOLD_TEST_POSTGRES="postgres://postgres@${one//\//%2F},${two//\//%2F}" COMMONHOLD_TEST_FAILOVER=$work/failover "$@"
