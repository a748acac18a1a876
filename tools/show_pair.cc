// The loop of a stack (tern/stack.hh), twice, with a queue of frames under way.
#include "show_pair.hh"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tern::tools {

namespace {

constexpr u64 k_memory = u64{64} << 20;

}  // namespace

Pair::Pair(const PairOptions& options)
    : budget(k_memory), pool(budget), ladder(options.ladder),
      client(make_stack({10, 0, 0, 1}, 1, ladder.left())),
      server(make_stack({10, 0, 0, 2}, 2, ladder.right())), options_(options) {}

void Pair::listen() {
    if (std::exchange(listens_, true)) return;
    ListenOptions options;
    options.local.port = k_port;
    const auto listener = server.tcp().listen(options);
    if (!listener) throw std::runtime_error(std::string{message_of(listener.error())});
    listener_ = *listener;
}

Pair::~Pair() = default;

Stack Pair::make_stack(Ipv4Address address, u64 seed, Observer& observer) {
    StackConfig config;
    config.seed = seed;  // the same numbers in every run: a story that can be talked about
    config.pool = &pool;
    config.observer = &observer;
    Stack stack{config};
    InterfaceConfig wire;
    wire.name = "wire";
    wire.medium = Medium::Ip;
    const Interface i = stack.add_interface(wire).value();
    if (const auto added = stack.add_address(i, {address, 24}); !added)
        throw std::runtime_error(std::string{message_of(added.error())});
    return stack;
}

void Pair::carry(Stack& from, bool to_server) {
    for (;;) {
        PacketBatch batch = from.transmit(now, k_wire);
        if (batch.empty()) return;
        for (u32 i = 0; i < batch.size(); ++i) {
            const Packet sent = batch.take(i);
            if (!sent) continue;
            if (story_ && options_.drop.contains(++packets)) {
                ++dropped;
                continue;
            }
            // A copy, for what the sender knows of its packet does not travel with it.
            cable_.push_back({now + options_.delay, to_server, pool.copy_of(sent.bytes())});
        }
    }
}

void Pair::exchange() {
    carry(client, true);
    carry(server, false);
}

void Pair::events() {
    while (const auto e = client.next_event())
        if (e->kind == Event::Kind::Tcp) client_events |= e->bits;
    while (const auto e = server.next_event()) {
        if (e->kind == Event::Kind::Tcp) server_events |= e->bits;
        if (e->kind != Event::Kind::Listener) continue;
        if (const auto accepted = server.tcp().accept(listener_)) server_end = *accepted;
    }
}

// Goes to the next thing that happens, if that is not after `until`; false: nothing does.
bool Pair::step(Instant until) {
    exchange();
    Instant next = std::min(client.next_deadline(), server.next_deadline());
    if (!cable_.empty()) next = std::min(next, cable_.front().due);
    if (next > until || next == Instant::max()) return false;
    now = std::max(now, next);
    while (!cable_.empty() && cable_.front().due <= now) {
        Frame frame = std::move(cable_.front());
        cable_.pop_front();
        PacketBatch batch;
        batch.push(std::move(frame.packet));
        (frame.to_server ? server : client).receive(now, k_wire, std::move(batch));
    }
    client.advance(now);
    server.advance(now);
    events();
    exchange();
    return true;
}

bool Pair::run_until(const std::function<bool()>& done, Duration at_most) {
    const Instant until = now + at_most;
    exchange();
    while (!done())
        if (!step(until)) return done();
    return true;
}

void Pair::run_for(Duration d) {
    const Instant until = now + d;
    while (step(until)) {}
    // A stack knows the time from its verbs alone; the calls that follow are made at this one.
    now = until;
    client.advance(now);
    server.advance(now);
    events();
}

void Pair::begin_story() {
    ladder.clear();
    story_ = true;
}

}  // namespace tern::tools
