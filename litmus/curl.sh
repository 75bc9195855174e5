#!/usr/bin/env bash
# curl.sh: what people write into scripts and cron jobs: uploads and downloads of all kinds by curl.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin curl
make_tree tree
(umask 077 && printf 'user = "%s:%s"\nsilent\nshow-error\n' "$site_user" "$site_password" >ana.conf)
ana() { curl --config ana.conf "$@"; }
# The status of an answer, and nothing else.
status() { ana --output /dev/null --write-out '%{http_code}' "$@"; }

uploaded() {
    [ "$(status --upload-file tree/binary.dat "${site_url}binary.dat")" = 201 ]
    [ "$(status --upload-file tree/binary.dat "${site_url}binary.dat")" = 204 ]
    reads tree/binary.dat binary.dat
}
step "a file is put, and put again" uploaded
piped() {
    [ "$(ana --output /dev/null --write-out '%{http_code}' --upload-file - "${site_url}piped.txt" < <(echo "from a pipe"))" = 201 ]
    reads_text "from a pipe" piped.txt
}
step "a body of unknown length, from a pipe" piped
named() {
    ana --fail --upload-file "tree/deep/$odd_name" "${site_url}$odd_path"
    reads "tree/deep/$odd_name" "$odd_path"
}
step "an odd name" named
globbed() {
    ana --fail --request MKCOL "${site_url}many/"
    printf '1\n' >1.txt
    printf '2\n' >2.txt
    ana --fail --upload-file "{1.txt,2.txt}" "${site_url}many/"
    has many/ 1.txt 2.txt
    ana --fail --remote-name-all "${site_url}many/[1-2].txt" --output-dir down --create-dirs
    cmp 1.txt down/1.txt && cmp 2.txt down/2.txt
}
step "several files over one connection, up and down" globbed
resumed() {
    head -c 1000000 tree/binary.dat >part.dat
    ana --fail --continue-at - --output part.dat "${site_url}binary.dat"
    cmp part.dat tree/binary.dat
    ana --fail --range 10-19 "${site_url}binary.dat" | cmp - <(tail -c +11 tree/binary.dat | head -c 10)
}
step "a broken download is resumed; a range" resumed
fresh() {
    ana --fail --output kept.dat --remote-time --etag-save etag "${site_url}binary.dat"
    [ "$(status --etag-compare etag "${site_url}binary.dat")" = 304 ]
    [ "$(status --time-cond kept.dat "${site_url}binary.dat")" = 304 ]
    [ "$(status --upload-file 1.txt --header 'If-Match: "other"' "${site_url}binary.dat")" = 412 ]
    [ "$(status --upload-file 1.txt --header 'If-None-Match: *' "${site_url}binary.dat")" = 412 ]
    reads tree/binary.dat binary.dat
}
step "what is there already isn't fetched; conditions keep others' work" fresh
refused_early() {
    local sent
    sent=$(ana --output said --write-out '%{http_code} %{size_upload}' --header 'Expect: 100-continue' \
        --expect100-timeout 30 --upload-file tree/binary.dat "${site_url}no/such/folder.dat" || true)
    [ "$sent" = "409 0" ] || { echo "$sent"; return 1; }
}
step "a refused upload isn't sent at all" refused_early
renamed() {
    [ "$(status --request MOVE --header "Destination: ${site_url}moved.dat" "${site_url}binary.dat")" = 201 ]
    reads tree/binary.dat moved.dat
    [ "$(status --request COPY --header "Destination: ${site_url}moved.dat" --header 'Overwrite: F' "${site_url}piped.txt")" = 412 ]
    [ "$(status --request DELETE "${site_url}moved.dat")" = 204 ]
    says 404 moved.dat
}
step "moved, copied, deleted" renamed
step "anybody without a login is asked for one" eval '[ "$(curl --silent --output /dev/null --write-out "%{http_code}" "$site_url")" = 401 ]'
client_end
