#!/usr/bin/env bash
# Makes the Debian package in target/debian/: the binary, the manual and completions that it prints, the unit, the configuration.
# Needs cargo-deb (cargo install cargo-deb). PROFILE=dev takes the development build, to try the package out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${PROFILE:-release}
built=$profile
[ "$profile" = dev ] && built=debug

cargo build --locked --profile "$profile"
commonhold=target/$built/commonhold
parts=target/packaging
rm -rf "$parts"
mkdir -p "$parts/man"
"$commonhold" man --to "$parts/man" >/dev/null
for shell in bash zsh fish; do
    "$commonhold" completions "$shell" >"$parts/commonhold.$shell"
done
cargo deb --no-build --locked --profile "$profile"
