// The TCP of one stack: its tables, pools and clocks, and the functions of every file in this
// folder. Read tcb.hh and records.hh first; then arrives/, calls/, timeouts/, output/.
#pragma once

#include <array>
#include <vector>

#include "core/base/flow_table.hh"
#include "core/base/pool.hh"
#include "core/inet/inet.hh"
#include "core/tcp/flight.hh"
#include "core/tcp/orphans.hh"
#include "core/tcp/output/plan.hh"
#include "core/tcp/records.hh"
#include "core/tcp/segment.hh"
#include "core/tcp/state.hh"
#include "core/wire/tcp_options.hh"

namespace tern::tcp {

struct HashOfFlow {
    using Value = FlowEntry;
    Room* room;
    u64 operator()(FlowEntry entry) const;
    [[gnu::always_inline]] void prefetch(FlowEntry entry) const;  // its key
};
struct HashOfListener {
    using Value = Handle<Listener>;
    Room* room;
    u64 operator()(Handle<Listener> listener) const;
};
struct TimerOfTcb {
    using Id = Handle<Tcb>;
    Pool<Tcb>* pool;
    TimerNode& operator()(Id i) const { return (*pool)[i].timer; }
    [[gnu::always_inline]] void prefetch(Id i) const {
        for (const u64 line : {offsetof(Tcb, timer), u64{0}, offsetof(Tcb, receive_queue)})
            pool->prefetch(i, line);
    }
};

inline constexpr i64 k_tick_ns = 100'000;  // timers count in tenths of a millisecond
// The wheel compares deadlines by signed difference: nothing is set further ahead.
inline constexpr i64 k_longest_ticks = i64{1} << 30;
inline constexpr Duration k_longest_timer{k_longest_ticks * k_tick_ns};
// Of each kind in one advance(): next_deadline() asks for the rest at once, and packets come in
// between. All timers of ten million connections may be due together.
inline constexpr u32 k_timers_at_once = 4096;
// Below so many of a kind all of them stay in the cache anyhow.
inline constexpr u32 k_many_records = 4096;
inline constexpr u32 k_embryo_levels = 8;
inline constexpr u32 k_port_counters = 1024;

struct Room {
    Room(Context& context, inet::Inet& internet);
    ~Room();
    Room(const Room&) = delete;

    Context& cx;
    inet::Inet& inet;
    SipKey table_key, isn_key, offset_key, port_key, cookie_key;

    Pool<Tcb> tcbs;
    Pool<Embryo> embryos;
    Pool<TimeWait> time_waits;
    Pool<Listener> listeners;
    Pool<Cold> colds;
    Pool<Buffers> buffers;
    Pool<SendQueue> send_queues;
    Pool<ReceiveQueue> receive_queues;
    Pool<Run> runs;
    Pool<Flight> flights;
    Pool<ResentTimes> resent_times;
    Pool<LargeState> large_states;
    std::array<const CongestionControl*, 16> algorithms{};  // 0: the default
    u32 algorithm_count = 0;
    Pool<FastOpenReset> fast_open_resets;
    Pool<KnownHost> hosts;
    FlowTable<HashOfFlow> flows;
    FlowTable<HashOfListener> listener_table;  // by address and port
    TimerWheel<TimerOfTcb> wheel;

    std::array<AgeList<Embryo>, k_embryo_levels> embryo_ages;  // one a number of retries
    AgeList<TimeWait> time_wait_ages;
    AgeList<Flight> idle_flights;
    Orphans orphans;
    u64 refusals_seen = 0;  // what relieve_memory() has answered
    template <class T>
    struct Fifo {
        Handle<T> head, tail;
    };
    std::vector<Fifo<Tcb>> ready;  // per interface: connections that want to send
    Fifo<Tcb> events;              // connections with something to tell
    Fifo<Listener> listener_events;
    std::array<u16, k_port_counters> port_counters{};
    std::array<Handle<Tcb>, 256>
        lately{};  // Tcbs by FlowKey::slot(), to be checked; found unhashed
    struct LatelyListener {
        IpAddress address;  // that a segment came to
        u16 port = 0;
        Handle<Listener> listener;
    };
    std::array<LatelyListener, 64> lately_listeners{};  // by port; empty when listeners change
    // Answers given for embryos and TIME-WAITs this second, by the keyed hash of their flow.
    struct Ration {
        u8 second = 0, given = 0;
    };
    std::array<Ration, 256> rations{};
    // By a keyed hash of the address: a newer host takes the place.
    std::array<Handle<KnownHost>, 256> host_slots{};
    u32 last_generation = 0;
    bool header_prediction = true;
    bool started = false;
    Instant start{};  // the first `now`: ticks count from here
    // Of cx.now, computed when it changes.
    Instant clocks_of{};
    u64 tick_now = 0;
    u32 tick_up = 0;  // the first tick that is not before cx.now
    u32 us_now = 0, ms_now = 0, second_now = 0;
    u32 delayed_ack_ticks, r2_ticks;  // of Limits; 0: beyond what a deadline reaches
    // Segments of one flow without a gap, in one batch, that differ in text, SEG.SEQ and PSH alone.
    struct Train {
        bool open = false;
        Segment first;
        Chain rest;
        u32 len = 0;  // of all
        inet::Arrival arrival;
    } train;

    // --- clocks
    u64 tick64() const { return tick_now; }
    u32 tick() const { return static_cast<u32>(tick_now); }
    // The first tick that is not before now + d.
    u32 tick_after(Duration d) const;
    Instant instant_of(u32 tick) const;
    u32 now_us() const { return us_now; }
    u32 now_second() const { return second_now; }
    // RFC 7323 5.4 [RFC7323:7]: a millisecond clock, shifted for each connection.
    u32 ts_clock(u32 offset) const { return ms_now + offset; }
    void begin(Instant now);  // first of all in each verb
    void set_clocks(Instant now);

    // May another record of this kind come? A free one always; but floods of connections must leave
    // memory to what established ones need, and no kind may crowd out another (docs/memory.md).
    bool admits_connection() const { return admits(tcbs, 5); }
    bool admits_embryo() const { return admits(embryos, 1); }
    bool admits_time_wait() const { return admits(time_waits, 2); }
    template <class T>
    bool admits(const Pool<T>& pool, u64 eighths) const {
        return pool.in_use() < pool.capacity() ||
               (pool.bytes() <= cx.budget->limit() / 8 * eighths && records_may_grow());
    }
    bool records_may_grow() const;

    // How often memory was refused, to whomever.
    u64 refusals() const {
        return cx.counters.dropped(DropReason::MemoryCeiling) + cx.pool->refusals();
    }
    bool looks_ahead() const { return flows.size() >= k_many_records; }
    [[gnu::always_inline]] void prefetch(Handle<Tcb> tcb) const {
        for (u64 line = 0; line < sizeof(Tcb); line += 64) tcbs.prefetch(tcb, line);
    }

    Tcb* tcb_of(TcpConnection c);
    Listener* listener_of(TcpListener l);

    // --- the verbs, as core/stack calls them
    // Starts to fetch the records that a batch will need; its IP headers begin at `network_at`.
    void look_ahead(const PacketBatch& batch, u32 network_at);
    // `more`: another packet of the batch follows; when none does, end_train() does.
    void arrives(Packet packet, const inet::Arrival& arrival, bool more);
    void end_train();
    void icmp_error(const inet::IcmpError& error);
    void undelivered(const inet::IcmpError& error);
    void advance();
    Instant next_deadline() const;
    // Lets one ready connection of the interface build up to `room_for` packets. False: none.
    bool transmit(u8 interface, u32 room_for);
    std::optional<Event> next_event();
};

inline void HashOfFlow::prefetch(FlowEntry entry) const {
    switch (entry.kind()) {
        case RecordKind::Tcb: return room->tcbs.prefetch(entry.tcb(), offsetof(Tcb, key));
        case RecordKind::Embryo: return room->embryos.prefetch(entry.embryo());
        case RecordKind::TimeWait: return room->time_waits.prefetch(entry.time_wait());
    }
}

// --- room.cc: records
// In the flow table, in the place of the entry `replaces` if that is not 0; 0: refused.
Handle<Tcb> new_tcb(Room& room, const FlowKey& key, u64 hash, FlowEntry replaces = 0);
FlowEntry find_flow(const Room& room, const FlowKey& key, u64 hash);  // 0: none
void detach(Room& room, Handle<Tcb> i);  // out of the table, timers and lists
void free_tcb(Room& room, Handle<Tcb> i);
bool has_unread(const Room& room, const Tcb& tcb);  // bytes that wait for the application
// What of the peer's bytes the application may still read.
enum class Received : u8 { Kept, InOrderKept, Dropped };
void drop_queues(Room& room, Tcb& tcb, Received received);  // and what waits to be sent
// What this queue may still have when memory is exhausted. `moving`: what was in it before has been
// read, or acknowledged; then a little may wait beside what is there.
PacketPool::Queue queue_state(const Chain& chain, bool moving);
// The connection is over: tells the application and frees what nobody holds any more.
void finish(Room& room, Handle<Tcb> i, Cause cause, Error error);
SendQueue* send_queue(Room& room, Tcb& tcb);  // made when absent; null: refused
ReceiveQueue* receive_queue(Room& room, Tcb& tcb);
Cold* cold(Room& room, Tcb& tcb);
void apply_options(Room& room, Tcb& tcb, const TcpOptions& options);
bool valid_options(const Room& room, const TcpOptions& options);
// What options ask for that the Tcb itself cannot hold.
struct Extras {
    Handle<Cold> cold;
    Handle<Buffers> buffers;
};
bool needs_cold(const TcpOptions& options);
bool allocate_extras(Room& room, const TcpOptions& options, Extras& extras, bool cold_too = false);
void free_extras(Room& room, Extras& extras);
bool make_extras(Room& room, Tcb& tcb, const TcpOptions& options,
                 bool cold_too = false);  // those that it has not yet
const TcpOptions& options_of(const Room& room, const Tcb& tcb);
u32 queue_bytes(const Room& room, const Tcb& tcb);  // bytes queued from SND.UNA on
void want_output(Room& room, Tcb& tcb);
void tell(Room& room, Tcb& tcb, u16 bits);  // events for the application
void tell_listener(Room& room, Handle<Listener> i);
void soft_error(Room& room, Tcb& tcb, Error error);
u64 hash_of_listener(const SipKey& key, const LocalAddress& address, u16 port);
Handle<Listener> listener_at(const Room& room, const LocalAddress& address,
                             u16 port);  // of this very address
// For this address: its own, or the one for every address.
Handle<Listener> find_listener(Room& room, const IpAddress& address, u16 port);

// --- arrives/: RFC 9293 3.10.7
FlowEntry record_of(Room& room, const FlowKey& key, u64& hash);  // 0: none
void segment_arrives(Room& room, Segment& seg);
// The checksum of a packet from its TCP header on, if anybody is to look at it: one that never left
// the machine carries no complete sum.
bool intact(const Packet& packet, const inet::Arrival& arrival);
bool begins_train(const Room& room, const Segment& seg);
void begin_train(Room& room, Segment& seg);
// Takes the packet (from its TCP header on) if it is the train's next one.
bool joins_train(Room& room, Packet& packet, const inet::Arrival& arrival);
Verdict in_closed(Room& room, Segment& seg);
Verdict in_listen(Room& room, Handle<Listener> listener, Segment& seg);
// A SYN that the listener takes; it has a place in both queues.
Verdict syn_arrives(Room& room, Handle<Listener> listener, Segment& seg, const Replaced& old);
Verdict in_syn_sent(Room& room, Handle<Tcb> i, Segment& seg);
Verdict in_syn_received(Room& room, Handle<Embryo> embryo, Segment& seg);
Verdict in_time_wait(Room& room, Handle<TimeWait> record, Segment& seg);
bool predicted(Room& room, Handle<Tcb> i, Segment& seg);  // false: "not mine"
Verdict other_states(Room& room, Handle<Tcb> i, Segment& seg);
Verdict step1_sequence(const Room& room, const Tcb& tcb, Segment& seg);
// Why a segment outside the window is answered.
SendReason why_unacceptable(Seq rcv_nxt, u32 rcv_wnd, const Segment& seg);
Verdict step2_reset(Room& room, Handle<Tcb> i, Segment& seg);
Verdict step4_syn(Room& room, Tcb& tcb, Segment& seg);
Verdict check_ack(const Tcb& tcb, const Segment& seg);  // step 5: is SEG.ACK acceptable?
// Takes what the segment says of itself, for it has passed the checks: ECN marks, TS.Recent, that
// the peer is alive; and cuts it to the window.
void admit(Room& room, Tcb& tcb, Segment& seg);
void trim_to_window(Room& room, Tcb& tcb, Segment& seg);  // both sides
// RFC 7323 3.2: a segment came without the agreed timestamp, and is taken.
void note_missing_timestamp(Room& room, Segment& seg);
Verdict step5_ack(Room& room, Handle<Tcb> i, Segment& seg);
Verdict step6_urgent(Room& room, Tcb& tcb, Segment& seg);
Verdict step7_text(Room& room, Handle<Tcb> i, Segment& seg);
Verdict step8_fin(Room& room, Handle<Tcb> i, Segment& seg);
void update_ts_recent(Room& room, Tcb& tcb, const Segment& seg);
void acknowledged(Room& room, Handle<Tcb> i, Segment& seg);   // SND.UNA < SEG.ACK =< SND.MAX
DropReason accept_bytes(Room& room, Tcb& tcb, Segment& seg);  // SEG.SEQ = RCV.NXT
DropReason hold_bytes(Room& room, Tcb& tcb, Segment& seg);    // behind a hole
void drop_acknowledged(Room& room, Tcb& tcb, Seq ack);        // out of the send queue
// Takes the text of a segment that begins at RCV.NXT, while there are runs.
void fill_hole(Room& room, Tcb& tcb, ReceiveQueue& q, Segment& seg);
// Could its ACK be the peer's? Only such a segment may make our answer longer, or its size would
// tell who guesses where a guess lies (docs/decisions/0028-no-news-for-guessers.md).
bool acknowledges_plausibly(const Tcb& tcb, const Segment& seg);
// RFC 2883: these sequence numbers of the segment have come once more.
void remember_duplicate(Room& room, Tcb& tcb, Segment& seg, Seq left, Seq right);
void release_empty(Room& room, Tcb& tcb);             // a receive queue with nothing in it
Seq data_end(const Room& room, const Tcb& tcb);       // behind the last byte queued to send
Seq read_position(const Room& room, const Tcb& tcb);  // the next byte the application reads
void learn_window(Room& room, Tcb& tcb, const Segment& seg, bool scaled);
void enter_established(Room& room, Handle<Tcb> i);
// The SYN of an active OPEN is acknowledged, and of its text what `ack` says. The rest is sent
// again as if for the first time (RFC 7413 4.2.2 [RFC7413:5]).
void syn_acknowledged(Room& room, Tcb& tcb, Seq ack);

// --- invariants.cc
std::optional<BrokenInvariant> broken_invariant(const Room& room);

// --- buffers.cc: autotuning
Buffers* buffers(Room& room, Tcb& tcb);  // made when absent; null: refused
// The most that a receive buffer may become. `fixed`: the application's size; 0: none.
u32 receive_buffer_max(const Room& room, u32 fixed);
u32 receive_buffer_max(const Room& room, const Tcb& tcb);
u32 send_limit(const Room& room, const Tcb& tcb);  // bytes the send queue may hold now
u32 send_limit_max(const Room& room, const Tcb& tcb);
void note_sending(Room& room, Tcb& tcb);         // the application gave bytes
void note_reading(Room& room, Tcb& tcb, u32 n);  // the application takes n bytes
u64 bytes_acked(const Room& room, const Tcb& tcb);
u64 bytes_received(const Room& room, const Tcb& tcb);

// --- timeouts/
void tell_set(Room& room, const Tcb& tcb, Deadline d, Duration in);
inline bool is_set(const Tcb& tcb, Deadline d) { return (tcb.timers >> static_cast<u8>(d)) & 1; }
// What moves with every segment; told, as `in`, only when it was not set.
inline void put_off_deadline(Room& room, Tcb& tcb, Deadline d, u32 at_tick, Duration in) {
    if (tcb.has(k_detached)) return;
    if (room.cx.observer && !is_set(tcb, d)) [[unlikely]]
        tell_set(room, tcb, d, in);
    tcb.deadlines[static_cast<u8>(d)] = at_tick;
    tcb.timers |= static_cast<u8>(1u << static_cast<u8>(d));
    const bool earlier = static_cast<i32>(at_tick - tcb.timer.deadline) < 0;
    if (tcb.timer.slot == TimerNode::none || earlier) room.wheel.set(tcb.self, at_tick);
}
// Told each time.
inline void set_deadline(Room& room, Tcb& tcb, Deadline d, u32 at_tick, Duration in) {
    tcb.timers &= static_cast<u8>(~(1u << static_cast<u8>(d)));
    put_off_deadline(room, tcb, d, at_tick, in);
}
void set_deadline_in(Room& room, Tcb& tcb, Deadline d, Duration in);
void put_off_deadline(Room& room, Tcb& tcb, Deadline d, Duration in);
void cancel_deadline(Room& room, Tcb& tcb, Deadline d);
void cancel_deadlines(Room& room, Tcb& tcb);  // all of them, and out of the wheel
// Nothing is outstanding. A deadline that was cancelled stays in the wheel until it fires, which is
// a cache miss for nothing among very many connections: then it goes while the record is at hand.
void rest_timers(Room& room, Tcb& tcb);
Timer timer_of(const Room& room, const Tcb& tcb, Deadline d);
void timer_fired(Room& room, Handle<Tcb> i);
void retransmission_timeout(Room& room, Handle<Tcb> i);
void persist_timeout(Room& room, Tcb& tcb);
void delayed_ack_timeout(Room& room, Tcb& tcb);
void keep_alive_timeout(Room& room, Handle<Tcb> i);
void user_timeout(Room& room, Handle<Tcb> i);
void window_still_closed(Room& room, Tcb& tcb);  // and the peer has answered
// --- timeouts/orphans.cc: connections that the application has released
void begin_orphan(Room& room, Tcb& tcb);  // it may be gone afterwards
void end_orphan(Room& room, Tcb& tcb);    // no longer one, if it was one
void orphan_acknowledged(Room& room, Tcb& tcb);
void orphan_delivered(Room& room, Tcb& tcb);  // in FIN-WAIT-2
void orphan_timeout(Room& room, Handle<Tcb> i);
bool evict_orphan_for_record(Room& room);  // a new connection needs a place; false: there is none
void relieve_memory(Room& room);           // bytes were refused
void arm_retransmission(Room& room, Tcb& tcb);  // RFC 6298 5.1, 5.3
void arm_retransmission(Room& room, Tcb& tcb, Flight* f);
void arm_persist(Room& room, Tcb& tcb);
Duration user_timeout_of(const Room& room, const Tcb& tcb);  // R2; Duration::max(): never
void arm_user_timeout(Room& room, Tcb& tcb, bool restart);
u16 user_timeout_field(const Room& room, const TcpOptions& options);  // RFC 5482; 0: not told
void learn_user_timeout(Room& room, Tcb& tcb, const wire::TcpOptions& options);  // of a segment
void note_activity(Room& room, Tcb& tcb);  // keep-alive counts from here
void enter_time_wait(Room& room, Handle<Tcb> i);
void restart_time_wait(Room& room, Handle<TimeWait> record);
void free_time_wait(Room& room,
                    Handle<TimeWait> record);  // the change of state is the caller's to tell
void forget_time_wait(Room& room,
                      Handle<TimeWait> record);  // the same, out of the flow table already
// A new connection has its place in the flow table: `entry` there was a TIME-WAIT; or 0.
void time_wait_replaced(Room& room, FlowEntry entry);
void end_time_wait(Room& room, Handle<TimeWait> record, Cause cause);  // before its time
void expire_time_waits(Room& room);
void expire_embryos(Room& room);
u32 backed_off_rto(const Room& room, const Tcb& tcb);    // ticks
u32 initial_rto(const Room& room);                       // ticks
Duration embryo_rto(const Limits& limits, u32 retries);  // until the SYN-ACK is sent again
inline void tell_timer(Room& room, const FlowKey& key, Timer timer, TimerEvent::What what,
                       Duration in = {}) {
    if (room.cx.observer) [[unlikely]]
        room.cx.observer->on_timer(
            {room.cx.now, key.id(), timer, what, std::min(in, k_longest_timer)});
}

// --- output/
u32 output(Room& room, Handle<Tcb> i, u32 room_for);  // packets built
void starve(Room& room, Tcb& tcb);  // could not: tries again, within the user timeout
// At most `room_for` segments; changes nothing.
Plan may_send(const Room& room, const Tcb& tcb, u32 room_for, Waits& waits);
// Has a plan that has left emptied the connection, so that there is no need to ask again?
bool was_all(const Room& room, const Tcb& tcb, const Plan& plan);
u32 longest_segment(const Room& room, const Tcb& tcb);  // or super-segment, where the link cuts it
bool build_segment(Room& room, Tcb& tcb, const Plan& plan);  // false: no memory
u32 advertise(Room& room, Tcb& tcb);                         // the window field; moves RCV.EDGE
void window_opened(Room& room, Tcb& tcb);                    // the application read
void acknowledge(Room& room, Tcb& tcb, SendReason why);
void acknowledge_each(Room& room, Tcb& tcb, SendReason why);
void challenge(Room& room, Tcb& tcb, SendReason why);
bool may_challenge(Room& room, Tcb& tcb);  // takes one of the ration
bool may_answer(Room& room, u64 hash);     // the same ration for a record of this flow
void send_reset_for(Room& room, const Segment& seg, SendReason why, const Standing& standing);
void send_reset(Room& room, Tcb& tcb, SendReason why);
// A segment of a record without send queue: SYN-ACK of an embryo, ACK of a TIME-WAIT.
struct Bare {
    Seq seq, ack;
    u16 flags = 0;
    u16 window = 0;
    u8 ttl = 64, tos = 0;
    wire::TcpOptionsToSend options;
    Seq iss, irs;
    State state = State::Closed;
};
void send_bare(Room& room, const FlowKey& key, const Bare& bare, SendReason why);
u16 eff_snd_mss(const Room& room, const Tcb& tcb);
// Eff.snd.MSS, or half of the widest window that the peer has offered, so that two segments fit
// into it (docs/decisions/0017-two-segments-in-a-narrow-window.md).
u16 segment_size(const Room& room, const Tcb& tcb);
u16 receive_mss(const Room& room, const inet::Way& way, u16 limit);  // what our SYN announces
// What an acknowledgement without text tells; a duplicate is told once.
u32 sack_blocks(Room& room, Tcb& tcb, std::array<wire::SackBlock, 4>& out);

// --- flights.cc
// With SACK.
inline Flight* flight_of(Room& room, const Tcb& tcb) {
    const bool any = tcb.has(k_sack) && !tcb.has(k_rtt_timing) && tcb.flight != 0;
    return any ? &room.flights[tcb.flight] : nullptr;
}
inline const Flight* flight_of(const Room& room, const Tcb& tcb) {
    return flight_of(const_cast<Room&>(room), tcb);
}
Flight* make_flight(Room& room, Tcb& tcb);  // with room for one more record; null: refused
void free_flight(Room& room, Tcb& tcb);
// Nothing is in flight: it goes after a second of silence.
void rest_flight(Room& room, Tcb& tcb, Flight& f);
void expire_flights(Room& room);
// Bytes that are still on their way: neither SACKed nor lost; a lost piece counts again when sent
// again (RFC 6675 4 [RFC6675:1]).
inline u32 pipe(const Tcb& tcb, const Flight* f) {
    return tcb.flight_size() - (f != nullptr ? f->board.sacked() + f->board.lost() : 0);
}
inline u32 pipe(const Room& room, const Tcb& tcb) { return pipe(tcb, flight_of(room, tcb)); }
void note_sent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len, bool fin);
void note_resent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len);
void send_again(Room& room, Tcb& tcb);  // everything from SND.UNA on

// --- arrives/: what acknowledgements mean for recovery
void sack_acknowledged(Room& room, Tcb& tcb, Flight& f, const Segment& seg, Seq before);
void reordering_timeout(Room& room, Tcb& tcb, Flight& f);
void loss_timeout(Tcb& tcb, Flight& f);             // RTO has fired; its windows are as they were
void rtt_sample(Room& room, Tcb& tcb, u32 rtt_us);  // RFC 6298 2
void measure_rtt(Room& room, Tcb& tcb, const Segment& seg);
void stop_rtt_timing(Tcb& tcb);
// Without SACK.
void duplicate_ack(Room& room, Tcb& tcb);                              // RFC 5681 3.2
bool recovery_acknowledged(Room& room, Tcb& tcb, Seq ack, u32 acked);  // RFC 6582; true: handled

// --- timeouts/loss_timer.cc
void choose_loss_timer(Room& room, Tcb& tcb, Flight& f);
void put_off_probe(Room& room, Tcb& tcb, Flight& f);
void probe_tail(Room& room, Tcb& tcb, Flight& f);

// --- congestion_calls.cc
inline u32 initial_window(const Room& room, u32 mss) {
    return initial_window(mss, room.cx.limits.tcp_initial_window_segments);
}
void grow_cwnd(Room& room, Tcb& tcb, u32 acked, u32 flight_before);  // without SACK
void cwnd_after_timeout(Room& room, Tcb& tcb);
void cwnd_after_idle(Room& room, Tcb& tcb, Flight* f);
// The algorithm that the connection has chosen. It needs a flight for its state: without SACK it is
// the plain RFC 5681 of CongestionWindow.
inline const CongestionControl& algorithm_of(const Room& room, const Tcb& tcb) {
    return *room.algorithms[tcb.algorithm];
}
std::optional<u8> find_algorithm(const Room& room, std::string_view name);
void choose_algorithm(Room& room, Tcb& tcb, std::string_view name);
void congestion_begin(Room& room, Tcb& tcb, Flight& f);
void congestion_end(Room& room, Flight& f);
void congestion_acknowledged(Room& room, Tcb& tcb, Flight& f, const CongestionAck& ack,
                             bool cwnd_limited);
void congestion_reduced(Room& room, Tcb& tcb, Flight& f, CongestionSignal signal);
void congestion_recovered(Room& room, Tcb& tcb, Flight& f);
void congestion_undone(Room& room, Tcb& tcb, Flight& f);
void tell_window_moved(Room& room, const Tcb& tcb, std::string_view why);
inline void tell_window(Room& room, const Tcb& tcb, std::string_view why) {
    if (room.cx.observer) [[unlikely]]
        tell_window_moved(room, tcb, why);
}

// --- output/pace.cc
void set_pace(const Room& room, const Tcb& tcb, Flight& f);
// longest_segment(), or a part of it.
u32 paced_segment(const Room& room, const Tcb& tcb, const Flight* f);
// Full segments that may leave one behind the other now, at most `most`.
u32 paced_train(const Room& room, const Tcb& tcb, const Flight& f, u32 most);
// How much too early the next segment would be, in nanoseconds; 0: it may leave.
i64 pace_wait_ns(const Room& room, const Flight* f);
void note_paced(const Room& room, const Tcb& tcb, Flight& f, u32 len);

// --- handshake/ecn.cc: RFC 3168, RFC 9768
Ecn ecn_wanted(const Room& room, const TcpOptions& options);
// What our SYN may ask this host for.
Ecn ecn_to_ask(const Room& room, const TcpOptions& options, const IpAddress& host);
u16 ecn_of_syn(const Tcb& tcb);       // flags; of a SYN after its last retry
u16 ecn_of_syn_ack(const Embryo& e);  // flags
u16 ecn_of_syn_ack(const Room& room, const Tcb& tcb);
void ecn_of_syn_again(Embryo& e, const Segment& seg);
void ecn_of_syn_again(Room& room, Tcb& tcb, const Segment& seg);
void ecn_of_syn_ack_again(Room& room, Tcb& tcb, const Segment& seg);
void learn_ecn_of_syn_ack(Room& room, Tcb& tcb, const Segment& seg);
void learn_ecn_of_syn(Room& room, Tcb& tcb, const Segment& seg);  // simultaneous open
void ecn_of_embryo(Room& room, Tcb& tcb, const Embryo& e);
void learn_ecn_of_last_ack(Room& room, Tcb& tcb, const Segment& seg);
bool option_blocked(const Room& room, const IpAddress& host);
void remember_option_lost(Room& room, const Tcb& tcb);
// --- arrives/marks.cc
void note_marks(Room& room, Tcb& tcb, const Segment& seg);      // acceptable, and not yet trimmed
void take_marks(Room& room, Tcb& tcb, const Segment& seg);      // of an ACK that is no news yet
void option_unheard(Room& room, Tcb& tcb, const Segment& seg);  // text comes again
// --- output/marks.cc
// Puts the flags into `header`; what they say is said then. Returns the IP-ECN field.
u8 put_ecn(Room& room, Tcb& tcb, const Plan& plan, wire::TcpHeader& header);
// CWR, as a flag or as a bit of ACE: who cuts a super-segment would leave it on the first piece.
bool next_has_cwr(const Room& room, const Tcb& tcb);
u16 ace_of_count(const Room& room, const Tcb& tcb);  // flags; 0: nothing is counted
void put_acc_ecn_option(Room& room, Tcb& tcb, const Plan& plan, wire::TcpOptionsToSend& o);
// RFC 3168 6.1.2: CWR tells of every reduction, whatever its reason.
inline void say_reduced(Tcb& tcb) { tcb.cwr_due = tcb.ecn == Ecn::Classic && tcb.ect; }

// --- handshake/
struct Sequence {
    Seq iss;
    u32 ts_offset;
};
Sequence initial_sequence(const Room& room, const FlowKey& key);
struct ChosenPort {
    u16 port;
    u64 hash;  // of the flow with it
};
// False: what arrives of this flow belongs to another stack of this host (tern/steering.hh).
bool at_home(const Room& room, const FlowKey& key);
std::optional<ChosenPort> choose_port(Room& room, const IpAddress& local, const Endpoint& remote);
u8 wind_shift_for(u32 buffer);
u8 wind_shift_of(const Room& room, const Listener& l);
u16 first_window(const Room& room, const Listener& l);  // what a SYN-ACK offers: not scaled
Seq make_cookie(const Room& room, const FlowKey& key, Seq irs, u16 peer_mss, u32 period);
std::optional<u16> check_cookie(const Room& room, const FlowKey& key, Seq irs, Seq cookie);
void send_syn_ack(Room& room, const Listener& l, const Embryo& e, u32 ts_offset, SendReason why);
void send_syn_ack(Room& room, const Listener& l, const Embryo& e, u32 ts_offset, SendReason why,
                  const inet::Way& way);
void free_embryo(Room& room, Handle<Embryo> i);
void reset_embryo(Room& room, const Listener& l, Handle<Embryo> i, SendReason why);
// Frees what is no longer in the flow table. `listener`: the one it came from; 0: closed.
void forget_embryo(Room& room, Handle<Embryo> i, Handle<Listener> listener);
// The third step was right: a full record, in the accept queue. `replaces`: the entry of
// the flow table whose place it takes, an embryo or a TIME-WAIT; 0: none. Returns 0 when it is
// refused; then nothing has changed.
Handle<Tcb> promote(Room& room, Handle<Listener> listener, const Embryo& e, const Segment& seg,
                    FlowEntry replaces, bool fast_open = false);

// --- handshake/hosts.cc: what connections leave to the next ones
u32 second_after(const Room& room, Duration d);
inline bool is_ahead(const Room& room, u32 second) {
    return static_cast<i32>(second - room.now_second()) > 0;
}
// Null: nothing is known.
const KnownHost* known_host(const Room& room, const IpAddress& address);
// As it is known, or new in the place of another one; null: refused.
KnownHost* remember_host(Room& room, const IpAddress& address);

// --- handshake/fast_open.cc: RFC 7413
struct FastOpenCookie {
    std::array<u8, 8> bytes;
};
FastOpenCookie fast_open_cookie(const Room& room, const FlowKey& key);
// Does a SYN with these options bring data that the listener may take at once?
enum class FastOpen : u8 { No, WantsCookie, Yes, YesAndRenew };
FastOpen judge_fast_open(Room& room, Listener& l, const FlowKey& key,
                         const wire::TcpOptions& options);
Verdict open_fast(Room& room, Handle<Listener> listener, const Embryo& e, Segment& seg,
                  FlowEntry replaces, bool renew);
bool opens_fast(const Room& room, const Tcb& tcb);  // SYN-RECEIVED with data in SYN
void fast_open_over(Room& room, Tcb& tcb, Cause cause);
void forget_fast_opens(Room& room, Listener& l);
// The client's side.
void prepare_fast_open(Room& room, Tcb& tcb);
const KnownHost* fast_open_cookie_for(const Room& room, const Tcb& tcb);
u32 fast_open_text(const Room& room, const Tcb& tcb);  // bytes that SYN may carry
void fast_open_answered(Room& room, Tcb& tcb, const wire::TcpOptions& options);
void fast_open_unanswered(Room& room, Tcb& tcb);

}  // namespace tern::tcp
