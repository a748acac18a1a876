#include "lab/explore/side.hh"

#include <array>

namespace tern::explore {

namespace {

using std::chrono::seconds;

StackConfig config_of(PacketPool& pool, u64 seed, Observer* observer) {
    StackConfig config;
    config.seed = seed;
    config.pool = &pool;
    config.observer = observer;
    return config;
}

// RFC 9293 figure 5 with 3.10's short cuts to CLOSED; a listener's SYN-RECEIVED may begin anew.
bool in_figure_5(State from, State to) {
    using enum State;
    constexpr auto bits = [](std::initializer_list<State> states) {
        u32 all = 0;
        for (const State s : states) all |= 1u << static_cast<u8>(s);
        return all;
    };
    constexpr std::array<u32, 11> next = {
        bits({Listen, SynSent}),                   // CLOSED
        bits({SynReceived, Closed}),               // LISTEN
        bits({SynReceived, Established, Closed}),  // SYN-SENT
        bits({Established, Listen, Closed}),       // SYN-RECEIVED
        bits({FinWait1, CloseWait, Closed}),       // ESTABLISHED
        bits({FinWait2, Closing, Closed}),         // FIN-WAIT-1
        bits({TimeWait, Closed}),                  // FIN-WAIT-2
        bits({LastAck, Closed}),                   // CLOSE-WAIT
        bits({TimeWait, Closed}),                  // CLOSING
        bits({Closed}),                            // LAST-ACK
        bits({Closed, SynReceived}),               // TIME-WAIT
    };
    return (next[static_cast<u8>(from)] & 1u << static_cast<u8>(to)) != 0;
}

}  // namespace

void Seen::on_state(const StateEvent& e) {
    odd_step |= !in_figure_5(e.from, e.to);
    if (e.to == State::TimeWait) waits_since = e.at;
    // 2MSL is 60 s here; a FIN that comes again makes it longer.
    if (e.cause == Cause::TwoMslPassed && e.at - waits_since < seconds(60)) short_time_wait = true;
    state = e.to;
    states |= 1u << static_cast<u8>(e.to);
}

Side::Side(const char* side_name, PacketPool& pool, u64 seed, const char* address,
           const std::vector<Step>& wanted, bool listening)
    : name(side_name), stack(config_of(pool, seed, &seen)),
      interface(stack.add_interface({.name = "wire", .medium = Medium::Ip}).value()), steps(wanted),
      put_off(wanted.size(), 0), listens(listening) {
    (void)stack.add_address(interface, *Cidr::parse(address));
    if (!listens) return;
    ListenOptions options;
    options.local.port = k_port;
    (void)stack.tcp().listen(options);
}

void Side::hear(Instant now, Plant plant) {
    while (const auto event = stack.next_event()) {
        if (event->kind == Event::Kind::Listener) {
            const auto c = stack.tcp().accept(event->listener());
            if (!c) continue;
            connection = *c;
            accepted = true;
            read();
            continue;
        }
        if (!(event->connection() == connection) || released) continue;
        if (event->bits & Connected) ++connected;
        if (event->bits & (Readable | PeerClosed)) read();
        if (!(event->bits & Closed)) continue;
        if (plant == Plant::ForgottenClose && seen.was_in(State::Closing)) continue;
        ++closed;
        error = event->error;
        closed_at = now;
        stack.tcp().release(connection);
    }
}

void Side::read() {
    std::array<std::byte, 4096> bytes;
    for (;;) {
        const auto n = stack.tcp().receive(connection, bytes);
        if (!n) at_end |= n.error() == Error::EndOfStream;
        if (!n) return;
        received += static_cast<u32>(*n);
    }
}

bool Side::due(const Step& step, u8 put_off_to, bool idle) const {
    const bool has_handle = static_cast<bool>(connection);
    if (step.call != Call::Connect && !has_handle) return false;
    if (put_off_to > 0) return idle || arrivals + 1 >= put_off_to;
    switch (step.when) {
        case When::AtOnce: return true;
        case When::Established: return connected > 0 || accepted;
        case When::PeerClosed: return at_end;
    }
    return false;
}

bool Side::act(bool idle) {
    bool any = false;
    while (has_steps() && due(steps[next], put_off[next], idle)) {
        make(steps[next++].call);
        any = true;
    }
    return any;
}

void Side::make(Call call) {
    Tcp& tcp = stack.tcp();
    switch (call) {
        case Call::Connect: {
            ConnectOptions options;
            if (!listens) options.local_port = k_port;
            const auto c = tcp.connect({peer, k_port}, options);
            refused |= !c;
            if (c) connection = *c;
            return;
        }
        case Call::Send: {
            const std::array<std::byte, k_message> bytes{};
            const auto n = tcp.send(connection, bytes);
            refused |= !n;
            if (n) sent += static_cast<u32>(*n);
            return;
        }
        case Call::Close:
            refused |= !tcp.close(connection);
            closed_itself = true;
            return;
        case Call::Abort:
            refused |= !tcp.abort(connection);
            aborted_itself = true;
            return;
        case Call::Release:
            tcp.release(connection);
            aborted_itself = released = true;
            return;
    }
}

}  // namespace tern::explore
