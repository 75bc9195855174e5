# Compares litmus' report (second file, its carriage returns made line ends) with the expected deviations (first file)
# and prints one row a suite. `suites` names the suites that must have run to their end. Exit status 1: something unexpected.

BEGIN { FS = "\t" }

# expected.tsv: suite, test, outcome, message, reason
FNR == NR {
    if ($0 !~ /^#/ && NF == 5) reason[$1, $2, $3, $4] = $5
    next
}

/^-> running `/ {
    suite = $0
    sub(/^-> running `/, "", suite)
    sub(/':$/, "", suite)
    next
}

/^<- summary for `/ {
    numbers = $0
    sub(/^.*': of /, "", numbers)
    split(numbers, word, " ")
    ran[suite] = word[1]
    passed[suite] = word[4]
    failed[suite] = word[6]
    next
}

# "12. name....... outcome", and "    ....... outcome" when a test says more than one thing.
/^ *[0-9]+\. / {
    name = $0
    sub(/^ *[0-9]+\. /, "", name)
    outcome = name
    sub(/[. ].*$/, "", name)
    sub(/^[^. ]+\.* ?/, "", outcome)
    judge(outcome)
}
/^    \.+ / {
    outcome = $0
    sub(/^    \.+ /, "", outcome)
    judge(outcome)
}

function judge(outcome,    kind, message) {
    if (outcome == "" || outcome ~ /^pass/) return
    kind = outcome
    sub(/[^A-Z].*$/, "", kind)
    message = outcome
    sub(/^[A-Z]+:? ?/, "", message)
    if (message ~ /^\(.*\)$/) message = substr(message, 2, length(message) - 2)
    if (kind == "FAIL") read_failures[suite]++
    if ((suite, name, kind, message) in reason) {
        seen[suite, name, kind, message] = 1
        expected[suite]++
        notes = notes "  expected: " suite "/" name ": " kind ": " message "\n            " reason[suite, name, kind, message] "\n"
    } else {
        unexpected[suite]++
        notes = notes "UNEXPECTED: " suite "/" name ": " kind (message == "" ? "" : ": " message) "\n"
    }
}

END {
    printf "%-10s %6s %8s %8s %10s %12s\n", "suite", "tests", "passed", "failed", "expected", "unexpected"
    count = split(suites, wanted, " ")
    for (i = 1; i <= count; i++) {
        s = wanted[i]
        if (!(s in ran)) {
            printf "%-10s did not run to its end\n", s
            bad = 1
            continue
        }
        printf "%-10s %6d %8d %8d %10d %12d\n", s, ran[s], passed[s], failed[s], expected[s], unexpected[s]
        # litmus' own count has to agree: a failure that this program couldn't read is never a pass.
        if (unexpected[s] > 0 || failed[s] + 0 != read_failures[s] + 0 || ran[s] == 0) bad = 1
    }
    printf "%s", notes
    for (key in reason)
        if (!(key in seen)) {
            split(key, part, SUBSEP)
            if (part[1] in ran) print "  note: expected, but it did not happen: " part[1] "/" part[2] ": " part[4]
        }
    exit bad
}
