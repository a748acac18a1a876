// Records: how they come and go, and the small words that the other files use.
#include "core/tcp/room.hh"

#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {

u64 HashOfFlow::operator()(FlowEntry entry) const {
    const SipKey& key = room->table_key;
    switch (entry.kind()) {
        case RecordKind::Tcb: return room->tcbs[entry.tcb()].key.hash(key);
        case RecordKind::Embryo: return room->embryos[entry.embryo()].key.hash(key);
        case RecordKind::TimeWait: return room->time_waits[entry.time_wait()].key.hash(key);
    }
    check_failed();
}

u64 HashOfListener::operator()(Handle<Listener> listener) const {
    const Listener& l = room->listeners[listener];
    return hash_of_listener(room->table_key, l.address, l.port);
}

u64 hash_of_listener(const SipKey& key, const LocalAddress& address, u16 port) {
    const u16 every = address.is_every() ? static_cast<u16>(address.families()) : u16{0};
    return FlowKey(address.or_unspecified(), port, Ipv4Address::unspecified(), every).hash(key);
}

namespace {

u32 ticks_of(Duration d) {
    if (d >= k_longest_timer) return 0;
    return static_cast<u32>((d.count() + k_tick_ns - 1) / k_tick_ns);
}

}  // namespace

Room::Room(Context& context, inet::Inet& internet)
    : cx(context), inet(internet), table_key(cx.random.key()), isn_key(cx.random.key()),
      offset_key(cx.random.key()), port_key(cx.random.key()), cookie_key(cx.random.key()),
      tcbs(*cx.budget), embryos(*cx.budget), time_waits(*cx.budget), listeners(*cx.budget),
      colds(*cx.budget), buffers(*cx.budget), send_queues(*cx.budget), receive_queues(*cx.budget),
      runs(*cx.budget), flights(*cx.budget), resent_times(*cx.budget), large_states(*cx.budget),
      fast_open_resets(*cx.budget), hosts(*cx.budget), flows(*cx.budget, HashOfFlow{this}),
      listener_table(*cx.budget, HashOfListener{this}), wheel(TimerOfTcb{&tcbs}, 0),
      delayed_ack_ticks(ticks_of(cx.limits.tcp_delayed_ack)), r2_ticks(ticks_of(cx.limits.tcp_r2)) {
    for (const CongestionControl* built_in : {&cubic(), &reno(), &bbr(), &dctcp()})
        algorithms[algorithm_count++] = built_in;
    for (u16& counter : port_counters) counter = static_cast<u16>(cx.random.next32());
}

Room::~Room() = default;

void Room::begin(Instant now) {
    if (now != clocks_of || !started) set_clocks(now);
    // Without a timer nobody moves the wheel, which tells past from future by a signed difference.
    constexpr u32 stride = static_cast<u32>(k_longest_ticks);
    while (wheel.size() == 0 && tick() - wheel.now() >= stride)
        wheel.advance(wheel.now() + std::min(tick() - wheel.now(), stride), [](Handle<Tcb>) {});
}

void Room::set_clocks(Instant now) {
    if (!started) {
        started = true;
        start = now;
    }
    clocks_of = now;
    const u64 since = static_cast<u64>((now - start).count());
    const u64 ns = static_cast<u64>(now.time_since_epoch().count());
    tick_now = since / u64{k_tick_ns};
    tick_up = static_cast<u32>(tick_now + (tick_now * u64{k_tick_ns} != since ? 1 : 0));
    us_now = static_cast<u32>(ns / 1000);
    ms_now = static_cast<u32>(ns / 1'000'000);
    second_now = static_cast<u32>(ns / 1'000'000'000);
}

u32 Room::tick_after(Duration d) const {
    const i64 since = (cx.now - start).count();
    if (d >= k_longest_timer) return static_cast<u32>(since / k_tick_ns + k_longest_ticks);
    return static_cast<u32>((since + d.count() + k_tick_ns - 1) / k_tick_ns);
}

Instant Room::instant_of(u32 at) const {
    const i64 ahead = static_cast<i32>(at - tick());
    return start + Duration((static_cast<i64>(tick64()) + ahead) * k_tick_ns);
}

bool Room::records_may_grow() const {
    const u64 limit = cx.budget->limit();
    const u64 records = tcbs.bytes() + embryos.bytes() + time_waits.bytes() + flows.bytes();
    return records <= limit / 8 * 5 && cx.budget->used() <= limit - limit / 8;
}

Tcb* Room::tcb_of(TcpConnection c) {
    const Handle<Tcb> i(c.index);
    if (i == 0 || !tcbs.is_live(i)) return nullptr;
    Tcb& tcb = tcbs[i];
    const bool mine = tcb.generation == c.generation && !tcb.has(k_released | k_waits_for_accept);
    return mine ? &tcb : nullptr;
}

Listener* Room::listener_of(TcpListener l) {
    const Handle<Listener> i(l.index);
    if (i == 0 || !listeners.is_live(i)) return nullptr;
    return listeners[i].generation == l.generation ? &listeners[i] : nullptr;
}

FlowEntry find_flow(const Room& room, const FlowKey& key, u64 hash) {
    return room.flows.find(hash, [&](FlowEntry entry) {
        switch (entry.kind()) {
            case RecordKind::Tcb: return room.tcbs[entry.tcb()].key == key;
            case RecordKind::Embryo: return room.embryos[entry.embryo()].key == key;
            case RecordKind::TimeWait: return room.time_waits[entry.time_wait()].key == key;
        }
        return false;
    });
}

Handle<Tcb> new_tcb(Room& room, const FlowKey& key, u64 hash, FlowEntry replaces) {
    const auto has_place = [&] {
        return room.tcbs.in_use() < room.cx.limits.tcp_connections && room.admits_connection();
    };
    if (!has_place() && !(evict_orphan_for_record(room) && has_place())) return 0;
    const Handle<Tcb> i = room.tcbs.allocate();
    if (i == 0) return 0;
    Tcb& tcb = room.tcbs[i];
    tcb.key = key;
    tcb.self = i;
    if (!(replaces != 0 ? room.flows.replace(hash, replaces, i) : room.flows.insert(hash, i))) {
        room.tcbs.free(i);
        return 0;
    }
    room.lately[key.slot()] = i;
    tcb.generation = ++room.last_generation;
    const Limits& limits = room.cx.limits;
    tcb.rtt.begin(initial_rto(room));
    tcb.rcv.set_buffer(limits.tcp_receive_buffer);
    return i;
}

void drop_queues(Room& room, Tcb& tcb, Received received) {
    if (tcb.send_queue != 0) {
        room.send_queues[tcb.send_queue].chain.clear();
        room.send_queues.free(std::exchange(tcb.send_queue, {}));
    }
    if (tcb.receive_queue == 0 || received == Received::Kept) return;
    ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    q.holes().clear(room.runs);
    if (received == Received::InOrderKept && q.waiting() != 0) return;
    room.receive_queues.free(std::exchange(tcb.receive_queue, {}));
}

PacketPool::Queue queue_state(const Chain& chain, bool moving) {
    using Queue = PacketPool::Queue;
    constexpr u64 k_little = 16 * 1024;
    if (chain.empty()) return moving ? Queue::Moving : Queue::Empty;
    return moving && chain.bytes() < k_little ? Queue::Little : Queue::Waiting;
}

bool has_unread(const Room& room, const Tcb& tcb) {
    if (tcb.receive_queue == 0) return false;
    const ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    return q.waiting() != 0 || !q.holes().empty();
}

void detach(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    if (tcb.has(k_detached)) return;
    cancel_deadlines(room, tcb);
    if (tcb.has(k_released)) room.orphans.remove(room.tcbs, tcb);
    tcb.set(k_detached);
    free_flight(room, tcb);
    room.flows.erase(tcb.key.hash(room.table_key), FlowEntry(i));
}

void free_tcb(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    detach(room, i);
    drop_queues(room, tcb, Received::Dropped);
    Extras extras{std::exchange(tcb.cold, {}), std::exchange(tcb.buffers, {})};
    free_extras(room, extras);
    // The lists are singly linked: a record still on one is freed when its turn comes.
    tcb.set(k_released);
    if (!tcb.has(k_on_ready | k_on_events)) room.tcbs.free(i);
}

namespace {

// RFC 9293 3.10.7.4: "all segment queues should be flushed". What was acknowledged in order is
// more than a segment: docs/decisions/0027-read-after-reset.md.
Received what_stays_readable(const Room& room, const Tcb& tcb, Error error) {
    if (error == Error::None) return Received::Kept;
    const bool reads_on = error != Error::Aborted && options_of(room, tcb).read_after_reset;
    return reads_on ? Received::InOrderKept : Received::Dropped;
}

}  // namespace

void finish(Room& room, Handle<Tcb> i, Cause cause, Error error) {
    Tcb& tcb = room.tcbs[i];
    become(room, tcb, cause);
    detach(room, i);
    drop_queues(room, tcb, what_stays_readable(room, tcb, error));
    tcb.error = error;
    if (tcb.has(k_released)) {
        free_tcb(room, i);
    } else if (tcb.has(k_waits_for_accept)) {
        // accept() will find it dead, and the application reads why.
    } else {
        tell(room, tcb, Closed);
    }
}

SendQueue* send_queue(Room& room, Tcb& tcb) {
    if (tcb.send_queue == 0) {
        tcb.send_queue = room.send_queues.allocate();
        if (tcb.send_queue == 0) return nullptr;
        SendQueue& q = room.send_queues[tcb.send_queue];
        // Everything before was acknowledged; a SYN that is not is in front of the first byte.
        const bool syn_open = tcb.state == State::SynSent || tcb.state == State::SynReceived;
        q.base = syn_open ? tcb.snd.iss + 1 : tcb.snd.una;
    }
    return &room.send_queues[tcb.send_queue];
}

ReceiveQueue* receive_queue(Room& room, Tcb& tcb) {
    if (tcb.receive_queue == 0) tcb.receive_queue = room.receive_queues.allocate();
    return tcb.receive_queue == 0 ? nullptr : &room.receive_queues[tcb.receive_queue];
}

Cold* cold(Room& room, Tcb& tcb) {
    if (tcb.cold == 0) tcb.cold = room.colds.allocate();
    return tcb.cold == 0 ? nullptr : &room.colds[tcb.cold];
}

void apply_options(Room& room, Tcb& tcb, const TcpOptions& o) {
    auto put = [&](u32 flag, bool on) { on ? tcb.set(flag) : tcb.clear(flag); };
    put(k_no_delay, o.no_delay);
    tcb.ttl = o.ttl;  // RFC 9293 3.9.2 [MUST-49]
    // RFC 9293 3.9.1.9 [MUST-48] [SHLD-21] [SHLD-22]: at any time, from the next segment on.
    tcb.tos = static_cast<u8>(o.dscp << 2);
    if (tcb.buffers != 0) {
        Buffers& b = room.buffers[tcb.buffers];
        b.send_fixed = o.send_buffer;
        if (o.receive_buffer != 0 && tcb.state == State::Closed) {
            b.receive_fixed = true;
            tcb.rcv.set_buffer(o.receive_buffer);
        }
    }
    choose_algorithm(room, tcb, o.congestion);
    if (tcb.cold != 0) room.colds[tcb.cold].options = o;
}

bool valid_options(const Room& room, const TcpOptions& o) {
    return find_algorithm(room, o.congestion) && o.ttl > 0 && o.dscp < 64 &&
           o.keep_alive_probes < 16 && (o.max_segment == 0 || o.max_segment >= 64) &&
           o.receive_buffer <= 1u << 30 && o.send_buffer <= 1u << 30;
}

bool needs_cold(const TcpOptions& o) {
    const TcpOptions d;
    return o.user_timeout || o.user_timeout_option || o.keep_alive || !o.timestamps ||
           !o.window_scale || !o.sack || o.max_segment != 0 || o.ecn != d.ecn ||
           o.keep_alive_idle != d.keep_alive_idle ||
           o.keep_alive_interval != d.keep_alive_interval ||
           o.keep_alive_probes != d.keep_alive_probes ||
           o.linger_fin_wait_2 != d.linger_fin_wait_2 || !o.read_after_reset || o.urgent_inline ||
           !o.report_soft_errors;
}

bool allocate_extras(Room& room, const TcpOptions& o, Extras& extras, bool cold_too) {
    if ((cold_too || needs_cold(o)) && extras.cold == 0) {
        extras.cold = room.colds.allocate();
        if (extras.cold == 0) return false;
    }
    if ((o.send_buffer != 0 || o.receive_buffer != 0) && extras.buffers == 0) {
        extras.buffers = room.buffers.allocate();
        if (extras.buffers == 0) return false;
    }
    return true;
}

void free_extras(Room& room, Extras& extras) {
    if (extras.cold != 0) room.colds.free(std::exchange(extras.cold, {}));
    if (extras.buffers != 0) room.buffers.free(std::exchange(extras.buffers, {}));
}

bool make_extras(Room& room, Tcb& tcb, const TcpOptions& o, bool cold_too) {
    Extras extras{tcb.cold, tcb.buffers};
    const bool all = allocate_extras(room, o, extras, cold_too);
    tcb.cold = extras.cold;
    tcb.buffers = extras.buffers;
    return all;
}

const TcpOptions& options_of(const Room& room, const Tcb& tcb) {
    static constexpr TcpOptions defaults;
    return tcb.cold != 0 ? room.colds[tcb.cold].options : defaults;
}

u32 queue_bytes(const Room& room, const Tcb& tcb) {
    return tcb.send_queue == 0 ? 0
                               : static_cast<u32>(room.send_queues[tcb.send_queue].chain.bytes());
}

namespace {

template <class T, class Link>
void push(Room::Fifo<T>& list, Handle<T> i, Link link) {
    link(i) = 0;
    (list.tail != 0 ? link(list.tail) : list.head) = i;
    list.tail = i;
}
template <class T, class Link>
Handle<T> pop(Room::Fifo<T>& list, Link link) {
    const Handle<T> i = list.head;
    list.head = link(i);
    if (list.head == 0) list.tail = 0;
    return i;
}

}  // namespace

void want_output(Room& room, Tcb& tcb) {
    if (tcb.has(k_on_ready | k_detached)) return;
    const u8 interface = tcb.way.interface;
    if (interface >= room.ready.size()) room.ready.resize(interface + 1u);
    tcb.set(k_on_ready);
    push(room.ready[interface], tcb.self,
         [&](Handle<Tcb> i) -> Handle<Tcb>& { return room.tcbs[i].ready_next; });
}

void tell(Room& room, Tcb& tcb, u16 bits) {
    if (tcb.has(k_released)) return;
    tcb.events |= bits;
    if (tcb.has(k_on_events | k_waits_for_accept)) return;
    tcb.set(k_on_events);
    push(room.events, tcb.self,
         [&](Handle<Tcb> k) -> Handle<Tcb>& { return room.tcbs[k].event_next; });
}

void tell_listener(Room& room, Handle<Listener> i) {
    Listener& l = room.listeners[i];
    if (l.on_events) return;
    l.on_events = true;
    push(room.listener_events, i,
         [&](Handle<Listener> k) -> Handle<Listener>& { return room.listeners[k].event_next; });
}

// RFC 9293 3.9.1.8 [U-14]: ICMP errors and R1; the urgent pointer has an event of its own.
void soft_error(Room& room, Tcb& tcb, Error error) {
    tcb.soft_error = error;
    if (options_of(room, tcb).report_soft_errors) tell(room, tcb, SoftError);  // RFC 9293 [SHLD-20]
}

bool Room::transmit(u8 interface, u32 room_for) {
    if (refusals() != refusals_seen) [[unlikely]]
        relieve_memory(*this);
    if (interface >= ready.size()) return false;
    auto link = [&](Handle<Tcb> i) -> Handle<Tcb>& { return tcbs[i].ready_next; };
    while (ready[interface].head != 0) {
        const Handle<Tcb> i = pop(ready[interface], link);
        if (looks_ahead()) prefetch(ready[interface].head);
        Tcb& tcb = tcbs[i];
        tcb.clear(k_on_ready);
        if (tcb.has(k_detached)) {
            if (tcb.has(k_released) && !tcb.has(k_on_events)) tcbs.free(i);
            continue;
        }
        constexpr u32 turn = 32;  // packets, then it is another connection's turn
        const u32 most = room_for < turn ? room_for : turn;
        const u32 built = output(*this, i, most);
        if (built == most) want_output(*this, tcb);
        if (built != 0) return true;
    }
    return false;
}

std::optional<Event> Room::next_event() {
    while (events.head != 0) {
        const Handle<Tcb> i =
            pop(events, [&](Handle<Tcb> k) -> Handle<Tcb>& { return tcbs[k].event_next; });
        if (looks_ahead()) prefetch(events.head);
        Tcb& tcb = tcbs[i];
        tcb.clear(k_on_events);
        if (tcb.has(k_released)) {
            if (tcb.has(k_detached) && !tcb.has(k_on_ready)) tcbs.free(i);
            continue;
        }
        const u16 bits = std::exchange(tcb.events, u16{0});
        const Error error = bits & Closed      ? tcb.error
                            : bits & SoftError ? tcb.soft_error
                                               : Error::None;
        return Event{.kind = Event::Kind::Tcp,
                     .index = i.index,
                     .generation = tcb.generation,
                     .bits = bits,
                     .error = error,
                     .user = tcb.user};
    }
    while (listener_events.head != 0) {
        const Handle<Listener> i =
            pop(listener_events,
                [&](Handle<Listener> k) -> Handle<Listener>& { return listeners[k].event_next; });
        Listener& l = listeners[i];
        l.on_events = false;
        if (l.generation == 0) {  // closed while it waited here
            listeners.free(i);
            continue;
        }
        return Event{.kind = Event::Kind::Listener,
                     .index = i.index,
                     .generation = l.generation,
                     .bits = Acceptable,
                     .error = Error::None,
                     .user = l.user};
    }
    return std::nullopt;
}

Handle<Listener> listener_at(const Room& room, const LocalAddress& address, u16 port) {
    return room.listener_table.find(
        hash_of_listener(room.table_key, address, port), [&](Handle<Listener> i) {
            return room.listeners[i].port == port && room.listeners[i].address == address;
        });
}

Handle<Listener> find_listener(Room& room, const IpAddress& address, u16 port) {
    Room::LatelyListener& lately = room.lately_listeners[port % room.lately_listeners.size()];
    if (lately.listener != 0 && lately.port == port && lately.address == address)
        return lately.listener;
    Handle<Listener> found = listener_at(room, address, port);
    if (found == 0) found = listener_at(room, family_of(address), port);
    if (found == 0) found = listener_at(room, Families::Both, port);
    if (found != 0) lately = {address, port, found};
    return found;
}

}  // namespace tern::tcp
