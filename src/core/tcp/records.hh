// The other records: states that need other memory than a Tcb are other types.
#pragma once

#include "core/tcp/ecn/acc_ecn.hh"
#include "core/tcp/receiver/autotuning.hh"
#include "core/tcp/receiver/receive_queue.hh"
#include "core/tcp/tcb.hh"
#include "core/wire/tcp_options.hh"

namespace tern::tcp {

enum class RecordKind : u32 { Tcb = 0, Embryo = 1, TimeWait = 2 };
struct Embryo;
struct TimeWait;

// What the flow table has for a flow: the handle of a record of one of three kinds, or none. The
// kind lies in two bits above the thirty of the handle.
class FlowEntry {
public:
    constexpr FlowEntry() = default;
    constexpr FlowEntry(std::nullptr_t) {}
    constexpr FlowEntry(Handle<Tcb> h) : raw_(h.index) {}
    constexpr FlowEntry(Handle<Embryo> h) : raw_(tagged(RecordKind::Embryo, h.index)) {}
    constexpr FlowEntry(Handle<TimeWait> h) : raw_(tagged(RecordKind::TimeWait, h.index)) {}

    constexpr RecordKind kind() const { return static_cast<RecordKind>(raw_ >> k_index_bits); }
    // None when the record is of another kind.
    constexpr Handle<Tcb> tcb() const { return of_kind<Tcb>(RecordKind::Tcb); }
    constexpr Handle<Embryo> embryo() const { return of_kind<Embryo>(RecordKind::Embryo); }
    constexpr Handle<TimeWait> time_wait() const { return of_kind<TimeWait>(RecordKind::TimeWait); }

    explicit constexpr operator bool() const { return raw_ != 0; }
    friend constexpr bool operator==(FlowEntry, FlowEntry) = default;

private:
    static constexpr u32 k_index_bits = 30;
    static constexpr u32 tagged(RecordKind kind, u32 index) {
        return static_cast<u32>(kind) << k_index_bits | index;
    }
    template <class T>
    constexpr Handle<T> of_kind(RecordKind wanted) const {
        return kind() == wanted ? Handle<T>(raw_ & ~(~u32{0} << k_index_bits)) : Handle<T>{};
    }

    u32 raw_ = 0;
};

inline constexpr u8 k_no_scaling = 15;

// SYN-RECEIVED from a listener: what must be remembered until the third step of the handshake.
struct Embryo {
    FlowKey key;
    Seq irs, iss;
    union {
        u32 ts_recent{};  // with timestamps
        u32 answered_us;  // without: when the SYN-ACK left; 0: more than one did
    };
    u32 deadline = 0;  // tick of the next SYN-ACK
    Handle<Embryo> next, prev;
    u16 peer_mss = 536;
    u8 peer_wind_shift : 4 = 0;  // k_no_scaling: none
    Ecn ecn : 2 = Ecn::Off;
    u8 syn_mark : 2 = 0;        // the IP-ECN field of the SYN
    u8 retries : 3 = 0;         // SYN-ACKs sent again
    u8 ecn_taken_back : 1 = 0;  // a later SYN came without the flags
    u8 wants_cookie : 1 = 0;    // RFC 7413: the SYN-ACK gives one
    u8 sack : 1 = 0;
    u8 timestamps : 1 = 0;
    u8 expired : 1 = 0;  // its timer is not running any more
};
static_assert(sizeof(Embryo) == 64);
// RFC 6298 3: of two SYN-ACKs nobody knows which one was answered. With timestamps the echo tells.
inline void forget_answer_time(Embryo& e) {
    if (!e.timestamps) e.answered_us = 0;
}

// TIME-WAIT: enough to answer a repeated FIN and to judge a new SYN.
struct TimeWait {
    FlowKey key;
    Seq snd_nxt, rcv_nxt;
    u32 ts_recent = 0;
    u32 deadline = 0;
    Handle<TimeWait> next, prev;
    u32 window : 12 = 0;     // in sixteens of what is on the wire
    u32 challenged : 1 = 0;  // a SYN was: a RST may answer
    u32 yields : 1 = 0;      // a RST did: the next SYN may begin a new connection
    u32 ttl : 8 = 64;
    u32 dscp : 6 = 0;
    u32 timestamps : 1 = 0;
    u32 ace : 3 = 0;  // RFC 9768 3.2.2: r.cep as it was last; without Accurate ECN 0
};
static_assert(sizeof(TimeWait) == 64);

struct FastOpenReset;

struct Listener {
    LocalAddress address;
    u16 port = 0;
    bool syn_cookies = true;
    // RFC 4987 3.6: an ACK may bring a cookie back until this second, if one was given at all.
    bool gave_cookies = false;
    u32 cookies_until = 0;
    u32 generation = 0;
    u32 backlog = 0, syn_backlog = 0;
    u32 accept_count = 0, embryos = 0;
    Handle<Tcb> accept_head, accept_tail;  // linked by event_next
    Handle<Listener> event_next;
    bool on_events = false;
    u64 user = 0;
    TcpOptions options;
    // RFC 7413: connections with data in SYN whose handshake is not over, and those that ended by
    // RST: they count a while longer.
    u32 fast_open_limit = 0, fast_open_pending = 0;
    Handle<FastOpenReset> fast_open_resets, fast_open_last_reset;  // in the order of time

    FlowId id() const { return {{address.or_unspecified(), port}, {}}; }
};

// RFC 7413 5.1: the place of a fast open that ended by RST.
struct FastOpenReset {
    u32 until = 0;  // second
    Handle<FastOpenReset> next;
};

// What is remembered of a host beyond its connections (RFC 7413 4.1.3, RFC 9768 3.1.4.1, RFC 9040).
// Until that second it is spared what did not get through to it; 0: it may be tried.
struct KnownHost {
    IpAddress address;
    u32 no_fast_open_until = 0;
    u32 no_ecn_until = 0;     // SYNs with the flags
    u32 no_option_until = 0;  // AccECN options
    u16 mss = 0;
    u8 cookie_length = 0;  // 0: none
    u8 swallowed = 0;      // connections in a row whose SYNs with the flags were not answered
    std::array<u8, 16> cookie{};
};

// The TIME-WAIT in whose place a connection begins.
struct Replaced {
    FlowEntry entry;  // in the flow table
    Seq above;        // RFC 9293 3.4.1 [MUST-8]: the new ISS lies above it
};

// What few connections need.
struct Cold {
    TcpOptions options;  // as the application gave them
    Seq snd_up, rcv_up;  // SND.UP, RCV.UP: the octet behind the urgent data (RFC 6093)
    Seq rcv_up_read;     // position of an urgent byte that was already taken
    bool urgent_taken = false;
    u8 urgent_byte = 0;
    bool has_urgent_byte = false;
    // RFC 5482
    bool user_timeout_due = false;  // the next segment tells ours
    u32 peer_user_timeout = 0;      // seconds; 0: not told
    Duration user_timeout_left{};   // what the User deadline does not reach
    // RFC 7413
    bool fast_open_asks = false;     // our SYN carries the option
    bool fast_open_pending = false;  // counts for the listener's limit
    bool fast_open_cookie = false;   // our SYN-ACK gives a cookie
    bool fast_open_taken = false;    // data in SYN was
    AccEcn acc_ecn;                  // with Ecn::Accurate
};

// What a connection needs that has sizes of its own, or moves bulk data (buffers.cc).
struct Buffers {
    u32 send_fixed = 0;  // TcpOptions::send_buffer; 0: grows with cwnd
    bool receive_fixed = false;
    Autotuning receiving;
    // Counts above 2^32: how often the sequence numbers came round, and where they stood last.
    struct Turns {
        u32 last = 0, turns = 0;
    } acked, received;
    u64 resent = 0;  // bytes
};
static_assert(sizeof(Buffers) <= 64);

// The application's bytes from SND.UNA on, in buffers that segments may leave in.
struct SendQueue {
    Chain chain;
    Seq base;                            // sequence number of the chain's first byte
    PacketDescriptor* cursor = nullptr;  // where the last segment was built
    Seq cursor_seq;                      // sequence number of the cursor's first byte
};

// First in, first out, by handle; for records whose expiry order is their arrival order.
template <class T>
struct AgeList {
    Handle<T> head, tail;
    u32 count = 0;
};

template <class T, class Pool>
void age_push(AgeList<T>& list, Pool& pool, Handle<T> i) {
    auto& r = pool[i];
    r.next = 0;
    r.prev = list.tail;
    (list.tail ? pool[list.tail].next : list.head) = i;
    list.tail = i;
    ++list.count;
}
template <class T, class Pool>
void age_remove(AgeList<T>& list, Pool& pool, Handle<T> i) {
    auto& r = pool[i];
    (r.prev ? pool[r.prev].next : list.head) = r.next;
    (r.next ? pool[r.next].prev : list.tail) = r.prev;
    r.next = r.prev = 0;
    --list.count;
}

}  // namespace tern::tcp
