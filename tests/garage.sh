#!/usr/bin/env bash
# Runs a command with an object store of three Garage nodes, each content on all of them: tests/garage.sh cargo test --test it node_of_the_object_store
#
# Run by hand: Garage has to be there (`cargo install garage --version 2.5.0 --locked`), on the PATH or named by GARAGE. COMMONHOLD_TEST_BLOBS names
# the bucket, and COMMONHOLD_TEST_NODE_DEATH is a command that kills the second node (SIGKILL), which is not the one that the servers ask.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
garage=${GARAGE:-garage}
command -v "$garage" >/dev/null || { echo "there is no \`$garage\`" >&2; exit 1; }

work=$(mktemp -d)
nodes=()
stop() {
    kill -9 "${nodes[@]}" 2>/dev/null || true
    wait "${nodes[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

read -r -a ports < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*(one.getsockname()[1] for one in held))')
secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
on() { local number=$1; shift; "$garage" -c "$work/$number.toml" "$@"; }
quietly() { "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; }

ids=()
for number in 0 1 2; do
    # Acknowledged is what is on the disks.
    cat >"$work/$number.toml" <<TOML
metadata_dir = "$work/$number/meta"
data_dir = "$work/$number/data"
db_engine = "sqlite"
metadata_fsync = true
data_fsync = true
replication_factor = 3
rpc_bind_addr = "127.0.0.1:${ports[$number]}"
rpc_public_addr = "127.0.0.1:${ports[$number]}"
rpc_secret = "$secret"
[s3_api]
api_bind_addr = "127.0.0.1:${ports[$((number + 3))]}"
s3_region = "garage"
TOML
    "$garage" -c "$work/$number.toml" server >"$work/$number.log" 2>&1 &
    nodes+=($!)
    for _ in $(seq 300); do
        id=$(on "$number" node id -q 2>/dev/null) && break
        sleep 0.1
    done
    [ -n "$id" ] || { cat "$work/$number.log" >&2; exit 1; }
    ids+=("$id")
done
for number in 0 1 2; do
    for _ in $(seq 300); do
        on "$number" status >/dev/null 2>&1 && break
        sleep 0.1
    done
done
for number in 1 2; do
    quietly on 0 node connect "${ids[$number]}"
done
for number in 0 1 2; do
    quietly on 0 layout assign -z "zone$number" -c 1G "${ids[$number]%%@*}"
done
quietly on 0 layout apply --version 1
export AWS_ACCESS_KEY_ID="GK000102030405060708090a0b" AWS_SECRET_ACCESS_KEY=$secret AWS_REGION=garage
export AWS_ENDPOINT_URL="http://127.0.0.1:${ports[3]}" AWS_ALLOW_HTTP=true
for _ in $(seq 300); do
    on 0 key import --yes -n tests "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >"$work/said" 2>&1 && break
    sleep 0.1
done
quietly on 0 bucket create commonhold
quietly on 0 bucket allow --read --write --owner commonhold --key tests
COMMONHOLD_TEST_BLOBS=s3://commonhold/tests COMMONHOLD_TEST_NODE_DEATH="kill -9 ${nodes[1]}" "$@"
