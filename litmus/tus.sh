#!/usr/bin/env bash
# tus.sh: uploads that break off and go on (tus 1.0), by the clients tuspy (PyPI) and tus-js-client (npm); the steps are in tus.py and tus.mjs.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
packages=(python3-pip)
command -v npm >/dev/null || packages+=(nodejs npm)
client_begin tus "${packages[@]}"
PIP_ROOT_USER_ACTION=ignore python3 -m pip --quiet --disable-pip-version-check install --target "$work/packages" \
    tuspy==1.1.0 2>pip.log || { cat pip.log; exit 1; }
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" tus-js-client@4.3.1 >npm.log || { cat npm.log; exit 1; }
export PYTHONPATH=$work/packages
head -c 20000000 /dev/urandom >large.dat
printf 'small\n' >small.txt
: >empty.txt
touch --date=@1700000000 large.dat small.txt empty.txt

python() { python3 "$here/tus.py" "$1" "$site_url" "$site_user" "$site_password"; }
javascript() { node "$here/tus.mjs" "$1" "$site_url" "$site_user" "$site_password"; }

for person in python javascript; do
    step "$person: small and empty files, and one that is there already" "$person" small
    step "$person: they are the files" reads small.txt "small.txt"
    step "$person: the empty one, too" reads empty.txt "empty.txt"
    step "$person: 20 MB break off" "$person" begun
    step "$person: nothing of it is seen" says 404 "large.dat"
    step "$person: another process goes on where it was" "$person" resumed
    step "$person: it is the file" reads large.dat "large.dat"
    step "$person: with its time" eval "ben large.dat --head | grep -qi '^last-modified: Tue, 14 Nov 2023 22:13:20 GMT'"
    step "$person: an upload is given up" "$person" terminated
    step "$person: what can't be is refused" "$person" refusals
    for name in small.txt empty.txt large.dat; do
        step "$person: $name is removed" as "$site_user" "$name" --fail --request DELETE
    done
done
step "nothing is left, for the colleague too" has "" ""
client_end
