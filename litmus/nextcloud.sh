#!/usr/bin/env bash
# nextcloud.sh: the command line clients of Nextcloud and ownCloud, as they are: two devices of two people, of whom one may not write.
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin nextcloud nextcloud-desktop-cmd owncloud-client-cmd
export QT_QPA_PLATFORM=offscreen
base=${site_url%/dav/Projects/}

# ben reads only, cleo is another person who writes.
"$site_program" share subscribe Projects --user ben --role viewer >/dev/null
site_add cleo >/dev/null
mkdir ana ben cleo
# ownCloud's client ends without such a list, which another package has.
echo "*.part" >exclude
# Of what they tell, and they tell much, only the warnings; another status than 0 says that something could not be synchronized.
nextcloud() { quietly nextcloudcmd --non-interactive -u "$1" -p "$site_password" "$PWD/$1" "$base"; }
owncloud() { quietly owncloudcmd --non-interactive --exclude "$work/exclude" -u "$1" -p "$site_password" "$PWD/$1" "$base/remote.php/webdav/"; }
quietly() {
    local result=0
    "$@" </dev/null >client.log 2>&1 || result=$?
    [ "$result" = 0 ] || grep -E "warning|critical" client.log | tail -n 20
    return "$result"
}

named() {
    curl --silent --fail "$base/status.php" | grep -q '"installed":true'
    curl --silent --fail --user "ana:$site_password" "$base/ocs/v1.php/cloud/user?format=json" | grep -q '"id":"ana"'
    curl --silent --fail --user "ana:$site_password" "$base/ocs/v2.php/cloud/capabilities" | grep -q '<chunking>1.0</chunking>'
}
step "the server says what it is and who asks" named

uploaded() {
    nextcloud ana
    [ -d ana/Projects ]
    for number in $(seq 1 499); do
        mkdir -p "ana/Projects/$((number % 20))"
        echo "file $number" >"ana/Projects/$((number % 20))/$number.txt"
    done
    head -c 200000000 /dev/urandom >ana/Projects/large.dat
    nextcloud ana
    ben large.dat --fail | cmp - ana/Projects/large.dat
    ben 7/7.txt --fail | cmp - ana/Projects/7/7.txt
}
step "500 files are uploaded, one of them of 200 MB" uploaded
same_everywhere() {
    owncloud cleo
    diff -r ana/Projects cleo/Projects
    nextcloud ben
    diff -r ana/Projects ben/Projects
}
step "two other people have them, one by ownCloud's client" same_everywhere
changed() {
    echo changed >ana/Projects/1/1.txt
    rm ana/Projects/2/2.txt
    mv ana/Projects/3 ana/Projects/renamed
    mv ana/Projects/large.dat ana/Projects/4/moved.dat
    nextcloud ana
    same_everywhere
}
step "what is changed, deleted and renamed is the same everywhere" changed
both() {
    echo "of ana" >ana/Projects/5/5.txt
    echo "of cleo" >cleo/Projects/5/5.txt
    nextcloud ana
    owncloud cleo || true
    owncloud cleo || true
    ben 5/5.txt --fail | grep -q "of ana"
    grep -rq "of cleo" cleo/Projects/5
    [ "$(ls cleo/Projects/5 | grep -c -i '^5.*conflict')" = 1 ]
}
step "of two changes of one file both are kept" both
denied() {
    echo "mine" >ben/Projects/new.txt
    echo "changed" >ben/Projects/6/6.txt
    nextcloud ben || true
    says 404 new.txt
    ben 6/6.txt --fail | grep -q "file 6"
}
step "who may not write changes nothing for the others" denied
client_end
