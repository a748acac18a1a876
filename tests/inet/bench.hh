// An internet layer on a table: one Ethernet interface in virtual time, frames made and read byte
// by byte with a checksum of its own, so that what is tested is not its own witness.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/endian.hh"
#include "core/inet/inet.hh"
#include "support/seen.hh"

namespace tern::test {

using namespace std::chrono_literals;
using Bytes = std::vector<u8>;
using inet::Arrived;

inline constexpr MacAddress k_our_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress k_peer_mac{{0x02, 0, 0, 0, 0, 0x02}};
inline constexpr MacAddress k_other_mac{{0x02, 0, 0, 0, 0, 0x03}};
inline constexpr Ipv4Address k_us{10, 0, 0, 1};
inline constexpr Ipv4Address k_peer{10, 0, 0, 2};
inline constexpr Ipv4Address k_other{10, 0, 0, 3};

// The one's complement sum of 16-bit words, not complemented; 0xffff when a checksum is right.
inline u16 sum16(std::span<const u8> bytes, u64 sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += u64{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(sum);
}
inline void put16(Bytes& to, u16 v) {
    to.push_back(static_cast<u8>(v >> 8));
    to.push_back(static_cast<u8>(v));
}
inline void put32(Bytes& to, u32 v) {
    put16(to, static_cast<u16>(v >> 16));
    put16(to, static_cast<u16>(v));
}
inline void put(Bytes& to, std::span<const u8> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline u16 get16(std::span<const u8> from, std::size_t at) {
    return static_cast<u16>(from[at] << 8 | from[at + 1]);
}
inline u32 get32(std::span<const u8> from, std::size_t at) {
    return u32{get16(from, at)} << 16 | get16(from, at + 2);
}
inline Bytes tail(std::span<const u8> from, std::size_t at) {
    return {from.begin() + static_cast<std::ptrdiff_t>(at), from.end()};
}
inline Bytes pattern(std::size_t n, u8 first = 1) {
    Bytes b(n);
    for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<u8>(first + i * 7);
    return b;
}

struct Ether {
    MacAddress to = k_our_mac;
    MacAddress from = k_peer_mac;
    u16 type = 0x0800;
    u16 vlan = 0;
};
inline Bytes ether(const Ether& h, const Bytes& payload) {
    Bytes f;
    put(f, h.to.bytes);
    put(f, h.from.bytes);
    if (h.vlan != 0) {
        put16(f, 0x8100);
        put16(f, h.vlan);
    }
    put16(f, h.type);
    put(f, payload);
    return f;
}

struct Ip {
    Ipv4Address from = k_peer;
    Ipv4Address to = k_us;
    u8 protocol = 17;
    u8 ttl = 64;
    u8 tos = 0;
    u16 id = 1;
    u16 fragment = 0x4000;  // flags and offset
    Bytes options = {};
    int length_error = 0;  // added to total length
};
inline Bytes ip(const Ip& h, const Bytes& payload) {
    Bytes p;
    p.push_back(static_cast<u8>(0x45 + h.options.size() / 4));
    p.push_back(h.tos);
    put16(p, static_cast<u16>(20 + static_cast<int>(h.options.size() + payload.size()) +
                              h.length_error));
    put16(p, h.id);
    put16(p, h.fragment);
    p.push_back(h.ttl);
    p.push_back(h.protocol);
    put16(p, 0);
    put32(p, h.from.value);
    put32(p, h.to.value);
    put(p, h.options);
    const u16 sum = static_cast<u16>(~sum16(p));
    p[10] = static_cast<u8>(sum >> 8);
    p[11] = static_cast<u8>(sum);
    put(p, payload);
    return p;
}

struct UdpFields {
    u16 from = 4000;
    u16 to = 5000;
    int length_error = 0;
    enum class Sum : u8 { Good, None, Bad } sum = Sum::Good;
};
inline u64 pseudo(Ipv4Address from, Ipv4Address to, u8 protocol, std::size_t length) {
    return u64{from.value >> 16} + (from.value & 0xffff) + (to.value >> 16) + (to.value & 0xffff) +
           protocol + length;
}
inline Bytes udp(const UdpFields& h, const Bytes& payload, Ipv4Address from = k_peer,
                 Ipv4Address to = k_us) {
    Bytes p;
    const std::size_t length = 8 + payload.size();
    put16(p, h.from);
    put16(p, h.to);
    put16(p, static_cast<u16>(static_cast<int>(length) + h.length_error));
    put16(p, 0);
    put(p, payload);
    if (h.sum == UdpFields::Sum::None) return p;
    const u16 claimed = get16(p, 4);
    u16 sum = static_cast<u16>(~sum16(p, pseudo(from, to, 17, claimed)));
    if (sum == 0) sum = 0xffff;
    if (h.sum == UdpFields::Sum::Bad) sum = static_cast<u16>(sum ^ 0x0100);
    p[6] = static_cast<u8>(sum >> 8);
    p[7] = static_cast<u8>(sum);
    return p;
}

inline Bytes icmp(u8 type, u8 code, u32 rest, const Bytes& body) {
    Bytes p{type, code, 0, 0};
    put32(p, rest);
    put(p, body);
    const u16 sum = static_cast<u16>(~sum16(p));
    p[2] = static_cast<u8>(sum >> 8);
    p[3] = static_cast<u8>(sum);
    return p;
}

struct Arp {
    u16 operation = 1;
    MacAddress sender = k_peer_mac;
    Ipv4Address sender_ip = k_peer;
    MacAddress target = {};
    Ipv4Address target_ip = k_us;
    u16 hardware = 1, protocol = 0x0800;
    u8 hardware_length = 6, protocol_length = 4;

    friend bool operator==(const Arp&, const Arp&) = default;
};
inline Bytes arp(const Arp& a) {
    Bytes p;
    put16(p, a.hardware);
    put16(p, a.protocol);
    p.push_back(a.hardware_length);
    p.push_back(a.protocol_length);
    put16(p, a.operation);
    put(p, a.sender.bytes);
    put32(p, a.sender_ip.value);
    put(p, a.target.bytes);
    put32(p, a.target_ip.value);
    return p;
}
inline MacAddress mac_at(std::span<const u8> from, std::size_t at) {
    MacAddress m;
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at), 6, m.bytes.begin());
    return m;
}
inline Arp read_arp(std::span<const u8> frame, std::size_t at = 14) {
    return {.operation = get16(frame, at + 6),
            .sender = mac_at(frame, at + 8),
            .sender_ip = Ipv4Address{get32(frame, at + 14)},
            .target = mac_at(frame, at + 18),
            .target_ip = Ipv4Address{get32(frame, at + 24)},
            .hardware = get16(frame, at),
            .protocol = get16(frame, at + 2),
            .hardware_length = frame[at + 4],
            .protocol_length = frame[at + 5]};
}

// A frame that left, taken apart as far as its headers go.
struct Sent {
    Bytes frame;
    u32 note = 0;
    ChecksumState checksum = ChecksumState::Unknown;

    MacAddress to() const { return mac_at(frame, 0); }
    MacAddress from() const { return mac_at(frame, 6); }
    bool is_arp() const { return get16(frame, 12) == 0x0806; }
    bool is_ip() const { return get16(frame, 12) == 0x0800; }
    Arp arp() const { return read_arp(frame); }
    Bytes ip() const { return tail(frame, 14); }
    Ipv4Address ip_from() const { return Ipv4Address{get32(frame, 26)}; }
    Ipv4Address ip_to() const { return Ipv4Address{get32(frame, 30)}; }
    u8 ttl() const { return frame[22]; }
    u8 protocol() const { return frame[23]; }
    u16 id() const { return get16(frame, 18); }
    bool dont_fragment() const { return (frame[20] & 0x40) != 0; }
    Bytes payload() const { return tail(frame, 34); }
    bool ip_sum_good() const { return sum16(std::span{frame}.subspan(14, 20)) == 0xffff; }
};

class InetTest : public testing::Test {
protected:
    explicit InetTest(const Limits& limits = {}, u64 seed = 42) : context(seed, limits, {}) {
        context.pool = &pool;
        context.budget = &budget;
        context.observer = &witness;
        layer = std::make_unique<inet::Inet>(context);
    }
    ~InetTest() override {
        note_drops(context.counters);
        packet.reset();
        layer.reset();
        EXPECT_EQ(pool.packets_in_use(), 0u) << "a packet leaked";
    }

    u8 add_ethernet(u16 vlan = 0) {
        InterfaceConfig config;
        config.mac = k_our_mac;
        config.vlan = vlan;
        return layer->add_interface(config).value();
    }
    u8 add_plain() {
        InterfaceConfig config;
        config.medium = Medium::Ip;
        return layer->add_interface(config).value();
    }
    // One interface, 10.0.0.1/24.
    void usual() {
        eth = add_ethernet();
        ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/24"), false));
    }
    void peer_is_known() { ASSERT_TRUE(layer->add_neighbor(eth, k_peer, k_peer_mac)); }

    // One frame in. What the layer leaves in `packet` is kept for the caller.
    Arrived inject(const Bytes& frame) { return inject(eth, frame); }
    Arrived inject(u8 interface, const Bytes& frame) {
        packet = pool.copy_of(std::as_bytes(std::span{frame}));
        return layer->arrives(interface, packet, arrival, error);
    }
    Arrived inject_ip(const Bytes& packet_bytes) { return inject(ether({}, packet_bytes)); }
    // In, and it dies for this reason and no other.
    testing::AssertionResult dies(DropReason reason, const Bytes& frame) {
        const Counters before = context.counters;
        const Arrived arrived = inject(frame);
        if (arrived != Arrived::Consumed || packet)
            return testing::AssertionFailure() << "delivered, not dropped";
        for (u32 r = 1; r < k_drop_reason_count; ++r) {
            const u64 expected = r == static_cast<u32>(reason) ? 1 : 0;
            if (context.counters.drops[r] - before.drops[r] != expected)
                return testing::AssertionFailure()
                       << context.counters.drops[r] - before.drops[r] << " x "
                       << name_of(static_cast<DropReason>(r)) << ", expected " << name_of(reason);
        }
        return testing::AssertionSuccess();
    }
    testing::AssertionResult lives(const Bytes& frame, Arrived as) {
        const u64 before = all_drops();
        const Arrived arrived = inject(frame);
        if (arrived != as || all_drops() != before) {
            return testing::AssertionFailure() << "arrived as " << static_cast<int>(arrived) << ", "
                                               << all_drops() - before << " drops";
        }
        return testing::AssertionSuccess();
    }
    u64 all_drops() const {
        u64 sum = 0;
        for (const u64 n : context.counters.drops) sum += n;
        return sum;
    }
    u64 drops(DropReason r) const { return context.counters.dropped(r); }

    // Everything that waits in the interface's queue.
    std::vector<Sent> sent() { return sent(eth); }
    std::vector<Sent> sent(u8 interface) {
        std::vector<Sent> out;
        Chain& queue = layer->queue(interface);
        while (!queue.empty()) {
            const Packet p = queue.pop_front();
            layer->told_frame(interface, p, true);
            Sent s;
            s.frame.resize(p.size());
            std::memcpy(s.frame.data(), p.data(), p.size());
            s.note = p->note;
            s.checksum = p->checksum;
            out.push_back(std::move(s));
        }
        return out;
    }
    std::vector<Sent> sent_arps() {
        std::vector<Sent> all = sent();
        std::erase_if(all, [](const Sent& s) { return !s.is_arp(); });
        return all;
    }
    bool silent() { return sent().empty(); }

    // A packet of ours with `payload` behind the IP header.
    void send_to(Ipv4Address to, const Bytes& payload, u8 protocol = 17) {
        inet::Way way;
        send_to(to, payload, way, protocol);
    }
    void send_to(Ipv4Address to, const Bytes& payload, inet::Way& way, u8 protocol = 17) {
        const auto source = layer->source_for(to);
        layer->send(
            pool.copy_of(std::as_bytes(std::span{payload})),
            {.source = source ? *source : IpAddress{k_us}, .destination = to, .protocol = protocol},
            way);
    }

    void wait(Duration d) { run_to(context.now + d); }
    // Timers on the way fire at their own times.
    void run_to(Instant end) {
        for (Instant next = layer->next_deadline(); next <= end; next = layer->next_deadline()) {
            context.now = std::max(context.now, next);
            layer->advance();
        }
        context.now = end;
        layer->advance();
    }

    MemoryBudget budget{u64{256} << 20};
    PacketPool pool{budget};
    Seen witness;
    Context context;
    std::unique_ptr<inet::Inet> layer;
    u8 eth = 0;
    Packet packet;
    inet::Arrival arrival;
    inet::IcmpError error;
};

}  // namespace tern::test
