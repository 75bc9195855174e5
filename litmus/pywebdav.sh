#!/usr/bin/env bash
# pywebdav.sh: what programs in Python do with a share; the steps are in pywebdav.py. The packages come from PyPI.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin pywebdav python3-pip
PIP_ROOT_USER_ACTION=ignore python3 -m pip --quiet --disable-pip-version-check install --target "$work/packages" \
    "webdav4[fsspec]==0.11.0" webdavclient3==3.14.7 2>pip.log || { cat pip.log; exit 1; }
export PYTHONPATH=$work/packages
make_tree tree

person() { python3 "$here/pywebdav.py" "$1" "$2" "$site_url" "$site_user" "$site_password" "$work"; }
for library in webdav4 webdavclient3; do
    step "$library: files and folders: up, down, listed, copied, moved" person "$library" files
    [ "$library" = webdav4 ] || step "$library: a folder is pushed and pulled" person "$library" tree
    [ "$library" = webdavclient3 ] || step "$library: a part of a file is read" person "$library" ranges
    [ "$library" = webdav4 ] || step "$library: a property is set and read" person "$library" properties
    [ "$library" = webdav4 ] || step "$library: a file is written under a lock" person "$library" locks
    step "$library: what can't be is refused by the right error" person "$library" refusals
    [ "$library" = webdavclient3 ] || step "$library: as a file system of fsspec" person "$library" fsspec
done
step "nothing is left, for the colleague too" has "" ""
client_end
