// What does an ACK cost a sender with much in flight and many holes? Expected: the same for 95 MB
// and 9,000 holes as for 950 KB and 90, but for cache misses; in whatever order what is behind the
// holes arrives, and from a peer that does its worst. An iteration is a whole flight, its repairs
// not sent.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <vector>

#include "core/base/random.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"
#include "tern/stack.hh"

namespace tern {
namespace {

constexpr u32 k_mss = 1460;
constexpr u8 k_scale = 14;
const Ipv4Address k_here(10, 0, 0, 1), k_peer(10, 0, 0, 2);

struct Ack {
    u32 ack = 0;  // segments of the flight
    u32 count = 0;
    std::array<std::array<u32, 2>, 4> blocks{};  // in segments of the flight
};

// A stack with a flight of so many segments, and the peer's end of the connection.
class Sender {
public:
    explicit Sender(u32 segments) : stack_(config(segments)) {
        on_ = stack_
                  .add_interface({.name = "wire",
                                  .medium = Medium::Ip,
                                  .transmit_checksum = true,
                                  .segmentation = true})
                  .value();
        if (!stack_.add_address(on_, *Cidr::parse("10.0.0.1/24")))
            throw std::runtime_error("address");
        connection_ = *stack_.tcp().connect({IpAddress(k_peer), 80});
        const PacketBatch syn = stack_.transmit(now_, on_);
        const auto header = wire::parse_tcp(bytes_of(*syn.peek(0)).subspan(20));
        port_ = header->source_port;
        data_ = header->seq + 1;
        wire::TcpOptionsToSend offer;
        offer.mss = k_mss;
        offer.window_scale = k_scale;
        offer.sack_permitted = true;
        receive(wire::Syn | wire::Ack, data_, Seq{5000}, offer);
        receive(wire::Ack, data_, Seq{5001}, {});  // a SYN's window is not scaled
        fly(segments);
    }

    void acknowledge(const Ack& a) {
        std::array<wire::SackBlock, 4> blocks;
        for (u32 k = 0; k < a.count; ++k) blocks[k] = {at(a.blocks[k][0]), at(a.blocks[k][1])};
        receive(wire::Ack, at(a.ack), Seq{5001}, {.sack = {blocks.data(), a.count}});
    }
    u32 flight() { return stack_.tcp().status(connection_)->flight; }

private:
    static StackConfig config(u32 segments) {
        StackConfig c;
        c.memory_limit = u64{2} << 30;
        c.limits.tcp_send_buffer = 1u << 28;
        c.limits.tcp_initial_window_segments = static_cast<u16>(segments);
        return c;
    }
    static std::span<const std::byte> bytes_of(const PacketDescriptor& d) {
        return {d.slot + d.begin, d.end - d.begin};
    }
    Seq at(u32 segment) const { return data_ + segment * k_mss; }

    void fly(u32 segments) {
        const std::vector<std::byte> text(64 * k_mss);
        for (u32 left = segments * k_mss; left > 0;) {
            const auto n = std::min<std::size_t>(left, text.size());
            left -= static_cast<u32>(*stack_.tcp().send(connection_, std::span{text}.first(n)));
            while (!stack_.transmit(now_, on_).empty()) continue;
        }
        if (flight() != segments * k_mss) throw std::runtime_error("not all is in flight");
        now_ += std::chrono::milliseconds(5);
    }

    void receive(u16 flags, Seq ack, Seq seq, const wire::TcpOptionsToSend& options) {
        std::byte words[40];
        const u32 length = 20 + wire::emit_tcp_options(options, words);
        Packet packet = stack_.pool().allocate(20 + length);
        std::byte* to = packet.append(20 + length);
        wire::emit_ipv4({.total_length = static_cast<u16>(20 + length),
                         .protocol = 6,
                         .source = k_peer,
                         .destination = k_here},
                        to);
        wire::emit_tcp({.source_port = 80,
                        .destination_port = port_,
                        .seq = seq,
                        .ack = ack,
                        .header_length = static_cast<u8>(length),
                        .flags = flags,
                        .window = 65535},
                       to + 20);
        std::copy_n(words, length - 20, to + 40);
        packet->checksum = ChecksumState::Verified;
        PacketBatch batch;
        batch.push(std::move(packet));
        stack_.receive(now_, on_, std::move(batch));
    }

    Stack stack_;
    Interface on_;
    TcpConnection connection_;
    u16 port_ = 0;
    Seq data_;  // of the first byte
    Instant now_ = Instant{} + std::chrono::hours(1);
};

// Every seventh segment is lost.
constexpr u32 k_hole = 7;

// What a receiver tells when the others arrive in this order: the block that grew, and the three
// that grew before it.
std::vector<Ack> told_by_receiver(u32 segments, const std::vector<u32>& order) {
    std::vector<std::array<u32, 2>> run(segments / k_hole + 1, {0, 0});
    std::vector<bool> here(segments + 1);
    std::vector<std::array<u32, 2>> recent;
    std::vector<Ack> acks;
    for (const u32 s : order) {
        here[s] = true;
        std::array<u32, 2> block{s, s + 1};
        while (here[block[0] - 1]) --block[0];
        while (here[block[1]]) ++block[1];
        std::erase_if(recent, [&](const auto& b) { return b[0] >= block[0] && b[1] <= block[1]; });
        recent.insert(recent.begin(), block);
        if (recent.size() > 4) recent.resize(4);
        Ack a{.ack = 0, .count = static_cast<u32>(recent.size())};
        std::ranges::copy(recent, a.blocks.begin());
        acks.push_back(a);
    }
    return acks;
}

std::vector<u32> arrivals(u32 segments) {
    std::vector<u32> order;
    for (u32 s = 0; s < segments; ++s)
        if (s % k_hole != 0) order.push_back(s);
    return order;
}

// Of this thread: a pass is long enough for others to get in between.
double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

void pass(benchmark::State& state, const std::vector<Ack>& acks) {
    for (auto _ : state) {
        Sender sender(static_cast<u32>(state.range(0)));
        const double start = cpu_seconds();
        for (const Ack& a : acks) sender.acknowledge(a);
        const double took = cpu_seconds() - start;
        state.SetIterationTime(took / double(acks.size()));
    }
    state.counters["acks"] = double(acks.size());
    state.counters["holes"] = double(state.range(0) / k_hole);
}

void in_order(benchmark::State& state) {
    const u32 segments = static_cast<u32>(state.range(0));
    pass(state, told_by_receiver(segments, arrivals(segments)));
}

void at_random(benchmark::State& state) {
    const u32 segments = static_cast<u32>(state.range(0));
    std::vector<u32> order = arrivals(segments);
    Random random{1};
    for (u32 n = static_cast<u32>(order.size()); n > 1; --n)
        std::swap(order[n - 1], order[random.below(n)]);
    pass(state, told_by_receiver(segments, order));
}

// Four new blocks of a segment with every ACK.
void attack(benchmark::State& state) {
    const u32 segments = static_cast<u32>(state.range(0));
    Random random{1};
    std::vector<Ack> acks(segments);
    for (Ack& a : acks) {
        a.count = 4;
        for (auto& b : a.blocks) b[0] = 1 + random.below(segments - 2), b[1] = b[0] + 1;
    }
    pass(state, acks);
}

// The whole flight and its last segment in turn.
void all_and_nothing(benchmark::State& state) {
    const u32 segments = static_cast<u32>(state.range(0));
    std::vector<Ack> acks(segments);
    for (u32 n = 0; n < segments; ++n)
        acks[n] = {.ack = 0, .count = 1, .blocks = {{{n % 2 == 0 ? 1 : segments - 1, segments}}}};
    pass(state, acks);
}

// A yardstick: nothing is lost.
void cumulative(benchmark::State& state) {
    const u32 segments = static_cast<u32>(state.range(0));
    std::vector<Ack> acks(segments);
    for (u32 n = 0; n < segments; ++n) acks[n].ack = n + 1;
    pass(state, acks);
}

BENCHMARK(cumulative)->Arg(650)->Arg(65'000)->Iterations(5)->UseManualTime();
BENCHMARK(in_order)->Arg(650)->Arg(65'000)->Iterations(5)->UseManualTime();
BENCHMARK(at_random)->Arg(650)->Arg(65'000)->Iterations(5)->UseManualTime();
BENCHMARK(attack)->Arg(650)->Arg(65'000)->Iterations(5)->UseManualTime();
BENCHMARK(all_and_nothing)->Arg(650)->Arg(65'000)->Iterations(5)->UseManualTime();

}  // namespace
}  // namespace tern
