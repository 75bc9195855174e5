#!/usr/bin/env bash
# rclone.sh: trees copied, compared, synchronised and moved by rclone, and the share mounted by it where there is /dev/fuse.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin rclone rclone fuse3
client_cleanup() { fusermount3 -u "$work/share" 2>/dev/null || true; }
export RCLONE_CONFIG=$work/rclone.conf RCLONE_CONFIG_SHARE_TYPE=webdav RCLONE_CONFIG_SHARE_VENDOR=owncloud
export RCLONE_CONFIG_SHARE_URL=$site_url RCLONE_CONFIG_SHARE_USER=$site_user RCLONE_RETRIES=1 RCLONE_TRANSFERS=8
# Not hidden, only turned into the form that its settings have.
RCLONE_CONFIG_SHARE_PASS=$(printf '%s\n' "$site_password" | rclone obscure -)
export RCLONE_CONFIG_SHARE_PASS
: >rclone.conf
make_tree tree
mkdir tree/many
for number in $(seq 60); do printf 'file %s\n' "$number" >"tree/many/$number.txt"; done
# What is no letter, a name that ends in a space, and one of two Unicode forms.
printf 'odd\n' >'tree/many/a+b=c;d,e@f!g$h(i)[j]{k}~l%m&n.txt'
printf 'odd\n' >'tree/many/trailing '

copied() {
    rclone copy tree share:tree --create-empty-src-dirs
    has tree/ binary.dat deep "empty folder" empty.txt many notes.txt
    reads tree/many/60.txt tree/many/60.txt
    reads "tree/deep/$odd_name" "tree/deep/$odd_path"
}
step "a tree is copied in, with odd names and empty folders" copied
step "what lies there is compared byte for byte" rclone check tree share:tree --download
step "a second copy has nothing to do, since times are kept" eval 'rclone copy tree share:tree -v 2>&1 | tee log; fails grep -q Copied log'
synced() {
    printf 'second draft, longer\n' >tree/notes.txt
    rm tree/many/1.txt
    printf 'new\n' >tree/many/new.txt
    rclone sync tree share:tree
    rclone check tree share:tree --download
    says 404 tree/many/1.txt
}
step "sync brings changes, new files and deletions" synced
down() {
    rclone sync share:tree back --create-empty-src-dirs
    diff -r tree back
}
step "a tree is synchronised down" down
range() { cmp <(rclone cat share:tree/binary.dat --offset 1000000 --count 1000) <(tail -c +1000001 tree/binary.dat | head -c 1000); }
step "a part of a file is read" range
moved() {
    rclone moveto share:tree/many share:tree/deep/few -v 2>&1 | tee log
    reads tree/many/60.txt tree/deep/few/60.txt
    says 404 tree/many/
}
step "a folder is moved" moved
step "about: the room that the quota leaves" eval 'rclone about share: --json | grep -q free'
mounted() {
    mkdir share
    rclone mount share: share --vfs-cache-mode writes --vfs-write-back 0s --daemon --daemon-wait 20s
    cmp tree/binary.dat share/tree/binary.dat
    printf 'from the mount\n' >share/tree/mounted.txt
    soon reads_text "from the mount" tree/mounted.txt
    # Not that one: rclone may still be about its upload, and then leaves the file under the old name too.
    mv share/tree/binary.dat share/tree/renamed.dat
    soon reads tree/binary.dat tree/renamed.dat
    fusermount3 -u share
}
[ -c /dev/fuse ] && step "it is mounted: read, written, renamed" mounted || echo "rclone: no mount, there is no /dev/fuse here"
refused() {
    "$site_program" share subscribe Projects --user ana --role viewer
    fails rclone copyto tree/notes.txt share:mine.txt
    fails rclone deletefile share:tree/notes.txt
    rclone cat share:tree/notes.txt | cmp - tree/notes.txt
    says 404 mine.txt
    "$site_program" share subscribe Projects --user ana --role editor
}
step "whoever may only read is refused" refused
purged() {
    rclone purge share:tree
    has "" ""
}
step "a tree is purged" purged
client_end
