# Tests that carry the ctest label "thread", under TSan; with --long every test.
source scripts/stages/unit.sh

stage_thread() {
    local targets=() chosen=(-L '^thread$')
    if configure thread && has_target thread thread_tests; then targets=(thread_tests); fi
    if [[ -n "$TERN_LONG" ]]; then
        targets=()
        chosen=()
    fi
    if ! need_preset thread "${targets[@]}"; then
        failed "build thread" "see build/thread.log"
        return 0
    fi
    run_ctest thread "${chosen[@]}"
}
