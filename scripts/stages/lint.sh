stage_lint() {
    configure lint || { failed "configure lint" "see build/lint.log"; return 0; }
    tap lint python3 scripts/run_lint.py --build build/lint
}
