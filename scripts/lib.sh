# Shared by run, test and the stages: building a preset, and recording results.
# Sourced with the repository as working directory.

# configure PRESET: only if that was never done, or the presets changed since.
configure() {
    local dir="build/$1" log="build/$1.log"
    mkdir -p build
    [[ ! -f "$dir/build.ninja" || CMakePresets.json -nt "$dir/CMakeCache.txt" ]] || return 0
    printf 'configure %s\n' "$1"
    if ! cmake --preset "$1" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "configure $1 failed; all of it is in $log" >&2
        return 1
    fi
    touch "$dir/CMakeCache.txt"
}

# need_preset PRESET [TARGET...]: configured and built, once per process; says so in one line.
declare -A tern_built=()
need_preset() {
    local preset=$1 key="$*" log="build/$1.log" start=$SECONDS
    shift
    [[ -z "${tern_built[$key]:-}" ]] || return 0
    configure "$preset" || return 1
    local targets=()
    [[ $# -eq 0 ]] || targets=(--target "$@")
    printf 'build %s ...\n' "$preset"
    if [[ -t 1 ]]; then
        NINJA_STATUS='[%f/%t %es] ' cmake --build --preset "$preset" "${targets[@]}" || return 1
    elif ! build_telling "$preset" "$log" "${targets[@]}"; then
        printf 'failed\n'
        grep -E -m 20 -A 6 'error|FAILED|undefined reference' "$log" >&2 || tail -n 40 "$log" >&2
        echo "build $preset failed; all of it is in $log" >&2
        return 1
    fi
    printf 'build %s: %s s\n' "$preset" $((SECONDS - start))
    tern_built[$key]=1
}

# build_telling PRESET LOG [CMAKE ARGUMENT...]: builds into the log; says at times how far it is.
build_telling() {
    local preset=$1 log=$2 code=0 builder
    shift 2
    NINJA_STATUS='[%f/%t] ' cmake --build --preset "$preset" "$@" >"$log" 2>&1 &
    builder=$!
    tell_progress "$preset" "$log" "$builder" &
    wait "$builder" || code=$?
    wait $! || true
    return "$code"
}

# tell_progress PRESET LOG PID: a line each quarter of a minute, "build debug: 120 of 403".
tell_progress() {
    local next=$((SECONDS + ${TERN_PROGRESS_SECONDS:-15})) last= now
    while kill -0 "$3" 2>/dev/null; do
        sleep 0.2
        [[ $SECONDS -ge $next ]] || continue
        next=$((SECONDS + ${TERN_PROGRESS_SECONDS:-15}))
        now=$(grep -Eo '^\[[0-9]+/[0-9]+\]' "$2" | tail -n 1 | tr -d '[]') || true
        [[ "$now" == "$last" ]] || printf 'build %s: %s of %s\n' "$1" "${now%/*}" "${now#*/}"
        last=$now
    done
    return 0
}

# has_target PRESET TARGET: whether the configured preset knows that target.
has_target() {
    ninja -C "build/$1" -t targets all 2>/dev/null | grep "^$2:" >/dev/null
}

# Results are lines in $TERN_RESULTS: "ok NAME", "not ok NAME - reason", "skip NAME - reason".
# scripts/summary.py counts them, and nothing else.
passed() { echo "ok $1" >>"$TERN_RESULTS"; }
failed() {
    echo "not ok $1 - ${2:-failed}" >>"$TERN_RESULTS"
    echo "not ok $1 - ${2:-failed}" >&2
}
skipped() {
    echo "skip $1 - $2" >>"$TERN_RESULTS"
    echo "skip $1 - $2"
}

# check NAME COMMAND...: one result from the exit code.
check() {
    local name=$1 code=0
    shift
    "$@" || code=$?
    if [[ $code -eq 0 ]]; then passed "$name"; else failed "$name" "exit code $code"; fi
}

# tap NAME COMMAND...: many results, from the lines that the command prints. No result line, or a
# bad exit code without one that says why, is a failure of its own.
tap() {
    local name=$1 code out
    shift
    out=$(mktemp)
    set +e
    "$@" | tee "$out" | sed -u '/^ok /d; /^covers /d'
    code=${PIPESTATUS[0]}
    set -e
    grep -E '^(ok|not ok|skip) ' "$out" >>"$TERN_RESULTS" || true
    if ! grep -qE '^(ok|not ok|skip) ' "$out"; then
        failed "$name" "printed no result, exit code $code"
    elif [[ $code -ne 0 ]] && ! grep -q '^not ok ' "$out"; then
        failed "$name" "exit code $code without a reason"
    fi
    rm -f "$out"
}
