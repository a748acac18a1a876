# Joins what the stages unit, thread and interop left behind.
stage_requirements() {
    local options=()
    [[ -f build/test-results/interop.txt ]] || options+=(--without-interop)
    tap requirements python3 scripts/requirements_report.py --check "${options[@]}"
}
