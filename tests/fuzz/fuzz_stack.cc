// The whole stack: the input is a list of packets, calls and pauses. Whatever it says, nothing
// crashes, hangs or leaks, and the memory ceiling holds.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "tern/stack.hh"

namespace {

using namespace tern;

struct Input {
    const u8* at;
    std::size_t left;
    u8 byte() {
        if (left == 0) return 0;
        --left;
        return *at++;
    }
    u16 word() { return static_cast<u16>(byte() << 8 | byte()); }
};

struct Host {
    Stack stack;
    Interface wire, cable;  // the cable has Ethernet, and so ARP and VLAN tags
    Instant now = Instant{} + std::chrono::seconds(1);
    TcpListener listener;
    std::vector<TcpConnection> connections;
    UdpSocket udp;
    u32 last_seq = 0, last_ack = 0;  // of the last TCP segment that the stack sent
    u16 last_ports[2] = {80, 40000};

    static StackConfig config(PacketPool& pool) {
        StackConfig c;
        c.seed = 42;
        c.pool = &pool;
        c.memory_limit = 8 << 20;
        c.limits.tcp_receive_buffer = 16 << 10;
        c.limits.tcp_send_buffer = 16 << 10;
        return c;
    }
    explicit Host(PacketPool& pool) : stack(config(pool)) {
        InterfaceConfig w;
        w.medium = Medium::Ip;
        wire = stack.add_interface(w).value();
        (void)stack.add_address(wire, *Cidr::parse("10.0.0.1/24"));
        InterfaceConfig e;
        e.mac = MacAddress{{2, 0, 0, 0, 0, 1}};  // as in frame()
        cable = stack.add_interface(e).value();
        (void)stack.add_address(cable, *Cidr::parse("10.1.0.1/24"), Stack::Probe::Yes);
        ListenOptions o;
        o.local.port = 80;
        o.syn_backlog = 4;
        listener = *stack.tcp().listen(o);
        UdpOptions u;
        u.local.port = 53;
        udp = *stack.udp().open(u);
    }

    void pump() {
        for (int i = 0; i < 8; ++i) {
            PacketBatch out = stack.transmit(now, wire);
            if (out.empty()) break;
            for (u32 k = 0; k < out.size(); ++k) remember(*out.peek(k));
        }
        for (int i = 0; i < 8; ++i)
            if (stack.transmit(now, cable).empty()) break;
        while (auto e = stack.next_event()) {
            if (e->kind == Event::Kind::Listener)
                while (auto c = stack.tcp().accept(e->listener())) connections.push_back(*c);
        }
        if (stack.memory_used() > 8 << 20) std::abort();
        examine();
    }
    void examine() {
        const auto broken = stack.broken_invariant();
        if (!broken) return;
        std::fprintf(stderr, "an invariant does not hold: %s\n", broken->what.data());
        std::abort();
    }
    void remember(const PacketDescriptor& d) {
        const std::byte* ip = d.slot + d.begin;
        if (d.end - d.begin < 40 || static_cast<u8>(ip[9]) != 6) return;
        last_ports[0] = load16(ip + 20);
        last_ports[1] = load16(ip + 22);
        last_seq = load32(ip + 24);
        last_ack = load32(ip + 28);
    }
    void arrive(std::span<const std::byte> bytes) { arrive(bytes, wire); }
    void arrive(std::span<const std::byte> bytes, Interface at) {
        PacketBatch batch;
        if (Packet p = stack.pool().copy_of(bytes)) batch.push(std::move(p));
        stack.receive(now, at, std::move(batch));
        examine();
    }

    // A TCP segment whose numbers are near those of the conversation.
    void segment(Input& in) {
        std::vector<std::byte> p(40 + in.byte() % 41 / 4 * 4);
        const u32 options = static_cast<u32>(p.size() - 40);
        const u8 how = in.byte();
        const u32 payload = how & 1 ? in.byte() * 8u : 0;
        for (std::size_t i = 40; i < p.size(); ++i) p[i] = static_cast<std::byte>(in.byte());
        p.resize(p.size() + payload, std::byte{'x'});
        p[0] = std::byte{0x45};
        store16(&p[2], static_cast<u16>(p.size()));
        p[8] = std::byte{64};
        p[9] = std::byte{6};
        store32(&p[12], 0x0a000002);
        store32(&p[16], 0x0a000001);
        const u16 sum = checksum_finish(checksum_add(0, std::span(p).first(20)));
        std::memcpy(&p[10], &sum, 2);
        store16(&p[20], how & 2 ? last_ports[1] : static_cast<u16>(40000 + in.byte() % 8));
        store16(&p[22], how & 2 ? last_ports[0] : u16{80});
        const i32 near_seq = static_cast<i16>(how & 4 ? in.word() : 0);
        const i32 near_ack = static_cast<i16>(how & 8 ? in.word() : 0);
        store32(&p[24], last_ack + static_cast<u32>(near_seq));
        store32(&p[28], last_seq + static_cast<u32>(near_ack));
        store16(&p[32], static_cast<u16>((5 + options / 4) << 12 | (in.word() & 0x1ff)));
        store16(&p[34], in.word());
        store16(&p[38], how & 16 ? in.word() : u16{0});
        const u32 pseudo = checksum_pseudo(IpAddress(Ipv4Address(10, 0, 0, 2)),
                                           IpAddress(Ipv4Address(10, 0, 0, 1)), 6,
                                           static_cast<u32>(p.size() - 20));
        const u16 tcp = checksum_finish(checksum_add(pseudo, std::span(p).subspan(20)));
        std::memcpy(&p[36], &tcp, 2);
        arrive(p);
    }
    // What the last segment was, as an ICMP error would quote it.
    void quote(std::span<std::byte> into) const {
        std::byte quoted[28]{};
        quoted[0] = std::byte{0x45};
        store16(quoted + 2, 40);
        quoted[8] = std::byte{60};
        quoted[9] = std::byte{6};
        store32(quoted + 12, 0x0a000001);
        store32(quoted + 16, 0x0a000002);
        store16(quoted + 20, last_ports[0]);
        store16(quoted + 22, last_ports[1]);
        store32(quoted + 24, last_seq);
        std::memcpy(into.data(), quoted, std::min(into.size(), sizeof quoted));
    }
    // ICMP, UDP or any other protocol, with IP options and with right checksums, which chance would
    // not find.
    void datagram(Input& in) {
        const u8 how = in.byte();
        const u32 header = 20 + in.byte() % 11 * 4u;
        std::vector<std::byte> p(header + 8 + in.byte());
        constexpr u8 k_protocols[] = {1, 17, 17, 2};
        p[0] = static_cast<std::byte>(0x40 | header / 4);
        store16(&p[2], static_cast<u16>(p.size()));
        if (how & 4) store16(&p[6], in.word());
        p[8] = std::byte{how & 8 ? u8{1} : u8{64}};
        p[9] = static_cast<std::byte>(k_protocols[how & 3]);
        store32(&p[12], how & 16 ? 0x0a000002 : 0x0a000000u | in.byte());
        store32(&p[16], how & 32 ? 0x0a0000ffu : 0x0a000001u);
        const auto body = std::span(p).subspan(header);
        if (how & 64) quote(body.subspan(8));
        for (std::size_t i = 20; i < header; ++i) p[i] = static_cast<std::byte>(in.byte());
        for (std::size_t i = 0; i < (how & 64 ? 8 : body.size()); ++i)
            body[i] = static_cast<std::byte>(in.byte());
        u32 sum = 0;
        if ((how & 3) != 0) {
            store16(&body[2], how & 128 ? u16{53} : in.word());
            store16(&body[4], static_cast<u16>(body.size()));
            sum = checksum_pseudo(IpAddress(Ipv4Address(load32(&p[12]))),
                                  IpAddress(Ipv4Address(load32(&p[16]))), 17,
                                  static_cast<u32>(body.size()));
        }
        const std::size_t field = (how & 3) == 0 ? 2 : 6;
        store16(&body[field], 0);
        const u16 whole = checksum_finish(checksum_add(sum, body));
        std::memcpy(&body[field], &whole, 2);
        const u16 ip = checksum_finish(checksum_add(0, std::span(p).first(header)));
        std::memcpy(&p[10], &ip, 2);
        arrive(p);
    }
    // ARP, tagged or not, or any other Ethernet frame.
    void frame(Input& in) {
        const u8 how = in.byte();
        std::vector<std::byte> p(14 + (how & 1 ? 4 : 0) + 28);
        constexpr u8 k_mac[] = {2, 0, 0, 0, 0, 1};
        for (std::size_t i = 0; i < 6; ++i)
            p[i] = static_cast<std::byte>(how & 2 ? u8{0xff} : k_mac[i]);
        p[6] = std::byte{2};
        p[11] = static_cast<std::byte>(in.byte());
        std::size_t at = 12;
        if (how & 1) {
            store16(&p[at], 0x8100);
            store16(&p[at + 2], in.word());
            at += 4;
        }
        store16(&p[at], how & 4 ? in.word() : u16{0x0806});
        std::byte* arp = &p[at + 2];
        store16(arp, 1);
        store16(arp + 2, 0x0800);
        store16(arp + 4, 0x0604);
        store16(arp + 6, how & 8 ? in.word() : static_cast<u16>(1 + (how >> 4 & 1)));
        std::memcpy(arp + 8, &p[6], 6);
        store32(arp + 14, how & 32 ? 0u : 0x0a010000u | in.byte());
        store32(arp + 24, how & 64 ? 0x0a010001u : 0x0a010000u | in.byte());
        if (how & 128) p.resize(in.byte() % p.size());
        arrive(p, cable);
    }
    void raw(Input& in) {
        std::vector<std::byte> p(in.byte());
        for (std::byte& b : p) b = static_cast<std::byte>(in.byte());
        arrive(p);
    }
    void call(Input& in) {
        std::byte buffer[3000]{};
        const u8 what = in.byte();
        if (what % 10 == 0) {
            if (connections.size() < 8)
                if (auto c = stack.tcp().connect(
                        {IpAddress(Ipv4Address(10, what & 16 ? 1 : 0, 0, 2)), 7}))
                    connections.push_back(*c);
            return;
        }
        if (connections.empty()) return;
        const std::size_t which = in.byte() % connections.size();
        const TcpConnection c = connections[which];
        Tcp& tcp = stack.tcp();
        switch (what % 10) {
            case 1: (void)tcp.send(c, std::span(buffer).first(in.byte() * 10u)); break;
            case 2: (void)tcp.receive(c, buffer); break;
            case 3: (void)tcp.close(c); break;
            case 4: (void)tcp.abort(c); break;
            case 5:
                tcp.release(c);
                connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(which));
                break;
            case 6: (void)tcp.send_urgent(c, std::span(buffer).first(1 + in.byte())); break;
            case 7: (void)tcp.receive_urgent(c); break;
            case 8: (void)tcp.receive(c); break;
            case 9:
                if (auto o = tcp.options(c)) {
                    o->no_delay = what & 16;
                    o->keep_alive = what & 32;
                    o->urgent_inline = what & 64;
                    (void)tcp.set_options(c, *o);
                }
                (void)tcp.status(c);
                break;
        }
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    Input in{data, size};
    MemoryBudget budget(8 << 20);
    PacketPool pool(budget);
    {
        Host host(pool);
        while (in.left > 0) {
            switch (in.byte() % 11) {
                case 0: host.raw(in); break;
                case 1:
                case 2: host.call(in); break;
                case 3:
                    host.now += std::chrono::milliseconds(in.word());
                    host.stack.advance(host.now);
                    break;
                case 4: host.datagram(in); break;
                case 5: host.frame(in); break;
                default: host.segment(in); break;
            }
            host.pump();
        }
    }
    if (pool.packets_in_use() != 0) std::abort();  // a leak
    return 0;
}
