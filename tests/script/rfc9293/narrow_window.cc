// RFC 9293 3.8.6.2.1 and 3.8.6.2.2 where the window is narrower than two segments: who sends cuts
// them so that two are in flight, and who receives tells of the window again at once.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

struct Narrow {
    u32 window = 0;
    u16 mss = 1460;
    bool no_delay = false, segmentation = false, timestamps = false, active = false;

    std::string name() const {
        return "window " + std::to_string(window) + ", MSS " + std::to_string(mss) +
               (no_delay ? ", no delay" : "") + (segmentation ? ", segmentation" : "") +
               (timestamps ? ", timestamps" : "") + (active ? ", active" : "");
    }
};

// A peer that acknowledges every second segment at once and a single one after 40 ms: how often has
// it waited when `bytes` have arrived?
u32 delayed_acks(Script& t, u32 bytes) {
    t.app.write(bytes);
    u32 acked = 1, end = 1, segments = 0, waits = 0;
    while (acked < 1 + bytes && waits < bytes) {
        while (const auto l = t.next()) {
            const u32 size = t.status().send_mss;
            segments += (l->length + size - 1) / size;
            end = l->seq_end;
        }
        if (segments < 2) {
            t.advance(40ms);
            ++waits;
            if (t.waiting() > 0) continue;
        }
        segments = 0;
        acked = end;
        t.inject(line_of({.seq = 1, .ack = acked}));
    }
    t.ignore_output();
    return waits;
}

void narrow(const Narrow& n) {
    one_case(n.name(), [&](Script& c) {
        c.setup.mtu = 9000;
        c.setup.segmentation = n.segmentation;
        c.setup.tcp.no_delay = n.no_delay;
        const Peer peer{.mss = n.mss, .wscale = {}, .timestamps = n.timestamps, .window = n.window};
        n.active ? c.active_open(peer) : c.passive_open(peer);
        // The odd last segment, and one that Nagle holds back behind it.
        const u32 waits = delayed_acks(c, 20'000);
        c.check(waits <= 2, (std::to_string(waits) + " delayed acknowledgements").c_str());
    });
}

}  // namespace

SCRIPT("two segments fit into a window that is narrower than two full ones",
       covers("RFC9293:MUST-38", "RFC9293:U-15")) {
    for (const u32 window : {537u, 600u, 1024u, 1025u, 1460u, 1461u, 2000u, 2919u, 2920u, 4000u})
        for (const u16 mss : {u16{536}, u16{1460}, u16{8960}})
            for (u32 options = 0; options < 16; ++options)
                narrow({.window = window,
                        .mss = mss,
                        .no_delay = (options & 1) != 0,
                        .segmentation = (options & 2) != 0,
                        .timestamps = (options & 4) != 0,
                        .active = (options & 8) != 0});
}

SCRIPT("a window of no more than 536 bytes is not cut", covers("RFC9293:MUST-38")) {
    t.passive_open({.mss = 1460, .wscale = {}, .window = 536});
    t.app.write(1000);
    const auto first = t.next();
    CHECK(first && first->length == 536);
    t.inject("+40ms < . 1:1(0) ack 537");
    t.expect("> P. 537:1001(464) ack 1");
    t.inject("< . 1:1(0) ack 1001");
}

SCRIPT("when the window grows segments become full, and the first flight is that of full ones",
       covers("RFC9293:SHLD-28", "RFC9293:MUST-38")) {
    t.passive_open({.mss = 1460, .wscale = {}, .window = 2000});
    CHECK(t.status().send_mss == 1000);
    CHECK(t.status().cwnd == 14'600);
    t.inject("< . 1:1(0) ack 1 win 2900");
    CHECK(t.status().send_mss == 1450);
    t.inject("< . 1:1(0) ack 1 win 2920");
    CHECK(t.status().send_mss == 1460);
    t.inject("< . 1:1(0) ack 1 win 2000");  // narrower than the widest, which counts
    CHECK(t.status().send_mss == 1460);
}

SCRIPT("when the window grows cwnd is one segment of the new size at least", covers("RFC5681:4")) {
    t.passive_open({.mss = 1460, .wscale = {}, .window = 662});
    t.app.write(5000);
    t.advance(2s);
    t.ignore_output();
    CHECK(t.status().send_mss == 331);
    CHECK(t.status().cwnd == 331);
    t.inject("< . 1:1(0) ack 332 win 65535");
    CHECK(t.status().send_mss == 1460);
    CHECK(t.status().cwnd >= 1460);
    t.ignore_output();
}

SCRIPT("a buffer of less than two segments: each that was read opens the window at once",
       covers("RFC9293:MUST-39", "RFC9293:U-16")) {
    for (const u32 mtu : {576u, 1280u, 1500u, 4352u, 9000u})
        for (const bool timestamps : {false, true})
            for (const u32 percent : {100u, 105u, 120u, 134u, 135u, 140u, 150u, 165u, 180u, 190u,
                                      195u, 197u, 198u, 199u})
                one_case(std::to_string(percent) + " % of a segment, MTU " + std::to_string(mtu) +
                             (timestamps ? ", timestamps" : ""),
                         [&](Script& c) {
                             const u32 segment = mtu - 40 - (timestamps ? 12 : 0);
                             c.setup.mtu = mtu;
                             c.setup.tcp.receive_buffer = segment * percent / 100;
                             c.passive_open({.timestamps = timestamps});
                             for (u32 at = 1; at < 10 * segment; at += segment) {
                                 c.inject(line_of({.seq = at, .len = segment, .ack = 1}));
                                 c.app.read_all();
                                 const auto ack = c.next();
                                 const u32 room = c.status().rcv_wnd;
                                 c.check(ack && ack->ack == at + segment, "acknowledged at once");
                                 c.check(room >= segment, "the next segment fits");
                             }
                         });
}

SCRIPT("the first read of an accepted connection needs no window update",
       covers("RFC9293:U-16", "RFC9293:SHLD-18")) {
    t.passive_open();
    t.inject("< P. 1:101(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.quiet(20ms);  // the application works
    t.app.write(200);
    t.expect("> P. 1:201(200) ack 101");
    t.inject("< . 101:101(0) ack 201");
    CHECK(t.status().rcv_wnd == 1 << 20);
    t.quiet(1s);
}

SCRIPT("a peer that has used half of the window in our SYN-ACK is told of the whole",
       covers("RFC9293:U-16")) {
    t.passive_open();
    u32 at = 1;
    for (; at < 23 * 1460; at += 1460) t.inject(line_of({.seq = at, .len = 1460, .ack = 1}));
    t.advance(1s);
    t.ignore_output();
    t.app.read_all();
    t.ignore_output();
    CHECK(t.status().rcv_wnd >= 1 << 19);
}

SCRIPT("a buffer that is as large as the window in our SYN-ACK opens again when it was read",
       covers("RFC9293:U-16")) {
    t.setup.tcp.receive_buffer = 65535;
    t.passive_open();
    for (u32 at = 1; at < 44 * 1460; at += 1460) {
        t.inject(line_of({.seq = at, .len = 1460, .ack = 1}));
        t.advance(50ms);
        t.ignore_output();
    }
    const u32 narrow = t.status().rcv_wnd;
    CHECK(narrow < 1460);
    t.app.read_all();
    const auto update = t.next();
    CHECK(update && update->ack == 1 + 44 * 1460);
    CHECK(t.status().rcv_wnd > narrow + 1460);
}

SCRIPT("a closed window opens when one segment was read, less the bytes of its timestamps",
       covers("RFC9293:MUST-39", "RFC9293:U-16")) {
    t.setup.tcp.receive_buffer = 8 * 1448;
    t.passive_open({.timestamps = true});
    for (u32 at = 1; at < 8 * 1448; at += 1448)
        t.inject(line_of({.seq = at, .len = 1448, .ack = 1}));
    t.advance(50ms);
    t.ignore_output();
    CHECK(t.status().rcv_wnd == 0);
    CHECK(t.app.read(1447) == 1447);
    t.quiet(50ms);
    CHECK(t.app.read(1) == 1);
    t.expect("> . 1:1(0) ack 11585");
    CHECK(t.status().rcv_wnd >= 1448);
}

SCRIPT("every second of the peer's segments is acknowledged, however large our own MSS is",
       covers("RFC9293:SHLD-19", "RFC5681:8")) {
    for (const u32 mtu : {576u, 1500u, 4352u, 7300u, 9000u, 65535u})
        for (const bool timestamps : {false, true})
            for (const u32 size : {536u, 1000u, 1220u, 1448u, 1460u, 8948u}) {
                if (size + 40 + (timestamps ? 12 : 0) > mtu) continue;
                one_case("segments of " + std::to_string(size) + ", MTU " + std::to_string(mtu) +
                             (timestamps ? ", timestamps" : ""),
                         [&](Script& c) {
                             c.setup.mtu = mtu;
                             c.passive_open({.timestamps = timestamps});
                             for (u32 n = 0; n < 10; ++n) {
                                 c.inject(line_of({.seq = 1 + n * size, .len = size, .ack = 1}));
                                 c.app.read_all();
                                 const auto ack = c.next();
                                 c.check(ack.has_value() == (n % 2 == 1), "every second");
                                 if (ack) c.check(ack->ack == 1 + (n + 1) * size, "all of it");
                             }
                         });
            }
}

}  // namespace tern
