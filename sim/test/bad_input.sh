#!/bin/sh
# SPDX-License-Identifier: MIT
# bad_input.sh VX6-SIM: a bad command line is one clear line on standard error and exit code 2.
set -eu
sim=$1
wrong=0
check() {
    code=0
    text=$("$sim" "$@" 2>&1 >/dev/null) || code=$?
    lines=$(printf '%s\n' "$text" | wc -l)
    case $text in "vx6-sim: "*) named=yes ;; *) named=no ;; esac
    if [ "$code" = 2 ] && [ "$lines" = 1 ] && [ "$named" = yes ]; then
        echo "ok   $text"
    else
        echo "BAD  $*: exit $code: $text"
        wrong=1
    fi
}
check --nodes 0
check --nodes 1
check --nodes -5
check --nodes many
check --nodes ''
check --nodes 99999999999999999999999
check --churn -0.1
check --churn 2.1
check --churn 0.1.1
check --churn .
check --duration soon
check --duration 0s
check --duration 25h
check --duration 10x
check --seed x
check --crypto none
check --crypto-salt ''
check --perturb 0
check --loss 0.9
check --threads 0
check --dead 0.3
check --liars 1
check --validate kademlia --liars 0.2
check --kill 0.3
check --kill 1.5@60s
check --kill 0@60s
check --partition 0.3@60s
check --partition 0.3@60s-30s
check --kill 0.3@700s
check --recover-within 10s
check --validate kademlia --kill 0.3@10s
check --threads 65
check --success-min 1.1
check --validate chord
check flagship
exit $wrong
