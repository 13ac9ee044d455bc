#!/bin/sh
# Check the program given as $1 against known answers; TESTS picks how many (all without it).
tally=$1
failed=0

check() {
    wanted=$1
    shift
    if [ "$("$tally" "$@" 2>&1)" != "$wanted" ]; then
        echo "FAILED: tally $*"
        failed=1
    fi
}

[ "${TESTS:-3}" -ge 1 ] && check "sum 6
mean 2
largest 3" 1 2 3
[ "${TESTS:-3}" -ge 2 ] && check "sum -1.5
mean -0.75
largest -0.5" -1 -0.5
[ "${TESTS:-3}" -ge 3 ] && check "" one two
exit $failed
