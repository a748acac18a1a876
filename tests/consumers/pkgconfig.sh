#!/usr/bin/env bash
# The three consumers by pkg-config and a compiler alone: pkgconfig.sh PREFIX OUTPUT [CXX]
set -euo pipefail
prefix=$1 output=$2 cxx=${3:-c++}
here=$(dirname "${BASH_SOURCE[0]}")
export PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tern-core.pc)")
library_path=$(pkg-config --variable=libdir tern-core)
mkdir -p "$output"
for component in core asio sim; do
    # shellcheck disable=SC2046 # the words that pkg-config prints are meant to be split
    "$cxx" -std=c++23 -O1 -Wall -Wextra -Wconversion -Werror "$here/$component/main.cc" \
        -o "$output/$component" $(pkg-config --cflags --libs "tern-$component")
    LD_LIBRARY_PATH=$library_path "$output/$component"
done
