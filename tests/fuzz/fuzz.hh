// What every fuzz target starts with. libFuzzer hands out a buffer that ends at its last byte, so
// ASan sees a parser read one byte too many.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <span>
#include <string_view>

#include "tern/int.hh"

namespace tern::fuzz {

// A claim that must hold for every input; the input is kept when it does not.
inline void require(bool holds) {
    if (!holds) std::abort();
}

inline std::span<const std::byte> bytes_of(const u8* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

inline std::string_view text_of(const u8* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const tern::u8* data, std::size_t size);
