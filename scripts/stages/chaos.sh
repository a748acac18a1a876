# Random worlds, and every opening and end with three departures; both with the release build, for
# sanitizers would take ten times as long (the stage unit runs a part of both under them).
stage_chaos() {
    need_preset release || { failed "build release" "see build/release.log"; return 0; }
    local segments=10000000
    [[ -z "$TERN_LONG" ]] || segments=100000000
    check "chaos, $segments segments" build/release/bin/tern chaos --segments "$segments" \
        --smallest build/test-results/chaos.toml
    tap explore build/release/bin/tern_explore --departures 3
}
