# shellcheck shell=bash
# Shared by the other scripts. Sourcing it changes to the repository's root.
# Written for bash 3.2 and later. cargo's flags and RUSTFLAGS are not changed, so that no script rebuilds what
# another one has built.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}

# The features of every build of these scripts: the fault points where tests/faults kill processes. The same
# everywhere, so that nothing is built twice.
# shellcheck disable=SC2034 # used by the scripts that source this
features=(--features fault-points)

# The tools that cargo installs for these scripts: outside of the clone with one folder per version. So they
# survive a new clone and `cargo clean`, and do not replace the user's own tools.
tools=${TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/waybill-tools}

say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# run_quietly LOG COMMAND…: shows what the command printed only if it failed.
run_quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        return 1
    }
}

# debian_package COMMAND PACKAGE WHY: installs the package of COMMAND if this user may do so without asking.
debian_package() {
    have "$1" && return
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        die "$1 is missing, which $3 needs: install it (Debian, Ubuntu: sudo apt-get install $2)"
    fi
    say "installing $2 (Debian) for $3"
    export DEBIAN_FRONTEND=noninteractive
    run_quietly "$target/scripts/apt.log" apt-get update || die "apt-get update failed (above)"
    run_quietly "$target/scripts/apt.log" apt-get install -y --no-install-recommends "$2" ||
        die "apt-get install $2 failed (above)"
}

# node_packages FOLDER WHY: makes sure of Node.js and of what the folder's lock file names.
node_packages() {
    { have node && have npm; } || die "node and npm are missing, which $2 need: install" \
        "Node.js 20 or newer (Debian, Ubuntu: sudo apt-get install nodejs npm)"
    [ "$(node --print 'process.versions.node.split(".")[0]')" -ge 20 ] ||
        die "node $(node --version) is too old for $2: install Node.js 20 or newer"
    if newer "$1/node_modules/.package-lock.json" "$1/package-lock.json"; then
        run_quietly "$target/scripts/npm.log" npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund ||
            die "npm ci in $1 failed (above)"
    fi
}

# cargo_tool NAME VERSION HOW-LONG: sets $tool to the path of exactly this version, and builds it if it is
# missing.
cargo_tool() {
    tool=$tools/$1-$2/bin/$1
    [ -x "$tool" ] && return
    if have "$1" && [ "$("$1" --version 2>/dev/null | awk '{print $NF}')" = "$2" ]; then
        tool=$(command -v "$1")
        return
    fi
    say "installing $1 $2 into $tools: once on this machine, $3 on two cores"
    # Not optimised: it runs only for a second or two, and an optimised build takes minutes.
    CARGO_PROFILE_DEV_DEBUG=0 run_quietly "$target/scripts/$1.log" nice -n 10 \
        cargo install --quiet --debug --locked --root "$tools/$1-$2" "$1" --version "$2" ||
        die "cargo install $1 --version $2 failed (above)"
}

# The user's own settings must not reach the programs that the scripts start.
forget_settings() {
    local name
    for name in ${!WAYBILL_@}; do unset "$name"; done
}

# browser_ready: makes sure of Chromium, which CHROMIUM then names, and of what drives it.
browser_ready() {
    local chromium=${CHROMIUM:-}
    if [ -z "$chromium" ]; then
        for chromium in chromium chromium-browser google-chrome; do have "$chromium" && break; done
        have "$chromium" || {
            chromium=chromium
            debian_package chromium chromium "the browser tests"
        }
        chromium=$(command -v "$chromium")
    fi
    export CHROMIUM=$chromium
    node_packages tests/browser "the browser tests"
}

# newer FILE FOLDER…: succeeds if anything in the folders is newer than the file, or if the file is missing.
newer() {
    local file=$1
    shift
    [ ! -e "$file" ] || [ -n "$(find "$@" -newer "$file" -print | head -n 1)" ]
}

# in_memory: a folder for files of tests where a write costs no wait for a disk, if this machine has one, with
# room, and memory to spare. It goes with the tests.
in_memory() {
    local room spare
    room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $1 == "tmpfs" { print $4 }')
    spare=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
    [ "${room:-0}" -gt 4000000 ] && [ "${spare:-0}" -gt 6000000 ] && mktemp -d /dev/shm/waybill-tests-XXXXXX
}

# programs: builds what the checks and tests start. An example needs the libraries with all the features that
# tests need: without one, everything would be compiled twice.
programs() {
    cargo build --locked "${features[@]}" --bin waybill --bin worker --example queue-port "$@"
}

# The tests run on the databases that WAYBILL_TEST_MONGODB and WAYBILL_TEST_REDIS name; without them, on those
# of scripts/services, which end with the tests unless they ran before.
services() {
    local mongodb=${WAYBILL_TEST_MONGODB:-} redis=${WAYBILL_TEST_REDIS:-} exports
    local mongod=${WAYBILL_TEST_MONGOD:-mongod}
    forget_settings
    if [ -z "$mongodb" ] || [ -z "$redis" ]; then
        if ! scripts/services status >/dev/null 2>&1; then
            trap 'scripts/services down' EXIT
            if memory=$(in_memory); then
                export WAYBILL_SERVICES_PLACE=$memory TMPDIR=$memory/tmp
                mkdir "$TMPDIR"
                trap 'scripts/services down; rm -rf "$memory"' EXIT
            fi
        fi
        exports=$(scripts/services up)
        eval "$exports"
        unset WAYBILL_STORE__URL WAYBILL_QUEUE__URL WAYBILL_AUTH__JWT_SECRET
        unset WAYBILL_PARCELX__SIMULATOR_ON_SERVERS
    fi
    export WAYBILL_TEST_MONGOD=${WAYBILL_TEST_MONGOD:-$mongod}
    export WAYBILL_TEST_MONGODB=${mongodb:-$WAYBILL_TEST_MONGODB}
    export WAYBILL_TEST_REDIS=${redis:-$WAYBILL_TEST_REDIS}
}
