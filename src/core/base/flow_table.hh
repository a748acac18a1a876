// The table that finds a flow: open addressing by groups of sixteen slots (the "Swiss table" of
// Kulukundis, 2017). A slot is a 32-bit value, a handle of some kind that the table does not
// interpret, and a control byte with seven bits of its hash; keys stay in the records. At 7/8 full
// an entry costs under six bytes, in a large table never above 7.7. The table grows without a
// stall: old and new stand side by side, and every insert and erase moves one group over. The hash
// is the caller's and should be keyed.
#pragma once

#include <bit>
#include <cstdlib>
#include <utility>

#include "core/base/assert.hh"
#include "core/base/group_plain.hh"
#if defined(__SSE2__)
#include "core/base/group_sse2.hh"
#endif
#include "core/base/remains.hh"
#include "tern/int.hh"
#include "tern/packet_batch.hh"

namespace tern {

#if defined(__SSE2__)
using GroupNative = GroupSse2;
#else
using GroupNative = GroupPlain;
#endif

// HashOf names the type of the values, Value, and recomputes the hash of one in the table: u64
// operator()(Value). It is called from
// insert() and erase(), so a record must stay readable until its value is erased. Where it has a
// prefetch(Value), that is called for what the next insert or erase will move. (Always inline:
// GCC 12 takes a function that only prefetches for one without effect, and drops calls to it.)
template <class HashOf, class Group = GroupNative>
class FlowTable {
public:
    using Value = typename HashOf::Value;  // Value{} is none
    static_assert(sizeof(Value) == 4);

    FlowTable(MemoryBudget& budget, HashOf hash_of)
        : budget_(&budget), hash_of_(std::move(hash_of)) {}
    ~FlowTable() {
        release(table_);
        release(old_);
        for (Remains& r : remains_) r.give_back_all(*budget_);
    }
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    // The value for which eq(value) holds, or none. eq is asked about values whose hash agrees in
    // place and in seven more bits: nearly always only the right one.
    template <class Eq>
    Value find(u64 hash, Eq&& eq) const {
        if (const Value* place = search(table_, hash, eq)) return *place;
        if (migrating()) [[unlikely]]
            if (const Value* place = search(old_, hash, eq)) return *place;
        return Value{};
    }

    // value is not none and not in the table. False when the table is full and the memory ceiling
    // refuses a larger one; nothing has changed then.
    bool insert(u64 hash, Value value) {
        debug_check(value != Value{});
        do_some_housekeeping();
        if (!put(table_, hash, value)) {
            if (!make_room() || !put(table_, hash, value)) return false;
        }
        ++size_;
        return true;
    }

    // False when the value is not there.
    bool erase(u64 hash, Value value) {
        do_some_housekeeping();
        const auto same = [value](Value v) { return v == value; };
        if (const Value* place = search(table_, hash, same)) {
            remove(table_, place);
        } else if (const Value* old_place = search(old_, hash, same)) {
            remove(old_, old_place);
        } else {
            return false;
        }
        --size_;
        return true;
    }

    // Puts another value, which has the same hash, in the place of old_value.
    bool replace(u64 hash, Value old_value, Value new_value) {
        debug_check(new_value != Value{});
        const auto same = [old_value](Value v) { return v == old_value; };
        const Value* place = search(table_, hash, same);
        if (place == nullptr) place = search(old_, hash, same);
        if (place == nullptr) return false;
        *const_cast<Value*>(place) = new_value;
        return true;
    }

    u64 size() const { return size_; }
    u64 bytes() const { return (table_.groups + old_.groups) * (k_control_bytes + k_value_bytes); }
    bool migrating() const { return old_.groups != 0; }

    // Starts the two cache lines that find() will need. For a batch: prefetch all, then find all
    // with an eq that says yes and prefetch those records, then find all in earnest.
    [[gnu::always_inline]] void prefetch(u64 hash) const {
        if (table_.groups == 0) return;
        const u64 g = home(table_, hash);
        __builtin_prefetch(table_.controls + g * k_group_slots);
        __builtin_prefetch(table_.values + g * k_group_slots);
    }

    // f(value) for every value. f must not insert or erase.
    template <class F>
    void for_each(F&& f) const {
        for (const Table* t : {&table_, &old_}) {
            for (u64 g = 0; g < t->groups; ++g) {
                u32 full = Group{t->controls + g * k_group_slots}.full();
                for (; full != 0; full &= full - 1) f(t->values[slot_at(g, full)]);
            }
        }
    }

private:
    struct Table {
        u8* controls = nullptr;   // sixteen per group: one load each
        Value* values = nullptr;  // sixteen per group: one cache line each
        u64 groups = 0;           // see larger(); at most 2^32
        u64 used = 0;             // full slots and tombstones
        u64 full = 0;

        u64 slots() const { return groups * k_group_slots; }
        u64 used_max() const { return slots() - slots() / 8; }
    };
    static constexpr u64 k_control_bytes = k_group_slots * sizeof(u8);  // of one group
    static constexpr u64 k_value_bytes = k_group_slots * sizeof(Value);

    static u8 control_of(u64 hash) { return static_cast<u8>(k_full | (hash & 0x7f)); }
    // The upper half of the hash, scaled to the number of groups.
    static u64 home(const Table& t, u64 hash) { return (hash >> 32) * t.groups >> 32; }
    // A small table doubles. A large one grows by a third, so that an entry never costs more than
    // 4/3 of what it costs in a full one.
    static u64 larger(u64 groups) {
        constexpr u64 k_large = 1024;
        if (groups == 0) return 1;
        return groups < k_large ? groups * 2 : groups + groups / 3;
    }
    static u64 slot_at(u64 group, u32 mask) {
        return group * k_group_slots + static_cast<u32>(std::countr_zero(mask));
    }

    // Calls f(group number, group) along the probe path of the hash, from its home to the right and
    // around, until it returns true. The next control bytes are in the same cache line as often as
    // not.
    template <class F>
    static void probe(const Table& t, u64 hash, F&& f) {
        u64 g = home(t, hash);
        for (u64 step = 1; !f(g, Group{t.controls + g * k_group_slots}); ++step) {
            debug_check(step <= t.groups);
            if (++g == t.groups) g = 0;
        }
    }

    // A group with an empty slot ends the search: an entry that had come this way would be there.
    template <class Eq>
    static const Value* search(const Table& t, u64 hash, Eq&& eq) {
        if (t.groups == 0) return nullptr;
        const Value* found = nullptr;
        probe(t, hash, [&](u64 g, Group group) {
            for (u32 m = group.equal_to(control_of(hash)); m != 0; m &= m - 1) {
                const Value* place = t.values + slot_at(g, m);
                if (eq(*place)) {
                    found = place;
                    return true;
                }
            }
            return group.empty() != 0;
        });
        return found;
    }

    // Takes the first slot on the path that is not full. False when that would use up the empty
    // slots that searches need to end.
    static bool put(Table& t, u64 hash, Value value) {
        if (t.groups == 0) return false;
        u64 slot = 0;
        probe(t, hash, [&](u64 g, Group group) {
            const u32 free = ~group.full() & 0xffff;
            if (free != 0) slot = slot_at(g, free);
            return free != 0;
        });
        if (t.controls[slot] == k_empty) {
            if (t.used == t.used_max()) return false;
            ++t.used;
        }
        ++t.full;
        t.controls[slot] = control_of(hash);
        t.values[slot] = value;
        return true;
    }

    // Where the group has an empty slot, no search goes past it and the place is as good as new.
    static void remove(Table& t, const Value* place) {
        const u64 slot = static_cast<u64>(place - t.values);
        const bool passed = Group{t.controls + slot / k_group_slots * k_group_slots}.empty() == 0;
        t.controls[slot] = passed ? k_tombstone : k_empty;
        if (!passed) --t.used;
        --t.full;
    }

    // Starts to move into a larger table, or one of the same size if that sheds enough tombstones.
    // Moving takes one operation per group of the old table, that is at most a sixteenth of its
    // slots, and the new one has more room than that even if each of those operations uses up a
    // slot for good.
    bool make_room() {
        finish_housekeeping();
        if (table_.used < table_.used_max()) return true;
        const u64 tombstones = table_.used - table_.full;
        Table next;
        const bool same_is_enough = tombstones > table_.slots() / 4;
        if (same_is_enough || !acquire(next, larger(table_.groups))) {
            if (tombstones < table_.slots() / 8 || !acquire(next, table_.groups)) return false;
        }
        old_ = std::exchange(table_, next);
        next_group_ = 0;
        if (migrating()) migrate_group();
        return true;
    }

    // The share of one insert or erase: moves a group, or gives a piece of memory back.
    void do_some_housekeeping() {
        if (migrating()) [[unlikely]] {
            migrate_group();
        } else if (remains_[0].bytes + remains_[1].bytes != 0) [[unlikely]] {
            (remains_[0].bytes != 0 ? remains_[0] : remains_[1]).give_back(*budget_);
        }
    }
    // Only a table that is full again much too soon has any left.
    void finish_housekeeping() {
        while (migrating()) migrate_group();
        for (Remains& r : remains_) r.give_back_all(*budget_);
    }

    // Homes are in the order of hashes, in the old table and in the new one: so both are walked
    // from left to right, and only the records are all over the memory.
    void migrate_group() {
        for (u32 full = full_of_old(next_group_); full != 0; full &= full - 1) {
            const Value* place = old_.values + slot_at(next_group_, full);
            check(put(table_, hash_of_(*place), *place));
            remove(old_, place);
        }
        if (next_group_ + 1 != old_.groups) prefetch_records(next_group_ + 1);
        if (++next_group_ != old_.groups) return;
        remains_[0] = {old_.values, old_.groups * k_value_bytes};
        remains_[1] = {old_.controls, old_.groups * k_control_bytes};
        old_ = Table{};
    }

    u32 full_of_old(u64 group) const { return Group{old_.controls + group * k_group_slots}.full(); }
    [[gnu::always_inline]] void prefetch_records(u64 group) const {
        if constexpr (requires { hash_of_.prefetch(Value{}); }) {
            for (u32 full = full_of_old(group); full != 0; full &= full - 1)
                hash_of_.prefetch(old_.values[slot_at(group, full)]);
        }
    }

    // The control bytes come zeroed, that is empty, from calloc: for a large table these are fresh
    // pages of the operating system, so nothing is written in one go. Values need no clearing.
    bool acquire(Table& t, u64 groups) {
        if (groups == 0 || !budget_->take(groups * (k_control_bytes + k_value_bytes))) return false;
        t.groups = groups;
        t.controls = static_cast<u8*>(std::calloc(groups, k_control_bytes));
        t.values = static_cast<Value*>(std::aligned_alloc(k_value_bytes, groups * k_value_bytes));
        if (t.controls != nullptr && t.values != nullptr) return true;
        release(t);
        return false;
    }

    void release(Table& t) {
        std::free(t.controls);
        std::free(t.values);
        budget_->give_back(t.groups * (k_control_bytes + k_value_bytes));
        t = Table{};
    }

    MemoryBudget* budget_;
    [[no_unique_address]] HashOf hash_of_;
    Table table_;
    Table old_;           // being emptied into table_; no groups: none
    u64 next_group_ = 0;  // of old_, to be moved next
    Remains remains_[2];  // of the table that was emptied last
    u64 size_ = 0;
};

}  // namespace tern
