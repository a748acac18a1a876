stage_format() {
    tap format python3 scripts/check_format.py
}
