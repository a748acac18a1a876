// The link, the addresses and the clock of the two stacks.
#include "pair.hh"

#include <algorithm>

namespace tern::bench {

namespace {

constexpr u64 k_memory = u64{6} << 30;
constexpr u16 k_first_port = 80;
// An IPv4 packet of ours without payload: 20 bytes of IPv4 and 32 of TCP with timestamps.
constexpr u32 k_longest_empty_packet = 60;

IpAddress client_address(u64 n) { return Ipv4Address(10, 0, 1, static_cast<u8>(1 + n)); }
IpAddress server_address() { return Ipv4Address(10, 0, 0, 1); }

StackConfig config(u64 seed, PacketPool& pool) {
    StackConfig c;
    c.seed = seed;
    c.memory_limit = k_memory;
    c.pool = &pool;
    c.limits.ephemeral_port_first = 1024;
    c.limits.ephemeral_port_last = 65535;
    return c;
}

Interface add_interface(Stack& stack, Offload link) {
    InterfaceConfig c;
    c.transmit_checksum = link != Offload::Frames;
    c.segmentation = link == Offload::Super;
    c.name = "link";
    c.medium = Medium::Ip;
    return stack.add_interface(c).value();
}

}  // namespace

Pair::Pair(const Options& options, u64 most)
    : budget_(k_memory), pool_(budget_), client(config(1, pool_)), server(config(2, pool_)),
      client_side_(add_interface(client, options.link)),
      server_side_(add_interface(server, options.link)),
      client_addresses_(1 + most / k_most_per_address) {
    require(client_addresses_ < 250, "too many connections");
    for (u64 i = 0; i < client_addresses_; ++i)
        require(client.add_address(client_side_, {client_address(i), 16}).has_value(),
                "cannot add a client address");
    require(server.add_address(server_side_, {server_address(), 16}).has_value(),
            "cannot add the server's address");
    if (options.units != 0) set_step(std::chrono::microseconds(1));
    client.set_header_prediction(options.prediction);
    server.set_header_prediction(options.prediction);
}

void Pair::tick() {
    // A pause of the machine must not look like a loss to the stacks.
    constexpr double k_longest_tick = 1e-3;
    const double elapsed = watch_.seconds();
    if (simulated_step_.count() == 0)
        now_ += Duration{static_cast<i64>(std::min(elapsed - ticked_, k_longest_tick) * 1e9)};
    else
        now_ += simulated_step_ * k_steps_per_tick;
    ticked_ = elapsed;
    // A call ends a bounded number of timers.
    for (Stack* s : {&client, &server}) {
        do {
            s->advance(now_);
        } while (s->next_deadline() <= now_);
    }
}

bool Pair::client_to_server() {
    PacketBatch batch = client.transmit(now_, client_side_);
    if (batch.empty()) return false;
    frames_ += batch.size();
    for (u32 i = 0; i < batch.size(); ++i) {
        const PacketDescriptor& d = *batch.peek(i);
        if (d.end - d.begin > k_longest_empty_packet)
            data_frames_ += std::max<u32>(d.gso_segments, 1);
    }
    server.receive(now_, server_side_, std::move(batch));
    return true;
}

bool Pair::server_to_client() {
    PacketBatch batch = server.transmit(now_, server_side_);
    if (batch.empty()) return false;
    frames_ += batch.size();
    acks_ += batch.size();
    client.receive(now_, client_side_, std::move(batch));
    return true;
}

void Pair::listen(const ListenOptions& wanted) {
    for (u16 i = 0; i < k_server_ports; ++i) {
        ListenOptions o = wanted;
        o.local = {server_address(), static_cast<u16>(k_first_port + i)};
        require(server.tcp().listen(o).has_value(), "cannot listen");
    }
}

Result<TcpConnection> Pair::connect(u64 n, const ConnectOptions& wanted) {
    ConnectOptions o = wanted;
    o.local_address = client_address(n / k_server_ports % client_addresses_);
    const auto port = static_cast<u16>(k_first_port + n % k_server_ports);
    return client.tcp().connect({server_address(), port}, o);
}

void Pair::require_clean() const {
    for (const Stack* s : {&client, &server}) {
        const Counters& c = s->counters();
        require(c.tcp_retransmissions == 0, "a segment was sent twice");
        for (u32 i = 0; i < k_drop_reason_count; ++i)
            require(c.drops[i] == 0, text_of(static_cast<DropReason>(i)).data());
        require(c.tcp_cookies_sent == 0, "a handshake went by cookie");
    }
}

}  // namespace tern::bench
