#!/usr/bin/env bash
# Builds the server and the benchmark, installs the peers where they are missing, and runs it. Options: bench-peers --help.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$top/tests/need.sh" nginx-light libnginx-mod-http-dav-ext apache2-bin apache2-utils
cargo build --release --locked --manifest-path "$top/Cargo.toml"
cargo build --release --locked --manifest-path "$top/benches/peers/Cargo.toml"
server=${CARGO_TARGET_DIR:-$top/target}/release/commonhold
bench=${CARGO_TARGET_DIR:-$top/benches/peers/target}/release/bench-peers
exec "$bench" --server "$server" "$@"
