# SPDX-License-Identifier: MIT
# What VX6 needs from the distribution, and how to get it. Sourced by the tools that build.

packages_build="build-essential cmake ninja-build pkg-config libsodium-dev libssl-dev libevent-dev
    libsqlite3-dev libjansson-dev"
packages_test="$packages_build libcmocka-dev clang python3 python3-cryptography python3-jsonschema iproute2 curl
    nginx-light procps valgrind faketime e2fsprogs postgresql gunicorn python3-psycopg2 openssl openssh-client
    openssh-server stunnel4 socat wrk jq"
packages_coverage="$packages_test gcovr"
packages_fuzz="$packages_build libcmocka-dev clang libclang-rt-14-dev"

say() {
    printf '== %s\n' "$*"
}

missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$package"
    done
}

# Servers that packages bring must not start by themselves: tests start their own.
without_starting_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    $as_root sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
    status=0
    "$@" || status=$?
    $as_root rm -f "$policy"
    return "$status"
}

apt_install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Installs what is missing of the given packages; where it cannot, names them and ends.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "this is not a Debian system: make sure that you have $*"
        return
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        if ! command -v sudo >/dev/null; then
            echo "missing packages: $missing" >&2
            echo "run this as root, or install them: apt-get install $missing" >&2
            exit 1
        fi
    fi
    say "installing: $missing"
    log=$(mktemp)
    # shellcheck disable=SC2086
    if ! { $as_root apt-get update -qq && without_starting_services apt_install $missing; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "could not install: $missing" >&2
        exit 1
    fi
    rm -f "$log"
}

# configure_and_build DIRECTORY [CMAKE OPTION]...
configure_and_build() {
    directory=$1
    shift
    cmake -G Ninja -S . -B "$directory" "$@" >"$directory.log" 2>&1 ||
        { cat "$directory.log" >&2; echo "configuring $directory failed" >&2; exit 1; }
    cmake --build "$directory" >"$directory.log" 2>&1 ||
        { tail -n 60 "$directory.log" >&2; echo "building $directory failed" >&2; exit 1; }
    rm -f "$directory.log"
}
