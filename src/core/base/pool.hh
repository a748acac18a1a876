// Records of one type, named by a 32-bit Handle instead of a pointer. Memory comes in slabs under a
// budget, elements never move, and an empty pool owns nothing. A freed element is the next one that
// is handed out, because it is still in the cache.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/base/assert.hh"
#include "core/base/handle.hh"
#include "core/base/poison.hh"
#include "core/base/remains.hh"
#include "tern/int.hh"
#include "tern/packet_batch.hh"

namespace tern {

// The directory has an entry for every 64 elements, so that one word says which of them live and
// [i] is a shift, a mask and one load. Slabs cover 1, 1, 2, 4, ... entries up to about 64 KiB: a
// small stack pays for 64 elements, a large one does not pay for many calls of the allocator. A
// large directory doubles without a stall: before it is full the next one stands beside it, and
// each new slab copies a part.
template <class T>
class Pool {
public:
    using Id = Handle<T>;

    explicit Pool(MemoryBudget& budget) : budget_(&budget) {}
    ~Pool() {
        if constexpr (!std::is_trivially_destructible_v<T>) {
            for_each([this](Id id) { std::destroy_at(&slot(id.index).value); });
        }
        for (u32 at = 0, count; at < chunks_; at += count) {
            count = slab_chunks(at);
            unpoison(directory_[at].slots, count * k_chunk_bytes);
            std::free(directory_[at].slots);
            budget_->give_back(count * k_chunk_bytes);
        }
        for (Chunk* d : {directory_, next_}) std::free(d);
        budget_->give_back(directory_bytes());
        remains_.give_back_all(*budget_);
    }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // A value-initialised element, or 0 when the memory ceiling refuses.
    Id allocate() {
        u32 i = free_;
        if (i != 0) {
            unpoison(&slot(i), sizeof(Slot));
            free_ = slot(i).next_free;
        } else {
            if (fresh_ == chunks_ * k_chunk && !grow()) return 0;
            i = fresh_++;
            unpoison(&slot(i), sizeof(Slot));
        }
        std::construct_at(&slot(i).value);
        turn_live(i);
        ++in_use_;
        return Id(i);
    }

    // Destroys the element. Its bytes must not be read again: AddressSanitizer reports that.
    void free(Id id) {
        check(is_live(id));
        const u32 i = id.index;
        Slot& s = slot(i);
        std::destroy_at(&s.value);
        s.next_free = free_;
        poison(&s, sizeof(Slot));
        free_ = i;
        turn_live(i);
        --in_use_;
    }

    T& operator[](Id id) {
        debug_check(is_live(id));
        return slot(id.index).value;
    }
    const T& operator[](Id id) const {
        debug_check(is_live(id));
        return slot(id.index).value;
    }

    // Starts the cache line that begins `offset` bytes into the element, which need not live.
    [[gnu::always_inline]] void prefetch(Id id, u64 offset = 0) const {
        if (id.index / k_chunk < chunks_)
            __builtin_prefetch(reinterpret_cast<const char*>(&slot(id.index)) + offset);
    }

    bool is_live(Id id) const {
        const u32 i = id.index;
        return i / k_chunk < chunks_ && (directory_[i / k_chunk].live & bit_of(i)) != 0;
    }
    u32 in_use() const { return in_use_; }
    u64 bytes() const { return chunks_ * k_chunk_bytes + directory_bytes() + remains_.bytes; }
    // Elements that fit the memory held now.
    u32 capacity() const { return chunks_ == 0 ? 0 : chunks_ * k_chunk - 1; }

    // f(Id) for every live element, by rising index. f may free any element and allocate; an
    // element allocated meanwhile may be visited or not.
    template <class F>
    void for_each(F&& f) const {
        for (u32 c = 0; c < chunks_; ++c) {
            for (u64 bits = directory_[c].live; bits != 0; bits &= bits - 1) {
                const Id id(c * k_chunk + static_cast<u32>(std::countr_zero(bits)));
                if (is_live(id)) f(id);
            }
        }
    }

private:
    union Slot {
        Slot() {}
        ~Slot() {}
        T value;
        u32 next_free;
    };
    struct Chunk {
        Slot* slots;
        u64 live;  // one bit per element
    };
    static constexpr u32 k_chunk = 64;
    static constexpr u64 k_chunk_bytes = k_chunk * sizeof(Slot);
    static constexpr u64 k_slab_bytes = 64 * 1024;
    static constexpr u32 k_chunks_max = (1u << 31) / k_chunk;
    static constexpr u32 k_large = 4096;      // entries of a directory that is not copied at once
    static constexpr u32 k_copied_each = 16;  // then, for each new one; 8 would be enough
    // A cache line at least, so that a 64-byte record is one line whatever alignof says.
    static constexpr std::size_t k_alignment = std::max<std::size_t>(64, alignof(T));

    static constexpr u64 bit_of(u32 i) { return u64{1} << (i % k_chunk); }
    // Chunks in the slab that begins at chunk `at`; the destructor relies on this being a rule.
    static constexpr u32 slab_chunks(u32 at) {
        constexpr u32 most = std::max<u32>(1, static_cast<u32>(k_slab_bytes / k_chunk_bytes));
        return std::clamp<u32>(std::bit_floor(at), 1, std::bit_floor(most));
    }

    Slot& slot(u32 i) const { return directory_[i / k_chunk].slots[i % k_chunk]; }

    void turn_live(u32 i) {
        const u32 c = i / k_chunk;
        directory_[c].live ^= bit_of(i);
        if (c < copied_) [[unlikely]]
            next_[c].live = directory_[c].live;
    }

    bool grow() {
        const u32 count = slab_chunks(chunks_);
        if (chunks_ >= k_chunks_max || !grow_directory(chunks_ + count)) return false;
        const u64 bytes = count * k_chunk_bytes;
        if (!budget_->take(bytes)) return false;
        auto* slots = static_cast<Slot*>(std::aligned_alloc(k_alignment, bytes));
        if (slots == nullptr) {
            budget_->give_back(bytes);
            return false;
        }
        poison(slots, bytes);
        for (u32 i = 0; i < count; ++i) directory_[chunks_ + i] = {slots + i * k_chunk, 0};
        if (chunks_ == 0) fresh_ = 1;  // 0 means "none"
        chunks_ += count;
        prepare_next(count * k_copied_each);
        return true;
    }

    u32 next_room() const { return std::max<u32>(4, directory_room_ * 2); }
    u64 directory_bytes() const {
        return (directory_room_ + (next_ != nullptr ? next_room() : 0)) * sizeof(Chunk);
    }

    bool grow_directory(u32 needed) {
        if (needed <= directory_room_) return true;
        if (!begin_next()) return false;
        copy_to_next(chunks_);
        remains_.give_back_all(*budget_);
        remains_ = {directory_, directory_room_ * sizeof(Chunk)};
        directory_room_ = next_room();
        directory_ = std::exchange(next_, nullptr);
        copied_ = 0;
        return true;
    }

    // The share of one new slab.
    void prepare_next(u32 most) {
        if (remains_.bytes != 0) [[unlikely]]
            remains_.give_back(*budget_);
        if (directory_room_ < k_large || chunks_ < directory_room_ / 8 * 7) return;
        if (begin_next()) copy_to_next(most);
    }

    bool begin_next() {
        if (next_ != nullptr) return true;
        const u64 bytes = next_room() * sizeof(Chunk);
        if (!budget_->take(bytes)) return false;
        next_ = static_cast<Chunk*>(std::malloc(bytes));
        if (next_ == nullptr) budget_->give_back(bytes);
        return next_ != nullptr;
    }

    void copy_to_next(u32 most) {
        const u32 count = std::min(most, chunks_ - copied_);
        std::copy_n(directory_ + copied_, count, next_ + copied_);
        copied_ += count;
    }

    MemoryBudget* budget_;
    Chunk* directory_ = nullptr;
    u32 directory_room_ = 0;
    u32 chunks_ = 0;
    Chunk* next_ = nullptr;  // the directory to come
    u32 copied_ = 0;         // of its entries
    Remains remains_;        // of the directory before
    u32 free_ = 0;           // most recently freed; the rest hang behind it
    u32 fresh_ = 0;          // first element never handed out
    u32 in_use_ = 0;
};

}  // namespace tern
