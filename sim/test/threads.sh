#!/bin/sh
# SPDX-License-Identifier: MIT
# threads.sh VX6-SIM "1 2 3" OPTION...: the same report for every number of threads, but for wall
# time and memory.
set -eu
sim=$1
threads=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for count in $threads; do
    "$sim" --threads "$count" --json --quiet "$@" >"$work/report"
    grep -E '"(events_per_second|bytes_per_node|digest)"' "$work/report" | tr -d '\n'
    echo "  threads $count"
    sed '/"bytes_at_end_per_node"/,/}/d' "$work/report" |
        grep -vE '"(wall_seconds|events_per_second|bytes_per_node|threads|waiting_share)"' \
            >"$work/$count"
    [ -s "$work/$count" ]
    [ -e "$work/first" ] || cp "$work/$count" "$work/first"
    diff "$work/first" "$work/$count"
done
