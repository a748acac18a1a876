// SYNs from unused addresses of our own link: each makes an answer wait for a neighbour that is not
// there. Neither the memory nor the neighbours of those who are there may be gone for that.
#include "scale/siege.hh"

namespace tern::siege {
namespace {

constexpr MacAddress k_server_mac{{2, 0, 0, 0, 0, 1}}, k_client_mac{{2, 0, 0, 0, 0, 2}};

struct Station {
    Station(Ipv4Address address, u8 prefix, MacAddress mac, u64 seed, u64 limit)
        : stack({.seed = seed, .memory_limit = limit}) {
        on = stack.add_interface({.name = "eth", .mac = mac}).value();
        EXPECT_TRUE(stack.add_address(on, {address, prefix}).has_value());
    }
    Stack stack;
    Interface on;
};

class Link {
public:
    Link(u64 limit, u8 prefix)
        : limit_(limit), server(k_server, prefix, k_server_mac, 1, limit),
          client(k_honest, prefix, k_client_mac, 2, u64{64} << 20) {
        ListenOptions o;
        o.local.port = k_echo;
        listener_ = *server.stack.tcp().listen(o);
    }

    // A millisecond of everybody's.
    void round() {
        now += 1ms;
        server.stack.advance(now);
        for (Station* s : others) s->stack.advance(now);
        for (int turn = 0; turn < 4; ++turn) {
            for (Station* s : others) carry(*s, {&server});
            while (const auto e = server.stack.next_event())
                if (e->kind == Event::Kind::Listener)
                    while (const auto c = server.stack.tcp().accept(listener_)) accepted = *c;
            carry(server, others);
        }
        ASSERT_LE(server.stack.memory_used(), limit_);
    }
    void forged_syn(u32 from) {
        ++forged_;
        const auto port = static_cast<u16>(1024 + forged_ % 60'000);
        const std::vector<u8> ip = tcp_segment(from, port, forged_ * 977, 0, 2, k_echo);
        std::vector<u8> frame(14 + ip.size(), 2);
        std::copy(k_server_mac.bytes.begin(), k_server_mac.bytes.end(), frame.begin());
        store16(reinterpret_cast<std::byte*>(&frame[12]), u16{0x0800});
        std::copy(ip.begin(), ip.end(), frame.begin() + 14);
        PacketBatch batch;
        if (Packet p = server.stack.pool().copy_of(std::as_bytes(std::span{frame})))
            batch.push(std::move(p));
        server.stack.receive(now, server.on, std::move(batch));
    }
    TcpConnection dial(Station& from) { return *from.stack.tcp().connect({k_server, k_echo}); }
    bool opened(Station& by, TcpConnection c) {
        const auto status = by.stack.tcp().status(c);
        return status && status->state == State::Established;
    }
    // As on a hub: what is not for them is theirs to drop.
    void carry(Station& from, const std::vector<Station*>& to) {
        for (;;) {
            PacketBatch batch = from.stack.transmit(now, from.on);
            if (batch.empty()) return;
            for (Station* s : to) {
                PacketBatch copies;
                for (u32 k = 0; k < batch.size(); ++k) {
                    const PacketDescriptor& d = *batch.peek(k);
                    if (Packet copy = s->stack.pool().copy_of({d.slot + d.begin, d.end - d.begin}))
                        copies.push(std::move(copy));
                }
                s->stack.receive(now, s->on, std::move(copies));
            }
        }
    }

    u64 limit_;
    Instant now = Instant{} + 1h;
    Station server, client;
    std::vector<Station*> others{&client};
    TcpConnection accepted;

private:
    TcpListener listener_;
    u32 forged_ = 0;
};

struct Flood {
    const char* name;
    u64 limit;
    u8 prefix;
    u32 per_ms;
};

class NeighborSiege : public testing::TestWithParam<Flood> {};

TEST_P(NeighborSiege, AnEstablishedConnectionAndANewOneAreServed) {
    const Flood& f = GetParam();
    Link link{f.limit << 20, f.prefix};
    const TcpConnection old = link.dial(link.client);
    for (int r = 0; r < 10; ++r) link.round();
    ASSERT_TRUE(link.opened(link.client, old));
    Random random{1};
    const u32 hosts = (1u << (32 - f.prefix)) - 20;
    const auto siege = [&](u32 ms) {
        for (u32 r = 0; r < ms; ++r) {
            for (u32 n = 0; n < f.per_ms; ++n)
                link.forged_syn(k_server.value + 9 + random.below(hosts));
            link.round();
        }
    };
    siege(4000);  // the kernel's answer to a neighbour that is silent takes three seconds
    std::vector<std::byte> data(100'000, std::byte{7});
    std::size_t sent = 0, got = 0;
    for (int r = 0; r < 2000 && got < data.size(); ++r) {
        if (const auto n = link.client.stack.tcp().send(old, std::span(data).subspan(sent)))
            sent += *n;
        siege(1);
        std::vector<std::byte> buffer(64 * 1024);
        while (const auto n = link.server.stack.tcp().receive(link.accepted, buffer)) {
            if (*n == 0) break;
            got += *n;
        }
    }
    EXPECT_EQ(got, data.size());
    // A station of the link that nobody has heard of yet.
    Station late({10, 0, 0, 5}, f.prefix, {{2, 0, 0, 0, 0, 5}}, 3, u64{16} << 20);
    late.stack.advance(link.now);
    link.others.push_back(&late);
    const TcpConnection fresh = link.dial(late);
    for (int r = 0; r < 500 && !link.opened(late, fresh); ++r) siege(1);
    EXPECT_TRUE(link.opened(late, fresh));
    EXPECT_GT(link.server.stack.counters().dropped(DropReason::WaitingShareFull) +
                  link.server.stack.counters().dropped(DropReason::NeighborQueueFull) +
                  link.server.stack.counters().dropped(DropReason::NeighborCacheFull) +
                  link.server.stack.counters().dropped(DropReason::NeighborUnreachable),
              0u);
}

// RFC 1122 2.4; other systems say "no route to host" after as long.
TEST(SilentNeighbour, EndsAConnectionThatIsBeingOpened) {
    Link link{u64{8} << 20, 24};
    const TcpConnection c = *link.client.stack.tcp().connect({Ipv4Address{10, 0, 0, 77}, 80});
    const Instant start = link.now;
    std::optional<Event> closed;
    for (int r = 0; r < 5000 && !closed; ++r) {
        link.round();
        while (const auto e = link.client.stack.next_event())
            if (e->kind == Event::Kind::Tcp && (e->bits & Closed) != 0) closed = e;
    }
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->connection(), c);
    EXPECT_EQ(closed->error, Error::HostUnreachable);
    EXPECT_GE(link.now - start, 2900ms) << "three requests, a second apart";
    EXPECT_LE(link.now - start, 3200ms);
}

TEST(SilentNeighbour, IsAHintToAConnectionThatStands) {
    Link link{u64{8} << 20, 24};
    const TcpConnection c = link.dial(link.client);
    for (int r = 0; r < 10; ++r) link.round();
    ASSERT_TRUE(link.opened(link.client, c));
    link.client.stack.flush_neighbors();
    link.others.clear();  // the cable is pulled
    const std::byte text[1] = {};
    EXPECT_TRUE(link.client.stack.tcp().send(c, text).has_value());
    u32 told = 0;
    for (int r = 0; r < 6000; ++r) {
        link.round();
        link.client.stack.advance(link.now);
        (void)link.client.stack.transmit(link.now, link.client.on);
        while (const auto e = link.client.stack.next_event()) told += (e->bits & SoftError) != 0;
    }
    EXPECT_GT(told, 0u);
    EXPECT_TRUE(link.opened(link.client, c)) << "R2 decides, for the neighbour may come back";
}

INSTANTIATE_TEST_SUITE_P(Links, NeighborSiege,
                         testing::Values(Flood{"8MiB_24", 8, 24, 3}, Flood{"32MiB_16", 32, 16, 3},
                                         Flood{"64MiB_16", 64, 16, 10}),
                         [](const auto& i) { return std::string(i.param.name); });

}  // namespace
}  // namespace tern::siege
