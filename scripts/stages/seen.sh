# What the tests of the debug build wrote into build/debug/test-results/seen-*.txt.
stage_seen() {
    need_preset debug || { failed "build debug" "see build/debug.log"; return 0; }
    tap seen python3 scripts/check_seen.py --build build/debug
}
