// The verbs of a stack, called for interfaces that it does not have; and frames that carry nothing
// but what was written into them.
#include <gtest/gtest.h>

#include <vector>

#include "scale/siege.hh"
#include "support/covers.hh"
#include "support/seen.hh"

namespace tern::siege {
namespace {

constexpr Instant k_now = Instant{} + 1h;

PacketBatch one_packet(Stack& stack, std::span<const u8> bytes) {
    PacketBatch batch;
    batch.push(stack.pool().copy_of(std::as_bytes(bytes)));
    return batch;
}

TEST(Verbs, AnInterfaceThatIsNotThereSendsNothingAndLosesWhatComes) {
    Host host{k_server, 1, u64{8} << 20};
    Stack& stack = host.stack;
    const auto syn = tcp_segment(k_enemy.value, 4000, 1, 0, 2, k_echo);
    u64 lost = 0;
    for (const u8 none : {0, 2, 255}) {
        EXPECT_TRUE(stack.transmit(k_now, Interface{none}).empty());
        stack.receive(k_now, Interface{none}, one_packet(stack, syn));
        EXPECT_EQ(stack.counters().dropped(DropReason::LinkNoInterface), ++lost);
        stack.receive(k_now, Interface{none}, {});
        EXPECT_EQ(stack.counters().dropped(DropReason::LinkNoInterface), lost);
    }
    test::note_drops(stack.counters());
    EXPECT_TRUE(stack.transmit(k_now, host.on).empty()) << "and nobody has answered";
    EXPECT_EQ(stack.pool().packets_in_use(), 0u);
    stack.receive(k_now, host.on, one_packet(stack, syn));
    EXPECT_EQ(stack.transmit(k_now, host.on).size(), 1u) << "where it is at home it is answered";
}

// Two hosts that do the same, except that their buffers held other bytes before. A byte that nobody
// has written shows as a difference (Etherleak, CVE-2003-0001).
class Twin {
public:
    explicit Twin(u8 before) : stack({.seed = 7, .memory_limit = u64{16} << 20}) {
        fill_buffers(std::byte{before});
        on = stack.add_interface({.mac = {{2, 0, 0, 0, 0, 1}}}).value();
        EXPECT_TRUE(stack.add_address(on, {k_server, 8}, Stack::Probe::Yes).has_value());
        EXPECT_TRUE(stack.add_address(on, {Ipv4Address{10, 0, 0, 9}, 8}).has_value());
    }
    // Every buffer that the pool will hand out has been somebody else's.
    void fill_buffers(std::byte with) {
        std::vector<Packet> all;
        for (const u32 size : {PacketPool::k_payload_small, PacketPool::k_payload_jumbo,
                               PacketPool::k_payload_super})
            for (u32 n = 0; n < 100; ++n)
                if (Packet p = stack.pool().allocate(size)) {
                    std::memset(p->slot + Packet::k_slot_header, std::to_integer<int>(with),
                                p->capacity - Packet::k_slot_header);
                    all.push_back(std::move(p));
                }
    }
    // An IP packet in a frame of the smallest size, whose padding the sender has left in it.
    void hears(const std::vector<u8>& ip, u8 padding) {
        std::vector<u8> frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8, 0};
        frame.insert(frame.end(), ip.begin(), ip.end());
        if (frame.size() < 60) frame.resize(60, padding);
        stack.receive(now, on, one_packet(stack, frame));
        collect();
    }
    void collect() {
        for (;;) {
            PacketBatch batch = stack.transmit(now, on);
            if (batch.empty()) return;
            for (u32 k = 0; k < batch.size(); ++k) {
                const Packet p = batch.take(k);
                sent.emplace_back(p.bytes().begin(), p.bytes().end());
            }
        }
    }
    void wait(Duration d) {
        for (const Instant end = now + d; now < end; now += 50ms) {
            stack.advance(now);
            collect();
        }
    }

    Stack stack;
    Interface on;
    Instant now = k_now;
    std::vector<std::vector<std::byte>> sent;
};

std::vector<u8> icmp_echo() {
    std::vector<u8> message = {8, 0, 0, 0, 0, 1, 0, 1, 'a'};
    u32 sum = 0;
    for (std::size_t i = 0; i < message.size(); ++i) sum += u32{message[i]} << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
    message[2] = static_cast<u8>(~sum >> 8);
    message[3] = static_cast<u8>(~sum);
    return frame(k_enemy.value, 0x4000, 1, message);
}

std::vector<u8> udp_to_nobody() {
    return frame(k_enemy.value, 0x4000, 17, std::vector<u8>{0x10, 0, 0x20, 0, 0, 9, 0, 0, 'x'});
}

// One of each kind of frame: ARP of all kinds, ICMP of all kinds, UDP, and TCP with and without
// options, text and connections.
void talk(Twin& t, u8 padding) {
    ListenOptions o;
    o.local.port = k_echo;
    ASSERT_TRUE(t.stack.tcp().listen(o).has_value());
    const auto socket = t.stack.udp().open({});
    ASSERT_TRUE(socket.has_value());
    t.wait(10s);  // probes and announcements
    ASSERT_TRUE(t.stack.add_neighbor(t.on, k_enemy, {{2, 0, 0, 0, 0, 3}}).has_value());
    const std::byte text[3] = {std::byte{'t'}, std::byte{'e'}, std::byte{'x'}};
    EXPECT_TRUE(t.stack.udp().send(*socket, std::span(text).first(1), Endpoint{k_enemy, 9}));
    EXPECT_TRUE(t.stack.udp().send(*socket, {}, Endpoint{k_honest, 9}));  // asks for a neighbour
    EXPECT_TRUE(t.stack.send_echo(k_enemy, 1, 1, text));
    t.collect();
    t.hears(icmp_echo(), padding);
    t.hears(udp_to_nobody(), padding);
    t.hears(frame(k_enemy.value, 0x4000, 99, std::vector<u8>{1, 2, 3}), padding);
    t.hears(tcp_segment(k_enemy.value, 4000, 100, 0, 2, k_echo), padding);    // SYN, ACK
    t.hears(tcp_segment(k_enemy.value, 4001, 100, 9, 16, k_echo), padding);   // RST
    t.hears(tcp_segment(k_enemy.value, 4001, 100, 0, 2, k_victim), padding);  // RST, ACK
    const auto c = t.stack.tcp().connect({k_enemy, 9});
    ASSERT_TRUE(c.has_value());
    t.wait(10s);  // a SYN with options, and again
    (void)t.stack.tcp().abort(*c);
    t.collect();
}

TEST(Verbs, FramesCarryNothingThatNobodyHasWritten) {
    test::covers({"VULN:etherleak"});
    Twin one{0x00}, other{0xff};
    talk(one, 0x11);
    talk(other, 0xee);
    ASSERT_EQ(one.sent.size(), other.sent.size());
    EXPECT_GT(one.sent.size(), 14u);
    for (std::size_t i = 0; i < one.sent.size(); ++i)
        EXPECT_EQ(one.sent[i], other.sent[i]) << "frame " << i;
}

}  // namespace
}  // namespace tern::siege
