#!/bin/bash
# Check the program given as $1 against known answers; TESTS picks how many (all without it).
tally=$1
failed=0

check() {
    local wanted=$1
    shift
    if [ "$("$tally" "$@" 2>&1 | head -n 1)" != "$wanted" ]; then
        echo "FAILED: tally $*"
        failed=1
    fi
}

[ "${TESTS:-3}" -ge 1 ] && check "sum 6" 1 2 3
[ "${TESTS:-3}" -ge 2 ] && check "sum -1.5" -1 -0.5
[ "${TESTS:-3}" -ge 3 ] && check "" one two
exit $failed
