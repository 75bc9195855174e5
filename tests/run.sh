#!/usr/bin/env bash
# The project's one test command: style, lints, every test, the release build and conformance.
# It runs all of it even when a part fails, ends with a line for each part, and its exit status says whether all passed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
report=""
status=0

# part NAME COMMAND...: runs it, shows what it prints, and keeps its verdict for the closing lines.
part() {
    local name=$1 verdict=passed began=$SECONDS
    shift
    printf '\n=== %s: %s\n' "$name" "$*"
    "$@" 2>&1 | tee -a "$log"
    if [ "${PIPESTATUS[0]}" != 0 ]; then
        verdict=FAILED
        status=1
    fi
    report+=$(printf '%-12s %-6s %5d s' "$name" "$verdict" $((SECONDS - began)))$'\n'
}

# haproxy, nginx and systemd check the configurations that are shipped for them, SQLite is compiled from its C source, one test watches the server's
# system calls, litmus/run.sh has its clients, and the object store comes from PyPI.
part packages tests/need.sh haproxy nginx-light apache2 caddy pebble systemd openssl gcc libc6-dev strace litmus cadaver curl python3 python3-pip
part fmt cargo fmt --all --check
part clippy cargo clippy --workspace --all-targets --locked -- -D warnings
part tests cargo test --workspace --locked --no-fail-fast
# The rooms on a PostgreSQL server, then every conversation over again, and the tests of the byte store, with the rows on such a server and the contents in a bucket.
part rooms tests/postgres.sh cargo test --locked --no-fail-fast --lib
part elsewhere tests/postgres.sh tests/seaweed.sh cargo test --locked --no-fail-fast --test it
# Three servers behind the balancer's configuration that is shipped, on a database and a bucket: what one is told, all know. Then a primary database that dies.
part servers env COMMONHOLD_TEST_NODES=3 COMMONHOLD_TEST_BALANCER=haproxy tests/postgres.sh tests/seaweed.sh cargo test --locked --no-fail-fast --test it -- \
    lock revoke:: grants:: roles:: history uploads:: sync:: proxies::
# Each proxy by the configuration that is shipped for it. Left out is what a proxy answers itself: docs/operations.md says what that is.
for proxy in nginx apache caddy; do
    part "$proxy" env COMMONHOLD_TEST_BALANCER=$proxy cargo test --locked --no-fail-fast --test it -- copymove:: windows:: ranges:: uploads:: proxies:: \
        --skip a_drive_is_mapped_from_the_root --skip several_ranges_give --skip many_requests_go_over --skip an_upload_that_comes_no_further \
        --skip a_file_copied_in_keeps
done
part failover tests/postgres_pair.sh tests/seaweed.sh cargo test --locked --test it -- failover
part bucket tests/seaweed.sh cargo test --locked --no-fail-fast --lib blobs
part bench-fmt cargo fmt --manifest-path benches/peers/Cargo.toml --check
part bench-lint cargo clippy --manifest-path benches/peers/Cargo.toml --all-targets --locked -- -D warnings
part release cargo build --release --locked
part conformance litmus/run.sh
part conformant tests/postgres.sh tests/seaweed.sh litmus/run.sh
part clients litmus/clients.sh
part libreoffice litmus/libreoffice.sh

printf '\n=== result\n'
awk '/^test result:/ {
         for (i = 2; i < NF; i++) { if ($(i + 1) ~ /^passed;/) passed += $i; if ($(i + 1) ~ /^failed;/) failed += $i; if ($(i + 1) ~ /^ignored;/) ignored += $i }
     }
     END { printf "cargo test: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$log"
grep -E '^(conformance|libreoffice): |^[a-z0-9-]+: ([0-9]+ of [0-9]+ steps passed|skipped, )' "$log"
printf '%s' "$report"
[ "$status" = 0 ] && echo "all passed" || echo "FAILED"
exit "$status"
