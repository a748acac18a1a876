// RFC 9293 3.10.1 OPEN, passive and active; accept() takes what a passive OPEN brought.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

namespace {

// Does any record still use this local port? Control plane: a walk is affordable.
bool port_lingers(Room& room, u16 port) {
    bool found = false;
    room.tcbs.for_each([&](Handle<Tcb> i) {
        found |= room.tcbs[i].key.local_port == port && room.tcbs[i].has(k_passive) &&
                 !room.tcbs[i].has(k_detached);
    });
    room.time_waits.for_each(
        [&](Handle<TimeWait> i) { found |= room.time_waits[i].key.local_port == port; });
    return found;
}

bool port_taken(Room& room, const LocalAddress& address, u16 port, bool reuse) {
    // RFC 9293 3.9.1.1 [MUST-41]: never disturbs what exists. [MUST-42]: an active connection on
    // the same port is no obstacle.
    const bool taken = listener_at(room, address, port) != 0;
    // SO_REUSEADDR: without it a port rests until the last TIME-WAIT of its server is over.
    return taken || (!reuse && port_lingers(room, port));
}

Result<u16> port_for(Room& room, const ListenOptions& o) {
    if (o.local.port != 0) {
        if (port_taken(room, o.local.address, o.local.port, o.reuse_address))
            return std::unexpected(Error::PortInUse);
        return o.local.port;
    }
    for (int attempt = 0; attempt < 256; ++attempt) {
        const auto chosen = choose_port(room, o.local.address.or_unspecified(), {});
        if (!chosen) break;
        if (!port_taken(room, o.local.address, chosen->port, o.reuse_address)) return chosen->port;
    }
    return std::unexpected(Error::NoPortFree);
}

// Who has had what a new listener at `address` will get.
Handle<Listener> listener_before(Room& room, const LocalAddress& address, u16 port) {
    if (address.one() != nullptr) return find_listener(room, *address.one(), port);
    return listener_at(room, Families::Both, port);
}

// Handshakes that a less specific listener had begun here, by an embryo or by a cookie, count for
// the new one, which will end them.
void take_over_handshakes(Room& room, Handle<Listener> mine, Handle<Listener> before) {
    if (before == 0) return;
    Listener& l = room.listeners[mine];
    l.gave_cookies = room.listeners[before].gave_cookies;
    l.cookies_until = room.listeners[before].cookies_until;
    room.embryos.for_each([&](Handle<Embryo> i) {
        const FlowKey& key = room.embryos[i].key;
        if (key.local_port != l.port || find_listener(room, key.local_address(), l.port) != mine)
            return;
        --room.listeners[before].embryos;
        ++l.embryos;
    });
}

}  // namespace

Result<TcpListener> Tcp::listen(const ListenOptions& o) {
    Room& room = *room_;
    if (!valid_options(room, o.options) || o.backlog == 0)
        return std::unexpected(Error::InvalidArgument);
    const LocalAddress& at = o.local.address;
    if (at == LocalAddress{Families::Ipv6}) return std::unexpected(Error::NotSupported);
    if (at.one() != nullptr && !room.inet.is_local_address(*at.one()))
        return std::unexpected(Error::AddressNotAvailable);
    TERN_TRY(const u16 port, port_for(room, o));
    const Handle<Listener> before = listener_before(room, at, port);
    const Handle<Listener> i = room.listeners.allocate();
    if (i == 0) return std::unexpected(Error::OutOfMemory);
    Listener& l = room.listeners[i];
    l.address = at;
    l.port = port;
    const u64 hash = hash_of_listener(room.table_key, l.address, port);
    if (!room.listener_table.insert(hash, i)) {
        room.listeners.free(i);
        return std::unexpected(Error::OutOfMemory);
    }
    l.syn_cookies = o.syn_cookies;
    l.backlog = o.backlog;
    l.syn_backlog = o.syn_backlog;
    l.options = o.options;
    l.options.congestion = room.algorithms[*find_algorithm(room, o.options.congestion)]->name();
    l.fast_open_limit = o.fast_open;
    l.user = o.user;
    l.generation = ++room.last_generation;
    room.lately_listeners = {};
    take_over_handshakes(room, i, before);
    tell_transition(room, l.id(), State::Closed, Cause::OpenPassive);
    return TcpListener{i.index, l.generation};
}

Result<TcpConnection> Tcp::accept(TcpListener listener) {
    Room& room = *room_;
    Listener* l = room.listener_of(listener);
    if (l == nullptr) return std::unexpected(Error::Aborted);
    if (l->accept_head == 0) return std::unexpected(Error::WouldBlock);
    const Handle<Tcb> i = l->accept_head;
    Tcb& tcb = room.tcbs[i];
    l->accept_head = std::exchange(tcb.event_next, {});
    if (l->accept_head == 0) l->accept_tail = 0;
    --l->accept_count;
    tcb.clear(k_waits_for_accept);
    // Tells again what happened while nobody listened.
    const u16 waiting = tcb.events;
    if (waiting != 0) tell(room, tcb, waiting);
    if (tcb.error != Error::None) tell(room, tcb, Closed);
    return TcpConnection{i.index, tcb.generation};
}

Result<LocalEndpoint> Tcp::local_endpoint(TcpListener listener) const {
    const Listener* l = room_->listener_of(listener);
    if (l == nullptr) return std::unexpected(Error::Aborted);
    return LocalEndpoint{l->address, l->port};
}

Result<void> Tcp::close_listener(TcpListener listener) {
    Room& room = *room_;
    Listener* l = room.listener_of(listener);
    if (l == nullptr) return std::unexpected(Error::NoSuchConnection);
    const Handle<Listener> closing(listener.index);
    while (l->accept_head != 0) {
        const auto waiting = accept(listener);
        (void)abort(*waiting);
        release(*waiting);
    }
    room.embryos.for_each([&](Handle<Embryo> i) {
        const FlowKey& key = room.embryos[i].key;
        if (find_listener(room, key.local_address(), key.local_port) == closing)
            reset_embryo(room, *l, i, SendReason::ResetListenerClosed);
    });
    tell_transition(room, l->id(), State::Listen, Cause::Close);
    const u64 hash = hash_of_listener(room.table_key, l->address, l->port);
    room.listener_table.erase(hash, closing);
    room.lately_listeners = {};
    forget_fast_opens(room, *l);
    l->generation = 0;
    if (!l->on_events) room.listeners.free(closing);
    return {};
}

Result<TcpConnection> Tcp::connect(Endpoint remote, const ConnectOptions& o) {
    Room& room = *room_;
    if (!valid_options(room, o.options)) return std::unexpected(Error::InvalidArgument);
    // RFC 9293 3.9.1.1 [MUST-46].
    const bool bad = remote.port == 0 || remote.address.is_unspecified() ||
                     !remote.address.is_v4() || remote.address.v4().is_multicast() ||
                     room.inet.is_broadcast_address(remote.address);
    if (bad) return std::unexpected(Error::InvalidAddress);
    if (o.local_address && !room.inet.is_local_address(*o.local_address))
        return std::unexpected(Error::AddressNotAvailable);
    // [MUST-43], [MUST-44], [MUST-45]: chosen once, kept for life.
    IpAddress local;
    if (o.local_address) {
        local = *o.local_address;
    } else {
        TERN_TRY(local, room.inet.source_for(remote.address));
    }
    FlowKey key(local, o.local_port, remote.address, remote.port);
    u64 hash = 0;
    FlowEntry old;
    if (o.local_port == 0) {
        const auto chosen = choose_port(room, local, remote);
        if (!chosen) return std::unexpected(Error::NoPortFree);
        key.local_port = chosen->port;
        hash = chosen->hash;
    } else {
        if (!at_home(room, key)) return std::unexpected(Error::PortInUse);
        hash = key.hash(room.table_key);
        old = find_flow(room, key, hash);
    }
    std::optional<Seq> above;
    if (old != 0) {
        if (!old.time_wait() || !o.reuse_address) return std::unexpected(Error::PortInUse);
        above = room.time_waits[old.time_wait()].snd_nxt;
    }
    inet::Way way;
    if (auto found = room.inet.find_way(remote.address, local, way); !found)
        return std::unexpected(found.error());
    // All that can be refused comes before the TIME-WAIT that is replaced goes.
    const Ecn ecn = ecn_to_ask(room, o.options, remote.address);
    Extras extras;
    const bool all = allocate_extras(room, o.options, extras, o.fast_open || ecn == Ecn::Accurate);
    const Handle<Tcb> i = all ? new_tcb(room, key, hash, old) : 0;
    if (i == 0) {
        free_extras(room, extras);
        return std::unexpected(Error::OutOfMemory);
    }
    if (old != 0) {
        tell_transition(room, key.id(), State::TimeWait, Cause::OpenActive);
        forget_time_wait(room, old.time_wait());
    }
    Tcb& tcb = room.tcbs[i];
    tcb.ecn = ecn;
    tcb.cold = extras.cold;
    tcb.buffers = extras.buffers;
    apply_options(room, tcb, o.options);
    tcb.way = way;
    tcb.user = o.user;
    const Sequence initial = initial_sequence(room, key);
    tcb.ts_offset = initial.ts_offset;
    // RFC 9293 3.4.1 [MUST-8]: above what a TIME-WAIT that we replace had used.
    const Seq iss = above && initial.iss <= *above ? *above + 0x10001 : initial.iss;
    tcb.snd.iss = tcb.snd.una = tcb.snd.nxt = tcb.snd.max = tcb.recover = iss;
    if (o.fast_open) prepare_fast_open(room, tcb);
    tcb.send_mss = segment_size(room, tcb);
    become(room, tcb, Cause::OpenActive);
    tcb.set(k_syn_due | k_read_armed);
    ++room.cx.counters.tcp_connections_opened;
    want_output(room, tcb);
    return TcpConnection{i.index, tcb.generation};
}

}  // namespace tern
