# shellcheck shell=bash
# What the scripts share: sourced, never run. Needs bash 4.
#
# A step runs in a process group of its own, so that it and everything it started can be ended by id,
# however the script ends.

set -Eeuo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/.build/test-logs
# One build serves server and tests: the same flags everywhere, or SwiftPM compiles everything again.
swift_flags=(-c release -Xswiftc -enable-testing)
# shellcheck disable=SC2034 # for the scripts
binary=$root/.build/release/signalbox
# Debian's and Ubuntu's own Python: agents in sandboxes run on it, so tests do, too.
python=/usr/bin/python3
groups=()
temporary=()
cd "$root"
mkdir -p "$logs"

say() { printf '%s\n' "$*"; }
good() { printf '✓ %s\n' "$*"; }
bad() { printf '✗ %s\n' "$*" >&2; }
die() {
    bad "$*"
    exit 1
}

# Ends a process group by the id of its first process. That one is asked, and ends its own in the right order; what is
# left after SECONDS is killed.
end_group() {
    local group=$1 seconds=${2:-20} waited=0
    kill -TERM "$group" 2>/dev/null || kill -TERM -- "-$group" 2>/dev/null || return 0
    while kill -0 -- "-$group" 2>/dev/null && ((waited < seconds * 10)); do
        sleep 0.1
        waited=$((waited + 1))
    done
    kill -KILL -- "-$group" 2>/dev/null || true
}

end_everything() {
    local group
    # Once: a second Ctrl-C must not leave half of it behind.
    trap '' INT TERM HUP
    for group in "${groups[@]:-}"; do [[ -z $group ]] || end_group "$group" 90; done
    ((${#temporary[@]} == 0)) || rm -rf "${temporary[@]}"
}
trap end_everything EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start LOG COMMAND...: runs a command in a group of its own; its id is in $started.
# LOG `-` lets it write to this script's own output.
start() {
    local log=$1
    shift
    if [[ $log == - ]]; then
        setsid "$@" </dev/null &
    else
        setsid "$@" </dev/null >"$log" 2>&1 &
    fi
    started=$!
    groups+=("$started")
}

# Waits for a started command. Its status is ours.
finish() {
    local group=$1 status=0 others=() other
    wait "$group" || status=$?
    # Whatever it left running in its group goes with it.
    end_group "$group" 5
    for other in "${groups[@]}"; do [[ $other == "$group" ]] || others+=("$other"); done
    groups=("${others[@]:-}")
    return $status
}

# step NAME TITLE COMMAND...: runs a command with its output in .build/test-logs/NAME.log. Says what it does every now and
# then, and at the end whether it went well; on failure shows the end of the log.
step() {
    local name=$1 title=$2 log=$logs/$1.log began=$SECONDS last=$SECONDS status=0 detail
    shift 2
    if [[ -t 1 ]]; then printf '… %s' "$title"; else say "… $title"; fi
    start "$log" "$@"
    local group=$started
    while kill -0 "$group" 2>/dev/null; do
        sleep 0.5
        if [[ -t 1 ]] || ((SECONDS - last >= 30)); then
            last=$SECONDS
            # The counter of SwiftPM, or pytest's percentage.
            detail=$(tail -c 2000 "$log" | tr '\r' '\n' | grep -oE '\[[0-9]+/[0-9]+\]|\[ *[0-9]+%\]' | tail -1 || true)
            if [[ -t 1 ]]; then
                printf '\r\033[K… %s (%d s) %s' "$title" $((SECONDS - began)) "$detail"
            else
                say "… $title ($((SECONDS - began)) s) $detail"
            fi
        fi
    done
    finish "$group" || status=$?
    [[ -t 1 ]] && printf '\r\033[K'
    if ((status == 0)); then
        good "$title ($((SECONDS - began)) s)"
    else
        bad "$title: status $status after $((SECONDS - began)) s; the end of $log:"
        tail -n 40 "$log" | sed 's/^/    /' >&2
    fi
    return $status
}

# --- System packages

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
have_file() { local path; for path in "$@"; do [[ -e $path ]] && return 0; done; return 1; }

# package NAME WHY COMMAND...: notes the package as missing unless the command says that what it brings is there.
package() {
    local name=$1 why=$2
    shift 2
    "$@" >/dev/null 2>&1 && return 0
    missing+=("$name")
    reasons+=("$why")
}

# install_packages run|test: installs what is missing and nothing else. `test` adds what only tests need.
install_packages() {
    missing=() reasons=()
    package pkg-config "finds the libraries below" command -v pkg-config
    package libpq-dev "PostgreSQL's client library" have_file /usr/include/postgresql/libpq-fe.h /usr/include/libpq-fe.h
    package zlib1g-dev "unpacks archives" have_file /usr/include/zlib.h
    package postgresql "the database; signalbox dev runs one of its own" have_postgres
    package bubblewrap "makes the sandboxes" command -v bwrap
    package nftables "keeps sandboxes with a way out from the host" have_file /usr/sbin/nft /sbin/nft
    package python3 "runs agents" test -x "$python"
    package python3-pip "installs agents' requirements.txt" "$python" -m pip --version
    package python3-venv "for the tests' and agents' packages" "$python" -c 'import ensurepip, venv'
    if [[ $1 == test ]]; then
        package wrk "puts load on the server in tests" command -v wrk
        package docker.io "runs agents that are images, and deploy/'s containers" command -v dockerd
        package podman "runs agents that are images" command -v podman
        # It takes every mix of control groups' versions; crun, Podman's first choice, does not.
        package runc "starts Podman's and Docker's containers" command -v runc
        package docker-compose "starts deploy/compose.yaml" command -v docker-compose
        # These are put into the tests' images: no registry is asked for any.
        package systemd "runs deploy/'s units, in a container" have_file /lib/systemd/systemd
        package tini "is process 1 of the image" command -v tini
        package iproute2 "is in the image, and makes the tests' networks" command -v ip
        package ca-certificates "is in the image" have_file /etc/ssl/certs/ca-certificates.crt
        package openssl "makes the certificates of the TLS tests" command -v openssl
    fi
    if ((${#missing[@]} == 0)); then
        good "system packages"
        return 0
    fi

    say "These system packages are missing:"
    local i
    for i in "${!missing[@]}"; do printf '    %-14s %s\n' "${missing[$i]}" "${reasons[$i]}"; done
    command -v apt-get >/dev/null || die "this system has no apt-get: install their equivalents, then run this again"
    local sudo=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "run as root: apt-get install --no-install-recommends ${missing[*]}"
        sudo=(sudo)
    fi
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
    say "Installing them with apt-get (log: $logs/packages.log)."
    # In the foreground: sudo may ask for a password.
    "${apt[@]}" update >"$logs/packages.log" 2>&1 || { tail -n 20 "$logs/packages.log" >&2; die "apt-get update failed"; }
    local restore=
    if [[ " ${missing[*]} " == *" postgresql "* ]]; then
        without_a_cluster
    fi
    local status=0
    "${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$logs/packages.log" 2>&1 || status=$?
    [[ -n $restore ]] && "${sudo[@]}" mv -f "$restore" /etc/postgresql-common/createcluster.conf
    ((status == 0)) || { tail -n 20 "$logs/packages.log" >&2; die "apt-get install failed"; }
    good "system packages (installed: ${missing[*]})"
}

# Debian's package makes and starts a cluster of the whole machine when it's installed. Nobody asked for one.
without_a_cluster() {
    local file=/etc/postgresql-common/createcluster.conf
    "${apt[@]}" install --no-install-recommends postgresql-common >>"$logs/packages.log" 2>&1 || return 0
    [[ -e $file ]] || return 0
    "${sudo[@]}" cp -p "$file" "$file.before-signalbox"
    restore=$file.before-signalbox
    "${sudo[@]}" sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' "$file"
    grep -q '^create_main_cluster = false' "$file" ||
        say 'create_main_cluster = false' | "${sudo[@]}" tee -a "$file" >/dev/null
}

# --- Swift

check_swift() {
    local found
    # Where swiftly and the images of swift.org put it.
    command -v swift >/dev/null || PATH=$PATH:$HOME/.local/share/swiftly/bin:/opt/swift/usr/bin:/usr/share/swift/usr/bin
    if ! command -v swift >/dev/null; then
        bad "Swift is missing. Signalbox needs Swift 6.2 or newer."
        say "    curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" >&2
        say "    tar zxf swiftly-$(uname -m).tar.gz && ./swiftly init" >&2
        say "  or follow https://www.swift.org/install/linux/, then run this again." >&2
        exit 1
    fi
    found=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9]+\.[0-9]+')
    if [[ $(printf '%s\n6.2\n' "$found" | sort -V | head -1) != 6.2 ]]; then
        die "Swift $found is too old: Signalbox needs 6.2 or newer (https://www.swift.org/install/linux/)"
    fi
}

# build LOG WHAT...: the one release build. Arguments choose targets, never flags.
build() {
    local log=$1
    shift
    step "$log" "build (release; the first one takes minutes)" swift build "${swift_flags[@]}" "$@"
}

# python_packages VENV REQUIREMENTS: a virtual environment with these packages, kept between runs.
python_packages() {
    local venv=$1 requirements=$2
    if [[ ! -x $venv/bin/python || $(readlink -f "$venv/bin/python") != "$(readlink -f "$python")" ]]; then
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
}
