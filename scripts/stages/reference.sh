stage_reference() {
    tap reference python3 scripts/check_reference.py
}
