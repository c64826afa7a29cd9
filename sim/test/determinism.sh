#!/bin/sh
# SPDX-License-Identifier: MIT
# determinism.sh VX6-SIM: what must not change the digest, and what must.
set -eu
sim=$1
digest() {
    "$sim" --nodes 60 --duration 60s --churn 0.2 --quiet "$@" | sed -n 's/^digest: //p'
}
wrong=0
check() { # what, equal|other, expected, found
    if [ "$3" = "$4" ]; then found=equal; else found=other; fi
    if [ "$found" = "$2" ]; then
        echo "ok   $1: $4"
    else
        echo "BAD  $1: $4, reference $3"
        wrong=1
    fi
}
reference=$(digest)
check "reference has 16 digits" equal 16 "$(printf %s "$reference" | wc -c)"
check "again" equal "$reference" "$(digest)"
check "real crypto" equal "$reference" "$(digest --crypto real)"
check "memo crypto" equal "$reference" "$(digest --crypto memo)"
check "another crypto salt" equal "$reference" "$(digest --crypto-salt 2)"
check "another seed" other "$reference" "$(digest --seed 2)"
check "one datagram dropped" other "$reference" "$(digest --perturb 1000)"
check "another rate of loss" other "$reference" "$(digest --loss 0.01)"
exit $wrong
