// Sequence numbers modulo 2^32, compared as RFC 9293 3.4 does. `<` is no order: a set of Seq has
// no least member, so std::less is deleted.
#pragma once

#include <functional>

#include "tern/int.hh"

namespace tern {

struct Seq {
    u32 value = 0;

    constexpr Seq() = default;
    constexpr explicit Seq(u32 v) : value(v) {}

    friend constexpr Seq operator+(Seq a, u32 n) { return Seq{a.value + n}; }
    friend constexpr Seq operator-(Seq a, u32 n) { return Seq{a.value - n}; }
    // How far a is ahead of b; negative when behind.
    friend constexpr i32 operator-(Seq a, Seq b) { return static_cast<i32>(a.value - b.value); }
    constexpr Seq& operator+=(u32 n) {
        value += n;
        return *this;
    }
    friend constexpr bool operator==(Seq, Seq) = default;
    friend constexpr bool operator<(Seq a, Seq b) { return a - b < 0; }
    friend constexpr bool operator<=(Seq a, Seq b) { return a - b <= 0; }
    friend constexpr bool operator>(Seq a, Seq b) { return a - b > 0; }
    friend constexpr bool operator>=(Seq a, Seq b) { return a - b >= 0; }
};

constexpr Seq max(Seq a, Seq b) { return a < b ? b : a; }
constexpr Seq min(Seq a, Seq b) { return a < b ? a : b; }

}  // namespace tern

template <>
struct std::less<tern::Seq> {
    bool operator()(tern::Seq, tern::Seq) const = delete;
};
