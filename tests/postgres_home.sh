# To be sourced: where PostgreSQL's programs are, a temporary folder `work` that its own user may use, `as_owner` before a command that has to
# be that user's, and servers in folders below `work`.
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
work=$(mktemp -d)
chmod 755 "$work"
as_owner=()
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    as_owner=(runuser -u postgres --)
    chown postgres "$work"
fi

# quietly LOG COMMAND...: runs it as PostgreSQL's user, and shows what it and the log said if it fails.
quietly() {
    local log=$1
    shift
    (cd "$work" && "${as_owner[@]}" "$@") >"$work/said" 2>&1 || { cat "$work/said" "$work/$log" >&2 2>/dev/null; return 1; }
}

# make_server FOLDER [OPTION...]: a new server's files, with further options of `initdb`.
make_server() {
    quietly "$1.log" "$bin/initdb" -D "$work/$1" -A trust -U postgres "${@:2}"
}

# start_server FOLDER SOCKET_FOLDER CONNECTIONS [SETTING...]: it listens on a socket in that folder and on no port.
start_server() {
    local setting settings=""
    for setting in "${@:4}"; do settings+=" -c $setting"; done
    quietly "$1.log" "$bin/pg_ctl" -D "$work/$1" -l "$work/$1.log" -w \
        -o "-k $2 -c listen_addresses= -c max_connections=$3$settings" start
}

# stop_servers FOLDER...: ends the servers of these folders below `work`, and removes it.
stop_servers() {
    for folder in "$@"; do
        (cd "$work" && "${as_owner[@]}" "$bin/pg_ctl" -D "$work/$folder" -m immediate -w stop >/dev/null 2>&1) || true
    done
    rm -rf "$work"
}
