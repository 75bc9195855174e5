#!/usr/bin/env bash
# Conformance: litmus and a cadaver session, both with an ordinary person's Basic login in a team share.
#
#   litmus/run.sh                       a throw-away site of this server, on a free port
#   litmus/run.sh URL USER PASSWORD     a collection of any server that runs already
#   LITMUS=PROGRAM SERVER=PROGRAM litmus/run.sh    another litmus, another build of the server
#
# Exit status 0 says that nothing happened besides what expected.tsv names.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
source "$here/site.sh"

[ $# = 0 ] || [ $# = 3 ] || { echo "usage: $0 [URL USER PASSWORD]" >&2; exit 2; }
"$top/tests/need.sh" litmus cadaver curl

work=$(mktemp -d)
site_pid=""
finish() {
    [ -z "$site_pid" ] || kill -KILL "$site_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

if [ $# = 3 ]; then
    url=$1 user=$2 password=$3
else
    site_start "$work" >"$work/setup"
    url=$site_url user=$site_user password=$site_password
fi

suites="basic copymove props http"
classes=$(curl --silent --show-error --user "$user:$password" --request OPTIONS --include "$url" |
    tr -d '\r' | sed -n 's/^dav: *//Ip' | tr ',\n' '  ')
case " $classes " in
*" 2 "*) suites="basic copymove props locks http" ;;
esac

status=0
litmus=$(command -v "${LITMUS:-litmus}") || { echo "no such program: \`$LITMUS\`" >&2; exit 1; }
echo "== $("$litmus" --version), DAV: $classes"
# litmus writes its trace to the current folder; its exit status is only that of the last suite, so the report is judged instead.
(cd "$work" && TESTS=$suites "$litmus" -k "$url" "$user" "$password" 2>&1 || true) | tr '\r' '\n' >"$work/report"
if ! awk -v suites="$suites" -f "$here/judge.awk" "$here/expected.tsv" "$work/report"; then
    status=1
    echo "-- what litmus said:"
    grep -vE '^$|^ *[0-9]+\. [^ ]+ (pass)?$' "$work/report" || true
fi

echo
echo "== $(cadaver --version | head -n 1)"
"$here/cadaver.sh" "$url" "$user" "$password" "$classes" || status=1

if [ $# = 0 ]; then
    echo
    echo "== the site afterwards"
    site_stop || status=1
    site_pid=""
fi
[ "$status" = 0 ] && echo "conformance: all as expected" || echo "conformance: NOT as expected"
exit "$status"
