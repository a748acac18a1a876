#!/usr/bin/env bash
# Installs the Debian packages that are missing: scripts/setup.sh GROUP... (scripts/packages.txt).
# Quick when nothing is missing. Changes nothing but packages, starts no service.
set -euo pipefail

list="${TERN_PACKAGES:-$(dirname "${BASH_SOURCE[0]}")/packages.txt}"
if [[ $# -eq 0 || "$1" == --help ]]; then
    echo "usage: scripts/setup.sh GROUP...    groups: $(awk '/^[a-z]/ {print $1}' "$list" |
        sort -u | tr '\n' ' ')"
    exit $(($# == 0 ? 2 : 0))
fi

wanted=() # one entry a line of the list, alternatives joined by a bar
while read -r group package _; do
    for g in "$@"; do [[ "$group" == "$g" ]] && wanted+=("$package"); done
done < <(sed 's/#.*//' "$list")
if [[ ${#wanted[@]} -eq 0 ]]; then
    echo "setup: no packages in group(s) '$*'; see scripts/packages.txt" >&2
    exit 2
fi

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is no Debian system; taking it that these are here: ${wanted[*]}" >&2
    exit 0
fi

declare -A installed=()
while read -r package status; do
    [[ "$status" == installed ]] && installed["$package"]=1
done < <(IFS='|'; set -f; for w in "${wanted[@]}"; do printf '%s\n' $w; done |
    xargs dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null || true)

missing=()
for w in "${wanted[@]}"; do
    found=
    IFS='|' read -ra choices <<<"$w"
    for c in "${choices[@]}"; do [[ -n "${installed[$c]:-}" ]] && found=1; done
    [[ -n "$found" ]] || missing+=("$w")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ "$(id -u)" -ne 0 ]]; then
    echo "setup: these Debian packages are missing. Install them with:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends" \
        "${missing[*]%%|*}" >&2
    exit 1
fi

# The first alternative that the package lists know.
choose() {
    chosen=()
    local w c choices pick
    for w in "${missing[@]}"; do
        pick=
        IFS='|' read -ra choices <<<"$w"
        for c in "${choices[@]}"; do
            if [[ -z "$pick" ]] && apt-cache show --no-all-versions "$c" >/dev/null 2>&1; then
                pick="$c"
            fi
        done
        [[ -n "$pick" ]] || return 1
        chosen+=("$pick")
    done
}

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() {
    rm -f "$log"
    if [[ -n "$made_policy" ]]; then rm -f "$policy"; fi
}
trap cleanup EXIT
if [[ ! -e "$policy" ]]; then # Debian's own way to say: install services, but start none.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made_policy=1
fi

updated=
update() {
    [[ -z "$updated" ]] || return 1
    updated=1
    echo "setup: apt-get update"
    apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${chosen[@]}" >"$log" 2>&1
}
choose || { update && choose; } || {
    echo "setup: no package list knows one of: ${missing[*]}" >&2
    exit 1
}
echo "setup: installing ${chosen[*]}"
install || { update && choose && install; } || {
    cat "$log" >&2
    echo "setup: apt-get install failed; the output is above" >&2
    exit 1
}
