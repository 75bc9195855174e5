#!/usr/bin/env bash
# cadaver.sh URL USER PASSWORD [DAV-CLASSES]: a person's session with cadaver in a collection; what it fetches is compared
# byte for byte. The lock steps run where the server announces class 2. Exit status 0: every step went as said.
set -euo pipefail

url=$1 user=$2 password=$3 classes=${4:-}
host=${url#*://}
host=${host%%[:/]*}

# cadaver takes its login from ~/.netrc only, and its local files from the current folder.
HOME=$(mktemp -d)
export HOME LC_ALL=C.UTF-8
trap 'rm -rf "$HOME"' EXIT
cd "$HOME"
(umask 077 && printf 'machine %s login %s password %s\n' "$host" "$user" "$password" >.netrc)

head -c 300000 /dev/urandom >binary.dat
printf 'first draft\n' >notes.txt
printf 'second draft, longer\n' >notes2.txt
: >empty.txt
odd='Müller & Söhne 100% #1.txt'
printf 'odd name\n' >"$odd"

failed=0 steps=0

# step TEXT CONDITION... <<COMMANDS: one cadaver run; each condition is a command about its output in $HOME/said.
step() {
    local text=$1 verdict=ok
    shift
    cadaver "$url" >said 2>&1 || verdict="FAILED: cadaver ended with an error"
    for condition in "$@"; do
        [ "$verdict" != ok ] || eval "$condition" || verdict="FAILED: $condition"
    done
    steps=$((steps + 1))
    printf '%-62s %s\n' "$text" "$verdict"
    if [ "$verdict" != ok ]; then
        failed=$((failed + 1))
        sed 's/^/    | /' said
    fi
}

# The conditions: what cadaver said; a refusal's status; a member in a listing, with its size in bytes.
said() { grep -qF -- "$1" said; }
succeeded() { [ "$(grep -c 'succeeded\.$' said)" = "$1" ] && ! grep -q 'failed:' said; }
refused() { grep -qF "$1" said && ! grep -q 'succeeded\.$' said; }
listed() { grep -E "^(Coll:  )? +" said | grep -qE "$1 +$2 "; }
unlisted() { ! grep -E "^(Coll:  )? +" said | grep -qE "$1 "; }

step "mkcol makes a folder, ls shows it empty" 'succeeded 1' 'said "collection is empty"' <<'END'
mkcol cadaver
ls cadaver
END
step "mkcol of a taken name is refused with 405" 'refused "405 "' <<'END'
mkcol cadaver
END
step "put and get: the same bytes" 'succeeded 2' 'cmp notes.txt back.txt' <<'END'
put notes.txt cadaver/notes.txt
get cadaver/notes.txt back.txt
END
step "put over a file: the new bytes, the new size" 'succeeded 3' 'cmp notes2.txt back2.txt' 'listed notes.txt 21' <<'END'
put notes2.txt cadaver/notes.txt
get cadaver/notes.txt back2.txt
ls cadaver
END
step "300,000 binary bytes and an empty file" 'succeeded 4' 'cmp binary.dat back.dat' 'cmp empty.txt back-empty.txt' <<'END'
put binary.dat cadaver/binary.dat
get cadaver/binary.dat back.dat
put empty.txt cadaver/empty.txt
get cadaver/empty.txt back-empty.txt
END
step "a name with spaces, umlauts, & % and #" 'succeeded 3' 'cmp "$odd" back-odd.txt' 'listed "$odd" 9' <<END
put "$odd" "cadaver/$odd"
get "cadaver/$odd" back-odd.txt
ls cadaver
END
step "mput: two files at once" 'succeeded 4' 'listed notes.txt 12' 'listed notes2.txt 21' <<'END'
mkcol cadaver/many
cd cadaver/many
mput notes.txt notes2.txt
ls
END
step "copy: a file of its own, the first one stays" 'succeeded 5' 'cmp notes2.txt copy.txt' 'cmp notes2.txt first.txt' <<'END'
copy cadaver/notes.txt cadaver/copy.txt
put notes.txt cadaver/notes.txt
get cadaver/copy.txt copy.txt
put notes2.txt cadaver/notes.txt
get cadaver/notes.txt first.txt
END
step "copy of a folder takes what lies in it" 'succeeded 2' 'listed notes.txt 12' 'listed notes2.txt 21' <<'END'
copy cadaver/many/ cadaver/more/
ls cadaver/more
END
step "move: the new name has the bytes" 'succeeded 2' 'cmp notes2.txt moved.txt' <<'END'
move cadaver/copy.txt cadaver/moved.txt
get cadaver/moved.txt moved.txt
END
step "the old name is gone" 'refused "404 "' <<'END'
get cadaver/copy.txt gone.txt
END
step "without overwrite, copy onto a name is refused with 412" 'refused "412 "' <<'END'
unset overwrite
copy cadaver/binary.dat cadaver/moved.txt
END
step "the refused copy changed nothing" 'succeeded 1' 'cmp notes2.txt kept.txt' <<'END'
get cadaver/moved.txt kept.txt
END
step "propset and propget: the value as it was sent" 'succeeded 1' 'said "Value of colour is: pale blue"' <<'END'
propset cadaver/moved.txt colour "pale blue"
propget cadaver/moved.txt colour
END
step "propnames names it" 'said "http://webdav.org/cadaver/custom-properties/ colour"' <<'END'
propnames cadaver/moved.txt
END
step "a property goes with its file" 'succeeded 1' 'said "Value of colour is: pale blue"' <<'END'
move cadaver/moved.txt cadaver/more/moved.txt
propget cadaver/more/moved.txt colour
END
step "propdel takes it away" 'succeeded 2' '! said "custom-properties/ colour"' <<'END'
propdel cadaver/more/moved.txt colour
propnames cadaver/more/moved.txt
END
case " $classes " in
*" 2 "*)
    step "lock, discover and unlock" 'succeeded 2' 'said "Scope: exclusive  Type: write"' <<'END'
lock cadaver/notes.txt
discover cadaver/notes.txt
unlock cadaver/notes.txt
END
    step "the lock's holder saves" 'succeeded 4' 'cmp notes.txt locked.txt' <<'END'
lock cadaver/notes.txt
put notes.txt cadaver/notes.txt
get cadaver/notes.txt locked.txt
unlock cadaver/notes.txt
END
    step "a lock that another session left refuses a save: lock" 'succeeded 1' <<'END'
lock cadaver/notes.txt
END
    step "a lock that another session left refuses a save: put" 'refused "423 "' <<'END'
put notes2.txt cadaver/notes.txt
END
    step "steal finds that lock and takes it over" 'said "cadaver/notes.txt"' 'succeeded 2' <<'END'
steal cadaver/notes.txt
put notes2.txt cadaver/notes.txt
unlock cadaver/notes.txt
END
    ;;
esac
step "delete takes a file away" 'succeeded 2' 'unlisted binary.dat' 'listed notes.txt 21' <<'END'
delete cadaver/binary.dat
ls cadaver
END
step "delete of a missing file says 404" 'refused "404 "' <<'END'
delete cadaver/binary.dat
END
step "rmcol takes a folder away with all that is in it" 'succeeded 2' 'unlisted cadaver' <<'END'
rmcol cadaver
ls
END

echo "cadaver: $((steps - failed)) of $steps steps passed"
[ "$failed" = 0 ]
