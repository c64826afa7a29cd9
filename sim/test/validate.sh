#!/bin/sh
# SPDX-License-Identifier: MIT
# validate.sh VX6-SIM NODES HOPS QUERIES: lookups in a static network cost what an independent
# program found for this size, within 10 %, and find the 20 closest nodes.
set -eu
line=$("$1" --validate kademlia --nodes "$2" --quiet | grep '^kademlia: ')
echo "$line"
echo "$line" | tr -d '{},:' | awk -v hops="$3" -v queries="$4" '
    function near(found, expected) { return found > expected * 0.9 && found < expected * 1.1 }
    { good = near($3, hops) && near($5, queries) && $7 >= 0.99 }
    END { if (!good) print "expected hops " hops ", queries " queries ", all closest"; exit !good }'
