stage_selftest() {
    tap selftest python3 scripts/tests/run_all.py
}
