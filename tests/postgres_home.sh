# To be sourced: where PostgreSQL's programs are, a temporary folder `work` that its own user may use, and `as_owner` before a command that has to
# be that user's.
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
work=$(mktemp -d)
chmod 755 "$work"
as_owner=()
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    as_owner=(runuser -u postgres --)
    chown postgres "$work"
fi

# stop_servers FOLDER...: ends the servers of these folders below `work`, and removes it.
stop_servers() {
    for folder in "$@"; do
        (cd "$work" && "${as_owner[@]}" "$bin/pg_ctl" -D "$work/$folder" -m immediate -w stop >/dev/null 2>&1) || true
    done
    rm -rf "$work"
}
