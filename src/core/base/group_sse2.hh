// The SSE2 twin of group_plain.hh: a load, a comparison and a move of the mask.
#pragma once

#include <emmintrin.h>

#include "core/base/group_plain.hh"

namespace tern {

struct GroupSse2 {
    explicit GroupSse2(const u8* controls)
        : controls_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(controls))) {}

    u32 equal_to(u8 control) const {
        const __m128i wanted = _mm_set1_epi8(static_cast<char>(control));
        return static_cast<u32>(_mm_movemask_epi8(_mm_cmpeq_epi8(controls_, wanted)));
    }
    u32 empty() const { return equal_to(k_empty); }
    u32 full() const { return static_cast<u32>(_mm_movemask_epi8(controls_)); }

private:
    __m128i controls_;
};

}  // namespace tern
