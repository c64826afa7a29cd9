#!/bin/sh
# SPDX-License-Identifier: MIT
# check_vectors_tool.sh VX6-VECTORS: its exit codes and last lines, for files good and bad.
set -eu
tool=$1
vectors=$(cd "$(dirname "$0")/../vectors" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# expect CODE LAST-LINE FILE...: the last line of what it prints begins like this
expect() {
    code=$1
    last=$2
    shift 2
    status=0
    "$tool" "$@" >"$folder/out" 2>&1 || status=$?
    line=$(tail -n 1 "$folder/out")
    case $line in
    *"$last"*) ;;
    *) status="$status, \"$line\"" ;;
    esac
    if [ "$status" != "$code" ]; then
        echo "$*: expected $code and \"$last\", got $status"
        failures=$((failures + 1))
    fi
}

cd "$folder"
head -n 5 "$vectors/crypto.jsonl" >good
sed '3s/"output": "./"output": "x/' good >not-hex
sed '2s/"output": "..../"output": "0000/' good >wrong
echo '{"set": "of another world"}' >unknown
echo '{"sets": {"A": {"cases": [1, 2]}, "B": {}}}' >sets
printf '{"set": "crypto"\n' >cut
echo '{"name": "no set"}' >no-set
echo '[1]' >no-object
printf 'a\0b' >binary
: >empty
sed 's/NK_25519_AESGCM_SHA256/NK_448_AESGCM_SHA256/' "$vectors/third-party/noise.json" >noise-other
sed 's/"payload": "4c/"payload": "4d/' "$vectors/third-party/noise.json" >noise-wrong
sed 's/"protocol_name"/"protocol"/' "$vectors/third-party/noise.json" >noise-malformed

expect 0 "5 passed, 0 failed" good
expect 0 "10 passed, 0 failed" good good
expect 0 "14 passed, 0 failed" "$vectors/third-party/noise.json"
expect 1 "4 passed, 1 failed" not-hex
expect 1 "4 passed, 1 failed" wrong
expect 1 "4 passed, 1 failed, 1 unsupported" wrong unknown
expect 3 "0 passed, 0 failed, 1 unsupported" unknown
expect 3 "5 passed, 0 failed, 3 unsupported" good sets
expect 3 "13 passed, 0 failed, 1 unsupported" noise-other
expect 1 "0 passed, 14 failed" noise-wrong
expect 2 "protocol_name" noise-malformed
expect 2 "cut:1:" cut
expect 2 "no-set:1:" no-set
expect 2 "no-object:1:" no-object
expect 2 "not a text file" binary
expect 2 "no vectors in it" empty
expect 2 "No such file" missing
expect 2 "Is a directory" "$folder"
expect 2 "vx6-vectors --help" --no-such-option
expect 2 "vx6-vectors --help"
expect 0 "" --help
"$tool" wrong | grep -q '^wrong:2: ' || { echo "no file:line before a failure"; failures=$((failures + 1)); }
[ "$failures" -eq 0 ]
