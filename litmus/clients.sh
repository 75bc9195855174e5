#!/usr/bin/env bash
# clients.sh [NAME...]: drives real clients against throw-away sites, all of them or those named; each has a script of its own here.
# Exit status 0: every step of every client went as said.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- curl davfs2 gio git joplin kio nextcloud npm-webdav pywebdav rclone tus

status=0
for client in "$@"; do
    echo
    echo "== $client"
    "$here/$client.sh" || status=1
done
exit "$status"
