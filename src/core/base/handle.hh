// The name of a record in a Pool<T>: 32 bits instead of a pointer, and typed, so that a connection
// cannot be taken for a listener.
#pragma once

#include <cstddef>

#include "tern/int.hh"

namespace tern {

template <class T>
struct Handle {
    u32 index = 0;  // 0: none

    constexpr Handle() = default;
    // The literal 0 is the one number that needs no explicit conversion: it names no record.
    constexpr Handle(std::nullptr_t) {}
    explicit constexpr Handle(u32 i) : index(i) {}

    explicit constexpr operator bool() const { return index != 0; }
    friend constexpr bool operator==(Handle, Handle) = default;
};

}  // namespace tern
