stage_tidy() {
    tap tidy python3 scripts/check_tidy.py
}
