stage_build() {
    local preset
    for preset in release debug; do
        if need_preset "$preset"; then
            passed "build $preset"
        else
            failed "build $preset" "see build/$preset.log"
        fi
    done
}
