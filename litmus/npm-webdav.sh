#!/usr/bin/env bash
# npm-webdav.sh: what programs in JavaScript do with a share, with the npm package `webdav`; the steps are in npm-webdav.mjs.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
packages=()
command -v npm >/dev/null || packages=(nodejs npm)
client_begin npm-webdav "${packages[@]}"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" webdav@5.11.0 >npm.log || { cat npm.log; exit 1; }

person() { node "$here/npm-webdav.mjs" "$1" "$site_url" "$site_user" "$site_password"; }
step "files and folders: up, down, listed, copied, moved, also of odd names" person files
step "streams, and a part of a file" person streams
step "the quota" person quota
step "a lock keeps the file until it is given back" person locks
step "what can't be is refused by the right status" person refusals
step "a folder is removed" person removed
step "for the colleague too" has "" ""
client_end
