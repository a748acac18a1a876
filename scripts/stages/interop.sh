# Every executable tests/interop/*.sh and *.py, except helpers that start with "lib" or "_".
stage_interop() {
    rm -f build/test-results/interop.txt
    local why=
    if [[ "$(id -u)" -ne 0 ]]; then
        why="needs root: try 'sudo ./test' or 'unshare -rn ./test'"
    elif [[ ! -r /dev/net/tun || ! -w /dev/net/tun ]]; then
        why="needs /dev/net/tun: modprobe tun, or give the container the device"
    elif ! unshare -n true 2>/dev/null; then
        why="needs the right to make a network namespace (CAP_SYS_ADMIN)"
    fi
    if [[ -n "$why" && "${TERN_NO_ROOT_TESTS:-}" == 1 ]]; then
        skipped "interop" "$why (TERN_NO_ROOT_TESTS=1)"
        return 0
    elif [[ -n "$why" ]]; then
        failed "interop" "$why; or set TERN_NO_ROOT_TESTS=1 to skip this stage"
        return 0
    fi
    need_preset release || { failed "build release" "see build/release.log"; return 0; }
    need_preset debug tern_peer || { failed "build debug" "see build/debug.log"; return 0; }
    tap interop python3 scripts/run_interop.py --tests tests/interop --bin build/release/bin \
        --out build/test-results/interop.txt
}
