// A queue in a circle. Its first few elements live in itself; beyond them it doubles under a
// budget.
#pragma once

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "core/base/assert.hh"
#include "tern/packet_batch.hh"

namespace tern {

template <class T, u32 k_few>
class Ring {
    static_assert(std::is_trivially_copyable_v<T> && std::has_single_bit(k_few));

public:
    Ring() = default;
    ~Ring() { release(); }
    Ring(const Ring&) = delete;

    u32 size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](u32 n) { return data()[(head_ + n) & (room_ - 1)]; }
    const T& operator[](u32 n) const { return const_cast<Ring&>(*this)[n]; }
    T& front() { return (*this)[0]; }
    T& back() { return (*this)[size_ - 1]; }

    // Room for one more; false when the budget refuses, and nothing has changed then.
    bool make_room(MemoryBudget& budget) {
        if (size_ < room_) return true;
        const u64 bytes = u64{room_} * 2 * sizeof(T);
        if (room_ > (1u << 30) || !budget.take(bytes)) return false;
        auto* bigger = static_cast<T*>(std::malloc(bytes));
        if (bigger == nullptr) {
            budget.give_back(bytes);
            return false;
        }
        for (u32 i = 0; i < size_; ++i) std::memcpy(bigger + i, &(*this)[i], sizeof(T));
        release();
        heap_ = bigger;
        budget_ = &budget;
        room_ *= 2;
        head_ = 0;
        return true;
    }
    void push_back(const T& value) { append() = value; }
    T& append() {  // make_room() has said yes
        debug_check(size_ < room_);
        ++size_;
        return back() = T{};
    }
    void pop_front() {
        debug_check(size_ > 0);
        head_ = (head_ + 1) & (room_ - 1);
        --size_;
    }
    void clear() { head_ = size_ = 0; }  // keeps its memory

private:
    T* data() { return heap_ != nullptr ? heap_ : few_.data(); }
    void release() {
        if (heap_ == nullptr) return;
        std::free(heap_);
        budget_->give_back(u64{room_} * sizeof(T));
        heap_ = nullptr;
    }

    T* heap_ = nullptr;
    MemoryBudget* budget_ = nullptr;
    u32 head_ = 0, size_ = 0, room_ = k_few;
    std::array<T, k_few> few_{};
};

}  // namespace tern
