# run_ctest PRESET [CTEST ARGUMENT...]: one result for each GoogleTest case, from its XML report; a
# test that died before it could write one counts as failed. The time limit only ends what hangs.
run_ctest() {
    local preset=$1 dir="build/$1/test-results" code=0
    shift
    rm -rf "$dir"
    mkdir -p "$dir"
    GTEST_OUTPUT="xml:$PWD/$dir/" TERN_SEEN_DIR="$PWD/$dir" \
        ASAN_OPTIONS="detect_stack_use_after_return=1:${ASAN_OPTIONS:-}" \
        UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}" \
        TSAN_OPTIONS="second_deadlock_stack=1:${TSAN_OPTIONS:-}" \
        ctest --preset "$preset" --no-tests=error -j "$(nproc)" --timeout 3600 --quiet \
        --output-log "$dir/ctest.log" --output-junit "$PWD/$dir/ctest-junit.xml" "$@" || code=$?
    ctest --preset "$preset" --show-only=json-v1 "$@" >"$dir/ctest-list.json" 2>/dev/null || true
    tap "ctest $preset" python3 scripts/ctest_results.py "$dir"
    if [[ $code -ne 0 ]]; then
        grep -vE ' +Passed +|^ *Start |^\[|^Note:' "$dir/ctest.log" | tail -n 60 >&2 || true
    fi
}

stage_unit() {
    need_preset debug || { failed "build debug" "see build/debug.log"; return 0; }
    run_ctest debug
}
