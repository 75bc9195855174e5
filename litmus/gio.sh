#!/usr/bin/env bash
# gio.sh: the share in GNOME's file manager, as the program `gio` drives it: gvfs under a session bus of its own.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin gio dbus libglib2.0-bin gvfs-backends gvfs-daemons
export GVFS_DISABLE_FUSE=1
client_bus
there=dav://$site_user@${site_url#http://}
make_tree tree
ben hello.txt --fail --upload-file tree/notes.txt --output /dev/null

mounted() {
    printf '%s\n' "$site_password" | gio mount "$there"
    gio cat "$there/hello.txt" | cmp - tree/notes.txt
}
step "a place is opened by its address, and shows what a colleague has put there" mounted
listed() { gio list --long "$there" | grep -E '^hello.txt[[:space:]]12[[:space:]]\(regular\)'; }
step "a listing has names, sizes and kinds" listed
room() {
    gio info --filesystem "$there" | tee room
    [ "$(sed -n 's/.*filesystem::free: //p' room)" -gt 1000000 ]
}
step "it says how much room there is" room
# `gio copy` takes no folders, so each is made and filled as a file manager does it.
copy_tree() {
    find tree -mindepth 1 -type d -printf '%P\0' >folders
    find tree -type f -printf '%P\0' >files
    gio mkdir "$there/$1"
    while IFS= read -r -d '' name; do gio mkdir --parent "$there/$1/$(encoded "$name")"; done <folders
    while IFS= read -r -d '' name; do gio copy "tree/$name" "$there/$1/$(encoded "$name")"; done <files
}
# A path as it stands in an address.
encoded() { python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1]))' "$1"; }
copied_in() {
    copy_tree tree
    reads_tree tree tree/
}
step "folders are made, files copied in, also of odd names and of no bytes" copied_in
read_back() {
    gio copy "$there/tree/binary.dat" back.dat
    cmp tree/binary.dat back.dat
    gio cat "$there/tree/deep/$odd_path" | cmp - "tree/deep/$odd_name"
}
step "they are read back, byte for byte" read_back
saved() {
    mark hello.txt
    printf 'saved\n' | gio save "$there/hello.txt"
    reads_text saved hello.txt
    marked hello.txt
}
step "an editor saves over a file, which keeps what belongs to it" saved
renamed() {
    gio rename "$there/hello.txt" "world.txt"
    reads_text saved world.txt
    says 404 hello.txt
    gio copy tree/notes.txt "$there/taken.txt"
    fails gio rename "$there/taken.txt" "world.txt"
    reads_text saved world.txt
    gio rename "$there/tree/deep" "depth"
    reads_text deep tree/depth/er/down.txt
}
step "names are changed, and not onto a taken one" renamed
moved() {
    gio move "$there/taken.txt" "$there/tree/moved.txt"
    reads tree/notes.txt tree/moved.txt
    says 404 taken.txt
}
step "a file is moved to another folder" moved
refused() {
    lock world.txt
    # gvfs takes no locks, so the server has to stop it; it shows the reason of the status line.
    fails gio save "$there/world.txt" <tree/notes.txt 2>told
    grep -F 'Locked by `ben`' told
    fails gio remove "$there/world.txt" 2>told
    grep -F 'Locked by `ben`' told
    reads_text saved world.txt
    unlock world.txt
}
step "what a colleague has locked is neither written nor removed, and one is told why" refused
removed() {
    gio remove "$there/tree/moved.txt"
    says 404 tree/moved.txt
    fails gio remove "$there/tree"
    has "" tree world.txt
}
step "a file is removed; a folder that isn't empty stays" removed
client_end
