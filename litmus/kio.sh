#!/usr/bin/env bash
# kio.sh: the share in KDE's file manager, as the program `kioclient5` drives it, without a screen.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin kio dbus kio kde-cli-tools
# `--overwrite` wherever something is put: without it KIO first asks whether the name is taken, forgets its login over that, and
# leaves it to the desktop's password service to say it again.
# Without a session bus KIO takes the password of the address; with one it asks a person for it, on a screen that isn't there.
export QT_QPA_PLATFORM=offscreen DBUS_SESSION_BUS_ADDRESS=unix:path=$work/none
there=webdav://$site_user:$site_password@${site_url#http://}
kio() { timeout 30 kioclient5 --noninteractive "$@"; }
make_tree tree
# What is refused for want of a password is not read to its end, and KIO takes the end of a connection for a broken one.
head -c 30000 /dev/urandom >tree/binary.dat
ben hello.txt --fail --upload-file tree/notes.txt --output /dev/null

read_it() { kio cat "${there}hello.txt" | cmp - tree/notes.txt; }
step "a file is read by its address" read_it
listed() { kio ls "$there" | grep -Fx hello.txt; }
step "a folder is listed" listed
copied_in() {
    kio --overwrite copy tree "$there"
    reads_tree tree tree/
}
step "a tree is copied in: the colleague reads the same" copied_in
copied_out() {
    kio copy "${there}tree" "file://$work/back"
    diff -r tree back
}
step "and is copied out, byte for byte" copied_out
told() { kio stat "${there}tree/binary.dat" | tee stat; grep -q 30000 stat; }
step "size and time are told" told
moved() {
    kio move "${there}tree/notes.txt" "${there}tree/deep/moved.txt"
    reads tree/notes.txt tree/deep/moved.txt
    says 404 tree/notes.txt
    kio move "${there}tree/deep" "${there}depth"
    reads tree/deep/er/down.txt depth/er/down.txt
}
step "files and folders are moved" moved
saved() {
    mark hello.txt
    printf 'saved\n' >saved.txt
    kio --overwrite copy saved.txt "${there}hello.txt"
    reads_text saved hello.txt
    marked hello.txt
}
step "a save keeps what belongs to the document" saved
refused() {
    lock hello.txt
    fails kio --overwrite copy tree/notes.txt "${there}hello.txt"
    fails kio remove "${there}hello.txt"
    reads_text saved hello.txt
    unlock hello.txt
}
step "what a colleague has locked is neither written nor removed" refused
removed() {
    kio remove "${there}depth"
    kio remove "${there}hello.txt"
    has "" tree
}
step "files and folders are removed" removed
client_end
