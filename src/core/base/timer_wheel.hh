// A hierarchical timing wheel (Varghese and Lauck, 1987) over 32-bit ticks that wrap. The nodes
// live in the caller's records, so arming a timer allocates nothing. Six levels of 64 slots; a word
// of occupancy bits per level lets the wheel jump over empty time instead of walking it.
#pragma once

#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <utility>

#include "core/base/assert.hh"
#include "tern/int.hh"

namespace tern {

// Belongs to the wheel while armed; value-initialised before its first use.
struct TimerNode {
    static constexpr u16 none = 0xffff;  // not armed

    u32 next = 0;
    u32 prev = 0;
    u32 deadline = 0;
    u16 slot = none;
    u16 visit = 0;  // when it fired last; see TimerWheel::visit_
};
static_assert(sizeof(TimerNode) == 16);

// NodeOf names the type of the handles, Id, and finds a node: TimerNode& operator()(Id). Where it
// has a prefetch(Id), that is called
// for the node that may fire or move next (always inline; flow_table.hh says why). Every operation
// is O(1), amortised: a node moves down at most five levels between set() and its end.
//
// A deadline lies at most 2^31 - 1 ticks ahead of now(), which during advance() is the tick being
// fired, and advance() is called at least as often as that.
// Where a node stands follows from the highest 6-bit digit in which its deadline differs from now;
// level 0 holds one tick per slot. So all of a level is earlier than all of the next one, and all
// nodes with one deadline share one slot, in the order they were set.
template <class NodeOf>
class TimerWheel {
public:
    using Id = typename NodeOf::Id;

    TimerWheel(NodeOf node_of, u32 now_tick)
        : node_of_(std::move(node_of)), now_(now_tick), target_(now_tick) {}
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // Arms, or moves. A deadline that is not after now counts as now and fires at the next
    // advance(), or in the running one. Setting the deadline a node already has changes nothing.
    void set(Id id, u32 deadline) {
        TimerNode& node = node_of_(id);
        if (ahead(deadline) <= 0) deadline = earliest_for(node);
        if (node.slot != TimerNode::none) {
            if (node.deadline == deadline) return;
            unlink(node);
        } else {
            ++size_;
        }
        node.deadline = deadline;
        append(id.index, node);
    }

    void cancel(Id id) {
        TimerNode& node = node_of_(id);
        if (node.slot == TimerNode::none) return;
        unlink(node);
        node.slot = TimerNode::none;
        --size_;
    }

    bool armed(Id id) const { return node_of_(id).slot != TimerNode::none; }
    u32 size() const { return size_; }
    u32 now() const { return now_; }

    // When to call advance() next. Never later than the earliest deadline; earlier only when that
    // one was cancelled out of a crowded slot, and then advance() makes the answer exact again. At
    // once, after an advance() that has left something.
    std::optional<u32> next_deadline() const {
        if (spreading_ != TimerNode::none) return now_;
        const u32 level = first_level();
        if (level == k_levels) return std::nullopt;
        const u32 digit = first_digit(level);
        return level == 0 ? (now_ & ~u32{63}) | digit : earliest_in(level, digit);
    }

    // Moves now to now_tick and calls fire(Id) for every node that is due, in deadline order and
    // among equals in the order they were set; the node is out of the wheel before the call. fire
    // may set and cancel any node, its own too, but must not call advance(). What it sets for
    // now_tick or earlier fires in this same call, with one exception that keeps the call finite: a
    // node that has fired at a tick fires again only at a later one, so a timer that always asks
    // for "now" is put off to now_tick and then to the tick after it.
    // With `most` it fires or moves so many nodes and no more, however many are due. Then now()
    // stays behind, at the tick of what is left, and the next call goes on from there. False: there
    // may be something left.
    template <class Fire>
    bool advance(u32 now_tick, Fire&& fire, u32 most = std::numeric_limits<u32>::max()) {
        debug_check(!advancing_);
        target_ = ahead(now_tick) > 0 ? now_tick : now_;
        work_ = most;
        advancing_ = true;
        while (step_to_next_slot()) {
            if (++visit_ == 0) ++visit_;
            List& due = lists_[now_ & 63];
            while (due.head != 0 && work_ != 0) {
                --work_;
                const Id id(due.head);
                TimerNode& node = node_of_(id);
                prefetch(node.next);
                unlink(node);
                node.slot = TimerNode::none;
                node.visit = visit_;
                --size_;
                fire(id);
            }
        }
        advancing_ = false;
        if (work_ == 0) return false;
        now_ = target_;
        return true;
    }

private:
    static constexpr u32 k_levels = 6;
    static constexpr u32 k_slots = 5 * 64 + 4;  // the highest level has the two bits that are left
    static constexpr u32 k_walk = 8;            // nodes that next_deadline() may look at

    struct List {
        u32 head = 0;
        u32 tail = 0;
    };

    TimerNode& node_at(u32 i) const { return node_of_(Id(i)); }
    [[gnu::always_inline]] void prefetch(u32 i) const {
        if constexpr (requires { node_of_.prefetch(Id{}); }) node_of_.prefetch(Id(i));
    }
    i32 ahead(u32 tick) const { return static_cast<i32>(tick - now_); }
    static constexpr u64 bit(u32 digit) { return u64{1} << digit; }
    static constexpr u32 digit_of(u32 tick, u32 level) { return tick >> (6 * level) & 63; }

    // The tick for a node whose deadline has come.
    u32 earliest_for(const TimerNode& node) const {
        if (!advancing_ || node.visit != visit_) return now_;
        return now_ == target_ ? now_ + 1 : target_;
    }

    u32 first_level() const {
        u32 level = 0;
        while (level < k_levels && occupied_[level] == 0) ++level;
        return level;
    }
    // The earliest occupied digit of a level; only the highest level wraps around.
    u32 first_digit(u32 level) const {
        if (level < k_levels - 1) return static_cast<u32>(std::countr_zero(occupied_[level]));
        const u32 from = digit_of(now_, level);
        const u64 twice = occupied_[level] | occupied_[level] << 4;
        return (from + static_cast<u32>(std::countr_zero(twice >> from))) & 3;
    }

    void append(u32 i, TimerNode& node) {
        const u32 differs = node.deadline ^ now_;
        const u32 level = differs == 0 ? 0 : (31 - static_cast<u32>(std::countl_zero(differs))) / 6;
        const u32 digit = digit_of(node.deadline, level);
        const u32 slot = level * 64 + digit;
        List& list = lists_[slot];
        node.slot = static_cast<u16>(slot);
        node.next = 0;
        node.prev = list.tail;
        if (list.tail != 0) {
            node_at(list.tail).next = i;
            if (node.deadline < earliest_[slot]) {  // no slot spans the wrap
                earliest_[slot] = node.deadline;
                inexact_[level] &= ~bit(digit);
            }
        } else {
            list.head = i;
            earliest_[slot] = node.deadline;
            inexact_[level] &= ~bit(digit);
            occupied_[level] |= bit(digit);
        }
        list.tail = i;
    }

    void unlink(TimerNode& node) {
        List& list = lists_[node.slot];
        (node.prev != 0 ? node_at(node.prev).next : list.head) = node.next;
        (node.next != 0 ? node_at(node.next).prev : list.tail) = node.prev;
        const u32 level = node.slot / 64;
        const u64 mask = bit(node.slot % 64);
        if (list.head == 0) {
            occupied_[level] &= ~mask;
        } else if (node.deadline == earliest_[node.slot]) {
            inexact_[level] |= mask;
        }
    }

    // Looks for the exact deadline in a slot that lost its earliest node. In a crowded slot the old
    // one stays, as a bound: looking is worth less than waking up once for nothing.
    u32 earliest_in(u32 level, u32 digit) const {
        const u32 slot = level * 64 + digit;
        if ((inexact_[level] & bit(digit)) == 0) return earliest_[slot];
        inexact_[level] &= ~bit(digit);
        u32 i = lists_[slot].head;
        u32 found = node_at(i).deadline;
        for (u32 seen = 0; seen < k_walk; ++seen) {
            const TimerNode& node = node_at(i);
            if (node.deadline < found) found = node.deadline;
            if (node.next == 0) return earliest_[slot] = found;
            i = node.next;
        }
        return earliest_[slot];
    }

    // Moves now to the start of the next occupied slot, spreading slots of the upper levels on the
    // way, until that is a tick with nodes to fire; false when none is due by target_, or enough
    // was done.
    bool step_to_next_slot() {
        spread();
        for (u32 level; work_ != 0 && (level = first_level()) != k_levels;) {
            const u32 shift = 6 * level;
            const u32 digit = first_digit(level);
            const u32 start = ((now_ >> shift & ~u32{63}) | digit) << shift;
            if (static_cast<i32>(target_ - start) < 0) return false;
            now_ = start;
            if (level == 0) return true;
            spreading_ = static_cast<u16>(level * 64 + digit);
            spread();
        }
        return false;
    }

    // now has entered the slot, so its nodes belong to lower levels; their order is kept. Nothing
    // fires before all have moved, for any of them may be the earliest.
    void spread() {
        if (spreading_ == TimerNode::none) return;
        List& list = lists_[spreading_];
        while (list.head != 0 && work_ != 0) {
            --work_;
            const u32 i = list.head;
            TimerNode& node = node_at(i);
            prefetch(node.next);
            list.head = node.next;
            (node.next != 0 ? node_at(node.next).prev : list.tail) = 0;
            append(i, node);
        }
        if (list.head != 0) return;
        occupied_[spreading_ / 64] &= ~bit(spreading_ % 64);
        spreading_ = TimerNode::none;
    }

    [[no_unique_address]] NodeOf node_of_;
    u32 now_;
    u32 target_;    // where the running advance() is going
    u32 work_ = 0;  // nodes that it may still touch
    u32 size_ = 0;
    u16 spreading_ = TimerNode::none;  // the slot that now has entered and that has nodes yet
    bool advancing_ = false;
    // Counts the ticks at which nodes were fired. A node with the current number has fired at this
    // tick. (After 65535 more visits an idle node can be taken for one, and is put off once.)
    u16 visit_ = 0;
    std::array<u64, k_levels> occupied_{};         // which slots have nodes
    mutable std::array<u64, k_levels> inexact_{};  // which lost the node that earliest_ speaks of
    std::array<List, k_slots> lists_{};
    mutable std::array<u32, k_slots> earliest_{};  // at most the earliest deadline in the slot
};

}  // namespace tern
