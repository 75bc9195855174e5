#!/usr/bin/env bash
# libreoffice.sh: a real LibreOffice opens, edits, saves and closes a document over WebDAV; meanwhile a colleague can read it
# but not write it. On a throw-away site; SERVER=PROGRAM takes another build of the server. Exit status 0: all as said.
# Debian's packages for it have about 400 MB.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
source "$here/site.sh"
"$top/tests/need.sh" libreoffice-writer-nogui python3-uno curl

work=$(mktemp -d)
site_pid="" office_pid=""
finish() {
    [ -z "$office_pid" ] || kill -KILL -- "-$office_pid" 2>/dev/null || true
    [ -z "$site_pid" ] || kill -KILL "$site_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

site_start "$work" >"$work/setup"
site_add ben >>"$work/setup"
url=${site_url}letter.odt

# In a process group of its own, since soffice starts others; with a profile that is gone afterwards.
pipe=commonhold-$$
setsid soffice --headless --norestore --nologo --nodefault "-env:UserInstallation=file://$work/profile" \
    "--accept=pipe,name=$pipe;urp" >"$work/office.log" 2>&1 &
office_pid=$!
# Debian's python3, which has its UNO bridge.
person() { timeout 120 /usr/bin/python3 "$here/libreoffice.py" "$pipe" "$@"; }

failed=0
# expect TEXT EXPECTED FOUND
expect() {
    local verdict=ok
    if [ "$2" != "$3" ]; then
        verdict="FAILED: \`$2\` expected, \`$3\` found"
        failed=1
    fi
    printf '%-62s %s\n' "$1" "$verdict"
}
# The status of a request by somebody; more arguments are curl's.
status() { curl --silent --show-error --output /dev/null --write-out '%{http_code}' --user "$1:$site_password" "${@:2}" "$url"; }
# The last line of the document that the colleague reads.
drafts() {
    curl --silent --show-error --user "ben:$site_password" --output "$work/read.odt" "$url"
    /usr/bin/python3 -c 'import re, sys, zipfile
print(re.findall("the [a-z]+ draft", zipfile.ZipFile(sys.argv[1]).read("content.xml").decode())[-1])' "$work/read.odt"
}
# Waits for the next word of the person at the document.
said() {
    local word=""
    IFS= read -r -t 120 word <&"$heard" || true
    echo "$word"
}

soffice --version | sed -n '1s/^/== /p'
person new "$work/letter.odt"
expect "ana puts a document into the share" 201 "$(status ana --upload-file "$work/letter.odt")"
# bash has one coprocess, which is the site; the person gets pipes with names.
mkfifo "$work/to" "$work/from"
person edit "$url" "$site_user" "$site_password" <"$work/to" >"$work/from" &
person_pid=$!
exec {told}>"$work/to" {heard}<"$work/from"
expect "LibreOffice opens it for writing" open "$(said)"
expect "ben reads it" 200 "$(status ben)"
expect "ben's save is refused, since it is locked" 423 "$(status ben --upload-file "$work/letter.odt")"
expect "so is his DELETE" 423 "$(status ben --request DELETE)"
echo >&"$told"
expect "LibreOffice saves what ana has added" saved "$(said)"
expect "ben reads the new state" "the second draft" "$(drafts)"
expect "ben's save is still refused while the document is open" 423 "$(status ben --upload-file "$work/letter.odt")"
echo >&"$told"
wait "$person_pid" || failed=1
expect "after LibreOffice has closed it, ben saves" 204 "$(status ben --upload-file "$work/letter.odt")"
expect "and everybody reads what he wrote" "the first draft" "$(drafts)"
kill -TERM -- "-$office_pid" 2>/dev/null || true
site_stop || failed=1
site_pid=""
[ "$failed" = 0 ] && echo "libreoffice: all as expected" || { echo "libreoffice: NOT as expected"; tail -n 20 "$work/office.log"; }
exit "$failed"
