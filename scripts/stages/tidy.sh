stage_tidy() {
    tap tidy python3 scripts/check_tidy.py
    tap tidy python3 scripts/check_checks.py
    tap tidy python3 scripts/check_decisions.py
}
