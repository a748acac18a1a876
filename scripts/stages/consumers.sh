# What others build on tern: three programs that use its libraries, taken in every way in which a
# project may take them in (tests/consumers/README.md), and the libraries installed and moved.

# run_consumers NAME CMAKE ARGUMENT...: configures, builds and runs the three programs.
run_consumers() {
    local name=$1 dir="build/consumers/$1" log="build/consumers/$1.log"
    shift
    rm -rf "$dir"
    cmake -S tests/consumers -B "$dir" -G Ninja "$@" >"$log" 2>&1 &&
        cmake --build "$dir" >>"$log" 2>&1 &&
        ctest --test-dir "$dir" --no-tests=error >>"$log" 2>&1 && return 0
    tail -n 40 "$log" >&2
    return 1
}

# install_and_move BUILD PREFIX: as a package that is built in one place and used in another.
install_and_move() {
    rm -rf "$2" "$2.first"
    cmake --install "$1" --prefix "$2.first" >/dev/null && mv "$2.first" "$2"
}

# same_files BUILD PREFIX: another installation elsewhere gives the same files.
same_files() {
    rm -rf "$2.second"
    cmake --install "$1" --prefix "$2.second" >/dev/null && diff -r "$2" "$2.second"
}

stage_consumers() {
    need_preset release || { failed "build release" "see build/release.log"; return 0; }
    mkdir -p build/consumers
    # Static libraries are those of the release build; shared ones are built as a part of the
    # consumers' own project, without optimisation, since that is quicker.
    check "consumers: add_subdirectory, shared libraries" run_consumers subdirectory \
        -DTERN_SOURCE="$PWD" -DBUILD_SHARED_LIBS=ON -DTERN_INSTALL=ON -DTERN_PCH=ON \
        -DCMAKE_CXX_COMPILER_LAUNCHER="ccache" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
    tap "consumers: exports" python3 scripts/check_exports.py --build build/consumers/subdirectory

    local kind dir prefix
    for kind in static shared; do
        dir=build/release
        [[ "$kind" == static ]] || dir=build/consumers/subdirectory/tern
        prefix="$PWD/build/consumers/prefix-$kind"
        check "consumers: install $kind libraries, and move them" install_and_move "$dir" "$prefix"
        check "consumers: $kind libraries installed twice are the same" same_files "$dir" "$prefix"
        check "consumers: find_package, $kind libraries" run_consumers "package-$kind" \
            -DCMAKE_PREFIX_PATH="$prefix"
        check "consumers: pkg-config, $kind libraries" tests/consumers/pkgconfig.sh "$prefix" \
            "build/consumers/pkgconfig-$kind"
    done
    check "consumers: pkg-config, shared libraries, clang" tests/consumers/pkgconfig.sh "$prefix" \
        build/consumers/pkgconfig-clang clang++-19
}
