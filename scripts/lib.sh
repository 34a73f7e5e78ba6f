# shellcheck shell=bash
# Shared by the scripts beside it. Sourcing it moves into the repo's root.
# Written for bash 3.2 and up; cargo's flags and RUSTFLAGS are left as they are, so that no script builds twice what another has built.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}

# What every build of these scripts has: the fault points that tests/faults kill processes at. One set, so that nothing is built twice.
# shellcheck disable=SC2034 # used by the scripts that source this
features=(--features fault-points)

# The tools that cargo installs for these scripts: outside of the clone, a folder per version, so that neither a new clone nor
# `cargo clean` builds them again and nobody's own tools are replaced.
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

# debian_package COMMAND PACKAGE WHY: installs the package that has COMMAND where that needs nobody's leave.
debian_package() {
    have "$1" && return
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        die "$1 is missing, which $3 needs: install it (Debian, Ubuntu: sudo apt-get install $2)"
    fi
    say "installing $2 (Debian) for $3"
    export DEBIAN_FRONTEND=noninteractive
    run_quietly "$target/scripts/apt.log" apt-get update || die "apt-get update failed (above)"
    run_quietly "$target/scripts/apt.log" apt-get install -y --no-install-recommends "$2" || die "apt-get install $2 failed (above)"
}

# cargo_tool NAME VERSION HOW-LONG: leaves in $tool the path of that very version, built first where it is missing.
cargo_tool() {
    tool=$tools/$1-$2/bin/$1
    [ -x "$tool" ] && return
    if have "$1" && [ "$("$1" --version 2>/dev/null | awk '{print $NF}')" = "$2" ]; then
        tool=$(command -v "$1")
        return
    fi
    say "installing $1 $2 into $tools: once on this machine, $3 on two cores"
    # Unoptimised: it runs for a second or two, and optimising it would take minutes.
    CARGO_PROFILE_DEV_DEBUG=0 run_quietly "$target/scripts/$1.log" nice -n 10 \
        cargo install --quiet --debug --locked --root "$tools/$1-$2" "$1" --version "$2" || die "cargo install $1 --version $2 failed (above)"
}

# The settings of whoever runs the scripts must not reach the programs that they start.
forget_settings() {
    local name
    for name in ${!WAYBILL_@}; do unset "$name"; done
}

# newer FILE FOLDER…: whether anything in the folders is newer than the file, or the file is missing.
newer() {
    local file=$1
    shift
    [ ! -e "$file" ] || [ -n "$(find "$@" -newer "$file" -print | head -n 1)" ]
}
