# Sourced by the scripts of single clients, which are all of one form:
#
#   client_begin NAME PACKAGE...    installs Debian's packages, makes the folder $work and a throw-away site with two people,
#                                   ana (whom the client works for) and ben (who looks at the same share over HTTP)
#   step TEXT COMMAND...            runs a command or a function; all its lines must succeed; says ok, or what went wrong
#   client_end                      stops the site, checks it, and says `NAME: n of m steps passed`
#
# SERVER=PROGRAM takes another build of the server. A script that leaves something behind (a mount) sets `client_cleanup`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
source "$here/site.sh"

client_cleanup() { :; }

client_finish() {
    client_cleanup
    [ -z "${site_pid:-}" ] || kill -KILL "$site_pid" 2>/dev/null || true
    rm -rf "$work"
}

client_begin() {
    client=$1 steps=0 failed=0
    shift
    "$top/tests/need.sh" curl python3 "$@"
    work=$(mktemp -d)
    site_pid=""
    trap client_finish EXIT
    site_start "$work" >"$work/setup"
    site_add ben >>"$work/setup"
    # Programs keep their settings and caches here, and see no other language than the text of the conditions.
    mkdir "$work/home"
    export HOME=$work/home LC_ALL=C.UTF-8
    cd "$work"
}

# A session bus of its own for what desktop programs start; it ends with the script, and they with it. There is no screen.
client_bus() {
    unset DISPLAY WAYLAND_DISPLAY
    export XDG_RUNTIME_DIR=$work/run
    (umask 077 && mkdir run)
    { read -r DBUS_SESSION_BUS_ADDRESS && read -r bus_pid; } < <(
        dbus-daemon --session --fork --print-address=1 --print-pid=1 2>bus.log
    )
    export DBUS_SESSION_BUS_ADDRESS
    client_cleanup() { kill "$bus_pid" 2>/dev/null || true; }
}

# Runs what it is told in a shell of its own that ends at the first line that fails, as `set -e` promises.
step() {
    local text=$1 verdict=ok result
    shift
    steps=$((steps + 1))
    set +e
    (set -eo pipefail; "$@") >"$work/said" 2>&1 </dev/null
    result=$?
    set -e
    if [ "$result" != 0 ]; then
        failed=$((failed + 1))
        verdict="FAILED ($result)"
    fi
    printf '%-70s %s\n' "$text" "$verdict"
    [ "$result" = 0 ] || sed 's/^/    | /' "$work/said"
}

client_end() {
    client_cleanup
    # Stopping is a step too: status 0, and its database and blobs agree.
    site_stop || failed=$((failed + 1))
    steps=$((steps + 1))
    site_pid=""
    echo "$client: $((steps - failed)) of $steps steps passed"
    [ "$failed" = 0 ]
    exit
}

# The client can't run on this machine: says why, and is no failure.
client_skip() {
    echo "$1: skipped, $2"
    exit 0
}

# A request with curl, below the share. as USER PATH ARGUMENT...; the path is encoded.
as() {
    local user=$1 path=$2
    shift 2
    curl --silent --show-error --user "$user:$site_password" "$@" "$site_url$path"
}
# The same by the colleague, who is how all the following look at the share. ben PATH ARGUMENT...
ben() { as ben "$@"; }
# What a request of his is answered with.
ben_status() { ben "$@" --output /dev/null --write-out '%{http_code}'; }
# Fails unless a request of his is answered with this status. says STATUS PATH ARGUMENT...
says() {
    local expected=$1 status
    shift
    status=$(ben_status "$@")
    [ "$status" = "$expected" ] || { echo "status $expected expected, $status found: $*"; return 1; }
}
# Runs a condition until it holds: for clients that send behind the person's back. Fails when it doesn't within 20 s.
soon() {
    local until=$((SECONDS + 20)) result
    while true; do
        set +e
        (set -e; "$@")
        result=$?
        set -e
        [ "$result" != 0 ] || return 0
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}
# Fails if the command succeeds; a bare `!` would be no condition to the shell.
fails() { ! "$@"; }
# Fails unless he reads exactly these bytes. reads FILE PATH
reads() { ben "$2" --fail | cmp - "$1"; }
# Fails unless he reads exactly this text. reads_text TEXT PATH
reads_text() {
    local found
    found=$(ben "$2" --fail)
    [ "$found" = "$1" ] || { echo "\`$1\` expected, \`$found\` found"; return 1; }
}
# The names in a collection, as he lists them, decoded and sorted, one a line. members PATH
members() {
    ben "$1" --fail --request PROPFIND --header "Depth: 1" | python3 -c '
import sys, urllib.parse, xml.etree.ElementTree
hrefs = [href.text for href in xml.etree.ElementTree.fromstring(sys.stdin.buffer.read()).iterfind("{DAV:}response/{DAV:}href")]
print(*sorted(urllib.parse.unquote(href).rstrip("/").rsplit("/", 1)[1] for href in hrefs[1:]), sep="\n")'
}
# Fails unless a collection has exactly these members. has PATH NAME...
has() {
    local path=$1 expected found
    shift
    expected=$(printf '%s\n' "$@" | LC_ALL=C.UTF-8 sort)
    found=$(members "$path")
    [ "$expected" = "$found" ] || { printf 'expected:\n%s\nfound:\n%s\n' "$expected" "$found"; return 1; }
}
# Locks a file for the colleague, and gives the lock back. lock PATH, unlock PATH
lock() {
    local lockinfo='<lockscope><exclusive/></lockscope><locktype><write/></locktype>'
    ben "$1" --fail --request LOCK --data "<lockinfo xmlns=\"DAV:\">$lockinfo</lockinfo>" --dump-header lock --output /dev/null
}
unlock() { says 204 "$1" --request UNLOCK --header "$(tr -d '\r' <lock | grep -i '^lock-token:')"; }
# Gives a file a property that nobody but its author knows, and looks whether it still has it. mark PATH, marked PATH
mark() {
    local set='<set><prop><case xmlns="urn:example">4711</case></prop></set>'
    says 207 "$1" --request PROPPATCH --data "<propertyupdate xmlns=\"DAV:\">$set</propertyupdate>"
}
marked() {
    local asked='<prop><case xmlns="urn:example"/></prop>'
    ben "$1" --request PROPFIND --header "Depth: 0" --data "<propfind xmlns=\"DAV:\">$asked</propfind>" | grep -q 4711
}
# Files for a session: a tree with text, 3 MB of noise, an empty file, an empty folder, and names that need care.
make_tree() {
    mkdir -p "$1/deep/er" "$1/empty folder"
    printf 'first draft\n' >"$1/notes.txt"
    head -c 3000000 /dev/urandom >"$1/binary.dat"
    : >"$1/empty.txt"
    printf 'deep\n' >"$1/deep/er/down.txt"
    printf 'odd\n' >"$1/deep/M"$'\xc3\xbc'"ller & S"$'\xc3\xb6'"hne 100% #1.txt"
}
odd_name="M"$'\xc3\xbc'"ller & S"$'\xc3\xb6'"hne 100% #1.txt"
# The same for HTTP.
odd_path="M%C3%BCller%20%26%20S%C3%B6hne%20100%25%20%231.txt"
# Fails unless he reads the same tree below a collection. reads_tree FOLDER PATH
reads_tree() {
    has "$2" binary.dat deep "empty folder" empty.txt notes.txt
    for name in notes.txt binary.dat empty.txt deep/er/down.txt; do
        reads "$1/$name" "$2$name"
    done
    reads "$1/deep/$odd_name" "${2}deep/$odd_path"
    has "${2}empty%20folder/" ""
}
