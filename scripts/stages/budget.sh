# What a segment, a round trip and a connection cost, in counts that repeat on every machine.
stage_budget() {
    need_preset bench bench_bulk bench_requests bench_connections ||
        { failed "build bench" "see build/bench.log"; return 0; }
    tap budget python3 bench/cost.py --check
}
