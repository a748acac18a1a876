// An array on its way back to the allocator. To unmap megabytes at once takes the operating system
// most of a millisecond; hence pieces.
#pragma once

#include <cstdlib>

#include "tern/packet_batch.hh"

namespace tern {

struct Remains {
    static constexpr u64 k_piece = 64 * 1024;

    void* memory = nullptr;
    u64 bytes = 0;  // 0: nothing is left

    void give_back(MemoryBudget& budget, u64 piece = k_piece) {
        if (bytes <= piece) {
            std::free(memory);
            budget.give_back(bytes);
            *this = {};
        } else if (void* rest = std::realloc(memory, bytes - piece)) {
            budget.give_back(piece);
            *this = {rest, bytes - piece};
        }
    }
    void give_back_all(MemoryBudget& budget) { give_back(budget, bytes); }
};

}  // namespace tern
