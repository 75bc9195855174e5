# Sourced by what needs a server: one throw-away site with one share and one person, served on a free port of the loopback.
# site_start FOLDER sets site_program, site_url, site_user and site_password; site_add NAME adds somebody to the share; site_stop ends it and
# checks what it leaves behind. SERVER=PROGRAM takes another build of the server than the one that is made here; $top is the top of the sources.

site_start() {
    site_program=${SERVER:-}
    if [ -z "$site_program" ]; then
        cargo build --release --quiet --manifest-path "$top/Cargo.toml"
        site_program=${CARGO_TARGET_DIR:-$top/target}/release/commonhold
    fi
    export COMMONHOLD_DATA=$1/data
    site_log=$1/server.log
    site_user=ana
    site_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    # Below `tests/postgres.sh` and `tests/seaweed.sh` its rows and contents are there.
    if [ -n "${COMMONHOLD_TEST_POSTGRES:-}" ]; then
        psql --quiet --command "create database conformance_$$" "$COMMONHOLD_TEST_POSTGRES/postgres"
        export COMMONHOLD_DATABASE=$COMMONHOLD_TEST_POSTGRES/conformance_$$
    fi
    if [ -n "${COMMONHOLD_TEST_BLOBS:-}" ]; then
        export COMMONHOLD_BLOBS=$COMMONHOLD_TEST_BLOBS/conformance-$$
    fi

    # Ana gets the role that a share gives by default, so that nothing passes here by an administrator's rights.
    printf '%s\n' "$site_password" | "$site_program" init --org Conformance --admin root --password-stdin
    "$site_program" share add Projects
    site_add "$site_user"

    coproc SITE { exec "$site_program" serve --listen 127.0.0.1:0 2>"$site_log"; }
    site_pid=$SITE_PID
    local line=""
    until [[ $line == "listening on http://"* ]]; do
        if ! IFS= read -r -t 30 -u "${SITE[0]}" line; then
            echo "the server did not start:" >&2
            cat "$site_log" >&2
            return 1
        fi
    done
    site_url=${line#listening on }/dav/Projects/
}

# Somebody with the role that the share gives by default, or the one that is named, and the password of all. site_add NAME [--role ROLE]
site_add() {
    printf '%s\n' "$site_password" | "$site_program" user add "$1" --password-stdin
    "$site_program" share subscribe Projects --user "$@"
}

# A stopped server has ended with status 0, and its database and blobs agree.
site_stop() {
    kill -TERM "$site_pid"
    local status=0
    wait "$site_pid" || status=$?
    if [ "$status" != 0 ]; then
        echo "the server ended with status $status:" >&2
        tail -n 20 "$site_log" >&2
        return 1
    fi
    "$site_program" verify
}
