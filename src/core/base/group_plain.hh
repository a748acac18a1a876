// One probe step of the flow table: sixteen control bytes at once. A control byte is 0x80 | tag for
// a full slot, k_empty for one never used (zero, so that fresh memory is an empty table) and
// k_tombstone for one whose entry is gone but which a probe has to pass. Every answer is a mask,
// bit i for slot i. This is the plain twin; the others must agree with it bit for bit.
#pragma once

#include "tern/int.hh"

namespace tern {

inline constexpr u32 k_group_slots = 16;
inline constexpr u8 k_empty = 0;
inline constexpr u8 k_tombstone = 1;
inline constexpr u8 k_full = 0x80;

struct GroupPlain {
    explicit GroupPlain(const u8* controls) : controls_(controls) {}

    u32 equal_to(u8 control) const {
        u32 mask = 0;
        for (u32 i = 0; i < k_group_slots; ++i) mask |= u32{controls_[i] == control} << i;
        return mask;
    }
    u32 empty() const { return equal_to(k_empty); }
    u32 full() const {
        u32 mask = 0;
        for (u32 i = 0; i < k_group_slots; ++i) mask |= u32{controls_[i] >= k_full} << i;
        return mask;
    }

private:
    const u8* controls_;
};

}  // namespace tern
