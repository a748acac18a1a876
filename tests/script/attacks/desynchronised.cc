// Two ends that no longer agree on what was sent, and segments by somebody who guesses:
// spec/vulnerabilities.tsv, each test named after the attack.
#include <set>
#include <string>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "support/pair.hh"
#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

// A segment with `text` bytes that the other end of `of` could have sent, but did not.
Packet forged(PacketPool& pool, const FlowId& of, u32 seq, u32 ack, u32 text) {
    Packet p = pool.allocate(40 + text);
    std::byte* ip = p.append(40 + text);
    std::memset(ip, 0, 40 + text);
    const u32 from = of.remote.address.v4().value, to = of.local.address.v4().value;
    store16(ip, 0x4500);
    store16(ip + 2, static_cast<u16>(40 + text));
    store16(ip + 8, 64 << 8 | 6);
    store32(ip + 12, from);
    store32(ip + 16, to);
    const u16 header_sum = checksum_finish(checksum_add(0, {ip, 20}));
    std::memcpy(ip + 10, &header_sum, 2);
    std::byte* tcp = ip + 20;
    store16(tcp, of.remote.port);
    store16(tcp + 2, of.local.port);
    store32(tcp + 4, seq);
    store32(tcp + 8, ack);
    store16(tcp + 12, 0x5000 | wire::Ack | wire::Psh);
    store16(tcp + 14, 65535);
    const u64 sum = checksum_pseudo_wide(of.remote.address, of.local.address, 6, 20 + text);
    const u16 field = checksum_finish_wide(checksum_add_wide(sum, {tcp, 20 + text}));
    std::memcpy(tcp + 16, &field, 2);
    return p;
}

struct Desynchronised : Pair {
    TcpConnection from, to;

    Desynchronised() {
        from = connect({.timestamps = false});
        exchange();
        to = *b.tcp().accept(listener);
        exchange();
        forget_events();
    }
    // Somebody sends each end so many bytes in the other's name.
    void inject(u32 bytes) {
        const TcpStatus x = *a.tcp().status(from), y = *b.tcp().status(to);
        PacketBatch for_a, for_b;
        for_a.push(forged(a.pool(), x.flow, x.rcv_nxt, x.snd_una, bytes));
        for_b.push(forged(b.pool(), y.flow, y.rcv_nxt, y.snd_una, bytes));
        a.receive(now, on_a, std::move(for_a));
        b.receive(now, on_b, std::move(for_b));
        ASSERT_EQ(a.tcp().status(from)->rcv_nxt, x.rcv_nxt + bytes) << "the forgery was not taken";
        ASSERT_EQ(b.tcp().status(to)->rcv_nxt, y.rcv_nxt + bytes);
    }
    u64 packets() const { return a.counters().packets_out + b.counters().packets_out; }
    // Most packets of both ends in one of so many seconds, and in the last of them.
    struct Load {
        u64 most = 0, last = 0;
    };
    Load listen_for(int seconds) {
        Load load;
        for (int s = 0; s < seconds; ++s) {
            const u64 before = packets();
            // A storm on a real path: each answer is there within 10 ms.
            for (int i = 0; i < 100; ++i) step(10ms);
            load.last = packets() - before;
            load.most = std::max(load.most, load.last);
        }
        return load;
    }
    // One crossing of the path at most, or exchange() would never come back from a storm.
    void step(Duration d) {
        now += d;
        a.advance(now);
        b.advance(now);
        PacketBatch x = a.transmit(now, on_a), y = b.transmit(now, on_b);
        b.receive(now, on_b, std::move(x));
        a.receive(now, on_a, std::move(y));
    }
};

}  // namespace

SCRIPT("ACK storm: two ends that acknowledge what the other has never sent fall silent",
       covers("VULN:ack-storm")) {
    Desynchronised d;
    d.inject(10);
    const auto load = d.listen_for(60);
    const u32 ration = t.setup.limits.tcp_challenges_per_second;
    ::testing::Test::RecordProperty("packets_in_a_second", static_cast<int>(load.most));
    CHECK(load.most >= 2);  // otherwise nothing was mounted
    CHECK(load.most <= 2 * (ration + 2));
    CHECK(load.last == 0);
}

SCRIPT(
    "ACK storm: with data on both sides each second has no more than retransmissions and a "
    "ration of answers",
    covers("VULN:ack-storm")) {
    Desynchronised d;
    d.inject(10);
    const std::array<std::byte, 5> text{};
    CHECK(d.a.tcp().send(d.from, text).has_value());
    CHECK(d.b.tcp().send(d.to, text).has_value());
    const auto load = d.listen_for(300);
    const u32 ration = t.setup.limits.tcp_challenges_per_second;
    ::testing::Test::RecordProperty("packets_in_a_second", static_cast<int>(load.most));
    CHECK(load.most >= 4);
    CHECK(load.most <= 2 * (ration + 8));
    // Each retransmission, at last one in two minutes, draws an answer and its ration.
    CHECK(load.last <= 2 * (ration + 2));
    CHECK(d.packets() < 1000);
}

SCRIPT("bytes beyond the window are not taken, to the octet: text, FIN, and a closed window",
       covers("VULN:smoltcp-tcp", "RFC9293:U-7")) {
    constexpr u32 window = 1000;
    for (const u32 seq : {1u, 2u, 500u, 999u, 1000u, 1001u, 1002u, 2000u})
        for (const u32 len : {1u, 499u, 999u, 1000u, 1001u, 1002u, 1460u})
            for (const u16 fin : {u16{0}, u16{wire::Fin}})
                one_case(std::to_string(seq) + " + " + std::to_string(len), [&](Script& c) {
                    c.setup.tcp.receive_buffer = window;
                    c.passive_open();
                    c.inject(line_of({.flags = static_cast<u16>(wire::Ack | fin),
                                      .seq = seq,
                                      .len = len,
                                      .ack = 1}));
                    const TcpStatus s = c.status();
                    const u32 edge = 1 + window;
                    const u32 end = std::min(seq + len, edge);
                    const u32 taken = seq < edge ? end - seq : 0;
                    c.check((seq == 1 ? s.readable : s.out_of_order) == taken, "what fits");
                    c.check(s.readable + s.out_of_order == taken, "and nothing else");
                    const bool closes = fin != 0 && seq == 1 && len <= window;
                    c.check((c.state() == State::CloseWait) == closes, "FIN only behind all text");
                    c.check(s.rcv_nxt - s.irs <= edge + (closes ? 1 : 0), "RCV.NXT");
                    c.advance(1s);
                    c.ignore_output();
                    // What is missing comes, and all that was held is the peer's bytes.
                    if (seq > 1) c.inject(line_of({.seq = 1, .len = window, .ack = 1}));
                    c.check(c.status().readable <= window, "never more than the buffer");
                    c.app.read_all();
                    c.advance(1s);
                    c.ignore_output();
                    c.app.abort();
                    c.ignore_output();
                });
}

// An observer of encrypted frames sees how long our answers are. They must not depend on how good
// a guess of the sequence number was ("Off-path TCP hijacking in Wi-Fi networks", 2024: SACK and
// D-SACK blocks told it).
SCRIPT("the size of answers does not tell where a forged segment lies", covers("VULN:nat-hijack")) {
    for (const bool timestamps : {false, true}) {
        std::set<std::size_t> sizes;
        u32 answers = 0;
        one_case(timestamps ? "with timestamps" : "without", [&](Script& c) {
            c.passive_open({.mss = 1000, .sack = true, .timestamps = timestamps, .window = 65535});
            for (u32 at = 1; at < 20'001; at += 1000)  // so that there is something old
                c.inject(
                    line_of({.flags = wire::Ack | wire::Psh, .seq = at, .len = 1000, .ack = 1}));
            c.app.read_all();
            c.app.write(1000);
            c.advance(1s);
            c.ignore_output();
            c.inject("< . 20001:20001(0) ack 1001");
            c.auto_timestamps(false);
            const u32 nxt = 20'001;
            const u32 places[] = {nxt - 19'000, nxt - 1000, nxt - 1,       nxt,
                                  nxt + 1,      nxt + 5000, nxt + 500'000, nxt + 3'000'000'000u};
            const std::string stamps[] = {
                "", std::string("\x01\x01\x08\x0a\x00\x00\x00\x00\x00\x00\x00\x00", 12)};
            for (const u32 seq : places)
                for (const u32 ack : {1002u, 500'000'000u, 2'500'000'000u})
                    for (const u32 len : {0u, 1u, 100u, 1000u, 1500u})
                        for (const std::string& stamp : stamps)
                            for (const u16 flags : {wire::Ack, wire::Rst, wire::Syn}) {
                                const u16 f = flags == wire::Ack
                                                  ? u16{wire::Ack}
                                                  : static_cast<u16>(flags | wire::Ack);
                                // RFC 5961 3.2: a RST with this very number is obeyed.
                                if (flags == wire::Rst && seq == nxt) continue;
                                const u32 text = flags == wire::Ack ? std::min(len, 1460u) : 0;
                                c.inject(line_of({.flags = f, .seq = seq, .len = text, .ack = ack}),
                                         {.options = stamp});
                                while (c.waiting() > 0) {
                                    sizes.insert(c.next_raw().size());
                                    ++answers;
                                }
                                c.advance(1s);  // a ration of answers a second
                                c.check(c.waiting() == 0, "nothing comes later");
                            }
            c.state(State::Established);
            c.auto_timestamps(true);
        });
        ::testing::Test::RecordProperty("answers", static_cast<int>(answers));
        EXPECT_GT(answers, 100u);
        EXPECT_EQ(sizes.size(), 1u)
            << "smallest " << *sizes.begin() << ", largest " << *sizes.rbegin();
    }
}

}  // namespace tern
