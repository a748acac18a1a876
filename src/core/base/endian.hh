// Unaligned network-order loads and stores.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

#include "tern/int.hh"

namespace tern {

template <class T>
constexpr T byte_swapped(T v) {
    if constexpr (sizeof(T) == 1) return v;
    if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(v));
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
}

template <class T>
T load_big(const void* from) {
    T v;
    std::memcpy(&v, from, sizeof v);
    return std::endian::native == std::endian::little ? byte_swapped(v) : v;
}

template <class T>
void store_big(void* to, T v) {
    if constexpr (std::endian::native == std::endian::little) v = byte_swapped(v);
    std::memcpy(to, &v, sizeof v);
}

inline u16 load16(const void* p) { return load_big<u16>(p); }
inline u32 load32(const void* p) { return load_big<u32>(p); }
inline void store16(void* p, u16 v) { store_big(p, v); }
inline void store32(void* p, u32 v) { store_big(p, v); }

}  // namespace tern
