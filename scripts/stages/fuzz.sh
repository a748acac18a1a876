# Every build/fuzz/bin/fuzz_NAME for some seconds, from tests/fuzz/corpus/NAME. What a run learns
# stays in build/fuzz/corpus/NAME; a finding in build/fuzz/found/.
stage_fuzz() {
    need_preset fuzz fuzzers || { failed "build fuzz" "see build/fuzz.log"; return 0; }
    local seconds=10 at_most=120 # for each target; for all of them
    if [[ -n "$TERN_LONG" ]]; then
        seconds=300
        at_most=36000
    fi
    tap fuzz python3 scripts/run_fuzz.py --bin build/fuzz/bin --corpus tests/fuzz/corpus \
        --work build/fuzz --seconds "${TERN_FUZZ_SECONDS:-$seconds}" --at-most "$at_most"
}
