#!/usr/bin/env bash
# joplin.sh: two devices of one person keep their notes alike through a share, with Joplin's command line: the program `joplin` if there is one, else npm's package.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
packages=()
command -v npm >/dev/null || packages=(nodejs npm)
command -v joplin >/dev/null || packages+=(gcc libc6-dev libsqlite3-0)
client_begin joplin "${packages[@]}"

# The scripts of its packages would get compiled parts from GitHub, or compile for minutes. The one part that it can't do without is Debian's, by an interface that is the same in
# all versions of Node. That asks for Debian's library of Node, all of which another node has in itself: an empty one is enough for it.
install() {
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" joplin@3.5.1 &&
        { apt-get download node-sqlite3 || { "${root[@]}" apt-get update --quiet && apt-get download node-sqlite3; }; } &&
        dpkg-deb --extract node-sqlite3_*.deb debian &&
        cp -r debian/usr/lib/*/nodejs/sqlite3/lib/binding npm/node_modules/sqlite3/lib/ &&
        mkdir lib &&
        { ldconfig -p | grep -q libnode.so.108 || gcc -shared -x c /dev/null -o lib/libnode.so.108; }
}
root=()
[ "$(id -u)" = 0 ] || root=(sudo --non-interactive)
if ! command -v joplin >/dev/null; then
    install >install.log 2>&1 || { cat install.log; client_skip joplin "it could not be installed"; }
    PATH=$work/npm/node_modules/.bin:$PATH
fi

on() { LD_LIBRARY_PATH=$work/lib joplin --profile "$work/$1" "${@:2}"; }
# It ends with success also when it could not synchronize, and tells.
sync() {
    on "$1" sync | tee "$work/synced"
    fails grep -qi error "$work/synced"
}
says 201 Notes/ --request MKCOL
for device in desk bag; do
    printf '{"sync.target": 6, "sync.6.path": "%sNotes", "sync.6.username": "%s", "sync.6.password": "%s"}' \
        "$site_url" "$site_user" "$site_password" >settings.json
    on "$device" config --import-file settings.json
done

sent() {
    head -c 3000000 /dev/urandom >photo.bin
    on desk mkbook Work
    on desk use Work
    on desk mknote Plan
    on desk set Plan body "the first draft"
    on desk attach Plan photo.bin
    on desk mknote Old
    sync desk
    members Notes/ | grep -c '\.md$' | grep -qx 4
}
step "a notebook, notes and an attachment are sent" sent
fetched() {
    sync bag
    on bag use Work
    on bag cat Plan | grep -q "the first draft"
    cmp photo.bin bag/resources/*.bin
}
step "the other device has them, byte for byte" fetched
changed() {
    on bag set Plan body "the second draft"
    on bag rmnote --force Old
    sync bag
    sync desk
    on desk cat Plan | grep -qx "the second draft"
    fails on desk cat Old
}
step "what is changed and deleted there is so here" changed
conflict() {
    on desk set Plan body "of the desk"
    on bag set Plan body "of the bag"
    sync desk
    sync bag
    on bag cat Plan | grep -qx "of the desk"
    on bag ls / | grep -q Conflicts
}
step "of two changes of one note both are kept" conflict
refused() {
    "$site_program" share subscribe Projects --user ana --role viewer
    on desk set Plan body "not to be sent"
    fails sync desk
    sync bag
    on bag cat Plan | grep -qx "of the desk"
    "$site_program" share subscribe Projects --user ana --role editor
    sync desk
    sync bag
    on bag cat Plan | grep -qx "not to be sent"
}
step "whoever may only read sends nothing, and all of it later" refused
client_end
