// Who is at which link address: the states of RFC 4861 7.3.2, for either family, so for ARP as
// well. The cache decides and keeps time; asking and sending are its caller's (resolver.hh).
#pragma once

#include <array>
#include <limits>

#include "core/base/flow_table.hh"
#include "core/base/pool.hh"
#include "core/base/siphash.hh"
#include "core/base/timer_wheel.hh"
#include "core/event/context.hh"
#include "core/packet/waiting_share.hh"

namespace tern::inet {

enum class NeighborState : u8 {
    Incomplete,  // being asked for; packets wait
    Reachable,   // known, and lately confirmed
    Stale,       // known; to be verified when it is used
    Delay,       // used while stale: a transport may still confirm it
    Probe,       // being verified by unicast requests
    Failed,      // did not answer
};

struct Neighbor {
    IpAddress address;
    u8 interface = 0;
    NeighborState state = NeighborState::Incomplete;
    bool permanent = false;  // an administrator's: neither verified, merged nor evicted
    bool confirmed = false;  // it has answered us, or a transport has made progress through it
    u8 tries = 0;            // requests without an answer
    MacAddress mac;
    Instant reachable_until{};
    Instant used_at = k_never;
    Instant asked_at = k_never;
    TimerNode timer;
    WaitingShare::Queue waiting;  // IP packets
    // Who gives way to whom when the cache is full (RFC 6583 7.1).
    enum class Line : u8 { None, Unresolved, Learned, Confirmed } line = Line::None;
    Handle<Neighbor> newer, older;  // in its line

    bool known() const {
        return state != NeighborState::Incomplete && state != NeighborState::Failed;
    }
    static constexpr Instant k_never{Duration{std::numeric_limits<i64>::min() / 2}};
};

// What the caller of the cache is to do about a neighbour.
enum class Ask : u8 {
    Nothing,
    Everybody,  // broadcast a request
    Itself,     // send a request to its link address
    GaveUp,     // state is Failed: what waits will not leave
};

class NeighborCache {
public:
    static constexpr Duration k_retransmit = std::chrono::seconds(1);  // [RFC1122:20]
    static constexpr Duration k_reachable = std::chrono::seconds(30);  // RFC 4861 10
    static constexpr Duration k_delay_first_probe = std::chrono::seconds(5);
    static constexpr u8 k_tries = 3;

    explicit NeighborCache(Context& context);

    Handle<Neighbor> find(u8 interface, const IpAddress& address) const;
    // `known`: its link address comes with it; otherwise it has to be asked for. May evict another
    // entry, whose waiting packets lost(Neighbor&) takes away; `evictions()` then grows. 0: no
    // room.
    template <class Lost>
    Handle<Neighbor> find_or_add(u8 interface, const IpAddress& address, bool known, Lost&& lost);
    Neighbor& operator[](Handle<Neighbor> i) { return pool_[i]; }
    bool is_live(Handle<Neighbor> i) const { return i != 0 && pool_.is_live(i); }
    u32 size() const { return pool_.in_use(); }
    u64 evictions() const { return evictions_; }
    // Forgets everybody but the permanent ones. lost(Neighbor&) takes away what waited.
    template <class Lost>
    void flush(Lost&& lost);

    // A packet is about to go to `i`; true: send it to its link address, false: let it wait.
    // `ask` says what to do besides.
    bool use(Handle<Neighbor> i, Ask& ask);
    // The link address was learned. `solicited`: it is the answer to a request of ours. What
    // waits may leave afterwards.
    void learn(Handle<Neighbor> i, const MacAddress& mac, bool solicited);
    void confirm(Handle<Neighbor> i);
    Ask suspect(Handle<Neighbor> i);
    void make_permanent(Handle<Neighbor> i, const MacAddress& mac);

    // To context.now: due(Handle, Ask) for every timer that wants something done.
    template <class Due>
    void advance(Due&& due);
    Instant next_deadline() const;

private:
    struct HashOf {
        using Value = Handle<Neighbor>;
        const NeighborCache* cache;
        u64 operator()(Value i) const {
            const Neighbor& n = cache->pool_[i];
            return cache->hash(n.interface, n.address);
        }
    };
    struct NodeOf {
        using Id = Handle<Neighbor>;
        NeighborCache* cache;
        TimerNode& operator()(Id i) const { return cache->pool_[i].timer; }
    };

    u64 hash(u8 interface, const IpAddress& address) const {
        return siphash13(key_, u64{interface}, address.high(), address.low());
    }
    u32 tick_now() const { return static_cast<u32>(milliseconds_of(context_->now)); }
    void catch_up();
    void arm(Handle<Neighbor> i, Instant at);
    void became_reachable(Handle<Neighbor> i);
    Ask start(Handle<Neighbor> i);
    Ask expired(Handle<Neighbor> i);
    // Entries of one kind, by age; those that were found in use stand at the end again.
    struct Line {
        Handle<Neighbor> newest, oldest;
        u32 count = 0;
    };
    Line& line(Neighbor::Line l) { return lines_[static_cast<u8>(l)]; }
    bool in_use(const Neighbor& n) const;
    bool full() const { return pool_.in_use() >= context_->limits.neighbors; }
    Handle<Neighbor> add(u8 interface, const IpAddress& address);
    Handle<Neighbor> to_evict(bool known);
    Handle<Neighbor> oldest_idle(Neighbor::Line of);
    void settle(Handle<Neighbor> i);
    void link_newest(Handle<Neighbor> i, Neighbor::Line to);
    void link_oldest(Handle<Neighbor> i, Neighbor::Line to);
    void unlink(Handle<Neighbor> i);
    void forget(Handle<Neighbor> i);

    Context* context_;
    SipKey key_;
    Pool<Neighbor> pool_;
    FlowTable<HashOf> table_;
    TimerWheel<NodeOf> wheel_;     // in milliseconds
    std::array<Line, 4> lines_{};  // by Neighbor::Line
    u64 evictions_ = 0;
};

template <class Lost>
Handle<Neighbor> NeighborCache::find_or_add(u8 interface, const IpAddress& address, bool known,
                                            Lost&& lost) {
    if (const Handle<Neighbor> found = find(interface, address)) return found;
    if (full()) {
        const Handle<Neighbor> leaves = to_evict(known);
        if (leaves == 0) return 0;
        lost(pool_[leaves]);
        forget(leaves);
        ++evictions_;
    }
    return add(interface, address);
}

template <class Lost>
void NeighborCache::flush(Lost&& lost) {
    pool_.for_each([&](Handle<Neighbor> i) {
        Neighbor& n = pool_[i];
        if (n.permanent) return;
        lost(n);
        forget(i);
    });
}

template <class Due>
void NeighborCache::advance(Due&& due) {
    wheel_.advance(tick_now(), [&](Handle<Neighbor> i) {
        const Ask ask = expired(i);
        if (ask != Ask::Nothing) due(i, ask);
    });
}

}  // namespace tern::inet
