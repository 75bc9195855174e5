#!/usr/bin/env bash
# davfs2.sh: the share as a file system of Linux, mounted by davfs2. It needs root and /dev/fuse; elsewhere it says so and ends.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
[ -c /dev/fuse ] || client_skip davfs2 "there is no /dev/fuse here"
[ "$(id -u)" = 0 ] || client_skip davfs2 "only root may mount"
client_begin davfs2 davfs2
client_cleanup() { umount --lazy "$work/share" 2>/dev/null || true; }

# The mounted file system runs as the user davfs2, which must get to its cache.
chmod 711 .
mkdir share && install --directory --group=davfs2 --mode=775 cache
(umask 077 && printf '%s "%s" "%s"\n' "$site_url" "$site_user" "$site_password" >secrets)
# Without `buf_size 256` davfs2 1.6.1 lists no folder on the kernels 6.x.
config() {
    printf '%s\n' "secrets $work/secrets" "cache_dir $work/cache" "buf_size 256" "ask_auth 0" "$@" >davfs2.conf
}
map() { mount.davfs "$site_url" share -o conf="$work/davfs2.conf"; }
make_tree tree
ben hello.txt --fail --upload-file tree/notes.txt --output /dev/null

# davfs2 sends a file soon after it was closed.
config "delay_upload 0"
mounted() {
    map
    cmp tree/notes.txt share/hello.txt
}
step "a drive is mounted, and shows what a colleague has put there" mounted
room() { [ "$(df --output=avail share | tail -n 1)" -gt 1000000 ]; }
step "it says how much room there is" room
copied_in() {
    cp -r tree share/tree
    soon reads_tree tree tree/
}
step "a tree is copied in: the colleague reads the same" copied_in
step "and it is read back, byte for byte" diff -r tree share/tree
appended() {
    echo "second line" >>share/hello.txt
    soon reads_text "first draft"$'\n'"second line" hello.txt
}
step "a line is appended" appended
# Apache answers the second with 412, and the save is in lost+found: its entity tags are weak for a second.
twice() {
    echo one >share/twice.txt
    soon reads_text one twice.txt
    echo two >share/twice.txt
    soon reads_text two twice.txt
    [ -z "$(ls -A share/lost+found)" ]
}
step "of two saves within a second, the second is there" twice
opened() {
    exec 9>>share/hello.txt
    echo "third line" >&9
    says 423 hello.txt --upload-file tree/notes.txt
    says 200 hello.txt
    exec 9>&-
    soon reads_text "first draft"$'\n'"second line"$'\n'"third line" hello.txt
    soon says 204 hello.txt --upload-file tree/notes.txt
}
step "while a file is open for writing, the colleague reads it and may not write" opened
saved_by_rename() {
    mark hello.txt
    echo "saved by rename" >share/hello.txt.tmp
    mv share/hello.txt.tmp share/hello.txt
    soon reads_text "saved by rename" hello.txt
    marked hello.txt
}
step "an editor's save by a new file and a rename keeps what belongs to it" saved_by_rename
# What vim does to save (`:help backupcopy`); Debian's vim-tiny can't.
saved_as_vim_does() {
    mv share/hello.txt share/hello.txt~
    echo "last draft" >share/hello.txt
    rm share/hello.txt~
    soon reads_text "last draft" hello.txt
    marked hello.txt
    soon has "" hello.txt tree twice.txt
}
step "so does a save that puts the document aside and writes a new one" saved_as_vim_does
renamed() {
    mv share/twice.txt share/tree/deep/once.txt
    mv share/tree share/forest
    reads_text two forest/deep/once.txt
    says 404 twice.txt
    says 404 tree/
    reads tree/binary.dat forest/binary.dat
}
step "names are changed, of files and of folders" renamed
removed() {
    rm -r share/forest
    has "" hello.txt
}
step "a tree is removed" removed
seen() {
    says 201 new.txt --upload-file tree/notes.txt
    umount share
    map
    cmp tree/notes.txt share/new.txt
}
step "what a colleague does is seen" seen
flushed() {
    umount share
    config "delay_upload 60"
    map
    cp tree/binary.dat share/late.dat
    fails reads tree/binary.dat late.dat
    umount share
    reads tree/binary.dat late.dat
}
step "what is still on its way is sent when the drive is unmounted" flushed
refused() {
    "$site_program" share subscribe Projects --user ana --role viewer
    map
    cat share/hello.txt
    fails bash -c 'echo mine >share/mine.txt'
    fails bash -c 'echo mine >>share/hello.txt'
    fails rm share/hello.txt
    umount share
    has "" hello.txt late.dat new.txt
    reads_text "last draft" hello.txt
}
step "whoever may only read is refused" refused
client_end
