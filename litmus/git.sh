#!/usr/bin/env bash
# git.sh: a repository in a folder of the share, pushed to and fetched from by git's own WebDAV client (dumb HTTP).
source "$(dirname "${BASH_SOURCE[0]}")/client.sh"
client_begin git git
# http-push asks for a password only where the address names a person.
remote=http://$site_user@${site_url#http://}plans.git
(umask 077 && printf 'http://%s:%s@%s\n' "$site_user" "$site_password" "${remote#*@}" >home/.git-credentials)
export GIT_AUTHOR_NAME=ana GIT_AUTHOR_EMAIL=ana@example.org GIT_COMMITTER_NAME=ana GIT_COMMITTER_EMAIL=ana@example.org
git config --global credential.helper store
git config --global init.defaultBranch main
git config --global advice.detachedHead false

# Makes a commit in the clone `mine`.
work_on() {
    printf '%s\n' "$1" >>mine/plan.txt
    git -C mine add plan.txt
    git -C mine commit --quiet --message "$1"
}
made() {
    git init --quiet --bare bare
    git -C bare update-server-info
    (cd bare && find . -type d -printf '%P\n' | sort) | while IFS= read -r folder; do
        as "$site_user" "plans.git/$folder" --fail --request MKCOL
    done
    (cd bare && find . -type f -printf '%P\n') | while IFS= read -r file; do
        as "$site_user" "plans.git/$file" --fail --upload-file "bare/$file"
    done
    git ls-remote "$remote"
}
step "an empty repository is laid into the share" made
pushed() {
    git init --quiet mine
    work_on "first"
    head -c 300000 /dev/urandom >mine/binary.dat
    git -C mine add binary.dat
    git -C mine commit --quiet --message "binary"
    git -C mine push --quiet "$remote" main
    [ "$(git ls-remote "$remote" refs/heads/main | cut -f 1)" = "$(git -C mine rev-parse main)" ]
}
step "a branch is pushed" pushed
cloned() {
    git clone --quiet "$remote" theirs
    diff -r --exclude=.git mine theirs
    git -C theirs fsck --strict
}
step "and cloned, whole" cloned
pulled() {
    work_on "second"
    git -C mine push --quiet "$remote" main
    git -C theirs pull --quiet
    diff -r --exclude=.git mine theirs
}
step "a second push is pulled" pulled
no_lock_left() {
    ben plans.git/ --fail --request PROPFIND --header "Depth: infinity" \
        --data '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>' >locks
    fails grep -q activelock locks
}
step "no lock is left" no_lock_left
stale() {
    git -C theirs config user.name theirs
    git -C theirs commit --quiet --allow-empty --message "diverged"
    work_on "third"
    git -C mine push --quiet "$remote" main
    fails git -C theirs push --quiet "$remote" main
    [ "$(git ls-remote "$remote" refs/heads/main | cut -f 1)" = "$(git -C mine rev-parse main)" ]
}
step "a push that would lose commits is refused" stale
locked() {
    lock plans.git/refs/heads/main
    work_on "fourth"
    fails git -C mine push --quiet "$remote" main
    unlock plans.git/refs/heads/main
    git -C mine push --quiet "$remote" main
}
step "a branch that a colleague has locked is pushed to only afterwards" locked
branched() {
    git -C mine push --quiet "$remote" main:refs/heads/side
    git -C mine push --quiet "$remote" --delete side
    [ -z "$(git ls-remote "$remote" refs/heads/side)" ]
}
step "a branch is made and deleted" branched
client_end
