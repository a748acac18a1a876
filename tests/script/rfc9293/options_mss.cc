// RFC 9293 3.1, 3.2 and 3.7.1: options at the level of the stack, and the segment sizes.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

using namespace std::string_literals;

const std::string k_mss_1000 = "\x02\x04\x03\xe8"s;
const std::string k_wscale_3 = "\x03\x03\x03"s;
const std::string k_timestamps = "\x08\x0a\0\0\0\x07\0\0\0\0"s;
const std::string k_nop = "\x01"s, k_end = "\0"s;

// The handshake with these options in the peer's SYN; a script of its own.
void open_with(Script& t, const std::string& options) {
    t.listen();
    t.auto_timestamps(false);
    t.inject("< S 0:0(0) win 65535", {.options = options});
    t.expect("> S. 0:0(0) ack 1");
}

// Eff.snd.MSS after a handshake whose SYN carried `options` and timestamps were not negotiated.
u32 mss_after(const std::string& options) {
    u32 mss = 0;
    one_case("options", [&](Script& t) {
        t.setup.tcp.timestamps = false;
        open_with(t, options);
        t.inject("< . 1:1(0) ack 1");
        t.accept();
        mss = t.status().send_mss;
        t.app.write(3 * mss);
        const auto l = t.next();
        t.check(l && l->length == mss, "the segments are as large");
        t.ignore_output();
    });
    return mss;
}

u32 announced(u32 mtu, bool active, u16 max_segment = 0) {
    u32 mss = 0;
    one_case("mtu", [&](Script& t) {
        t.setup.mtu = mtu;
        t.setup.tcp.max_segment = max_segment;
        if (active) {
            t.connect();
        } else {
            t.listen();
            t.inject("< S 0:0(0) win 65535 <mss 1460>");
        }
        const auto l = t.next();
        t.check(l && (l->flags & wire::Syn) && l->has_mss, "MSS in the SYN");
        mss = l->mss;
    });
    return mss;
}

}  // namespace

SCRIPT("End, NOP and MSS in any order", covers("RFC9293:MUST-4", "RFC9293:MUST-14")) {
    for (const std::string& o :
         {k_mss_1000, k_mss_1000 + k_end, k_mss_1000 + k_nop + k_nop, k_nop + k_mss_1000 + k_end,
          k_nop + k_nop + k_mss_1000, k_mss_1000 + k_end + "\x07\x07\x07"s,
          k_nop + k_nop + k_nop + k_mss_1000 + k_end})
        CHECK(mss_after(o) == 1000);
    // Behind End nothing counts.
    CHECK(mss_after(k_end + k_mss_1000) == 536);
    CHECK(mss_after(k_nop + k_end + k_mss_1000) == 536);
}

SCRIPT("options at any alignment", covers("RFC9293:MUST-64")) {
    for (const std::size_t pad : {0u, 1u, 2u, 3u, 5u}) {
        const std::string nops(pad, '\x01');
        CHECK(mss_after(nops + k_mss_1000) == 1000);
        one_case("all of them", [&](Script& c) {
            open_with(c, nops + k_mss_1000 + k_nop + k_wscale_3 + k_timestamps + "\x04\x02"s);
            c.inject("< . 1:1(0) ack 1", {.options = nops + "\x08\x0a\0\0\0\x08\0\0\0\0"s});
            c.accept();
            const TcpStatus s = c.status();
            c.check(s.send_mss == 988 && s.snd_wind_shift == 3 && s.timestamps && s.sack,
                    "all were read");
        });
    }
}

SCRIPT("unknown options are stepped over", covers("RFC9293:MUST-6")) {
    for (const char kind : {'\xfd', '\xfe', '\x4d', '\x09', '\xff'})
        for (const u8 length : {2, 3, 4, 7, 16}) {
            const std::string unknown =
                std::string{kind, static_cast<char>(length)} + std::string(length - 2u, '\x02');
            CHECK(mss_after(unknown + k_mss_1000) == 1000);
            CHECK(mss_after(k_nop + unknown + k_nop + k_mss_1000 + unknown) == 1000);
        }
}

SCRIPT("a known option of a wrong length is stepped over", covers("RFC9293:MUST-6")) {
    CHECK(mss_after("\x02\x03\x03"s + k_nop) == 536);
    CHECK(mss_after("\x02\x03\x03"s + k_mss_1000) == 1000);
}

SCRIPT("an illegal option length: the segment is dropped, and nothing else happens",
       covers("RFC9293:MUST-7")) {
    const std::string bad[] = {"\x02\x00\x03\xe8"s, "\x02\x01\x03\xe8"s, "\x02\xff\x03\xe8"s,
                               "\x02\x05\x03\xe8"s, "\xfd\x00\x01\x01"s, "\xfd\x01\x01\x01"s,
                               "\x01\x01\x01\x02"s, "\x01\x01\xfd\x03"s, "\x08\x0a\x01\x02"s};
    for (const std::string& o : bad) {
        one_case("in a SYN", [&](Script& c) {
            c.listen();
            c.inject("< S 0:0(0) win 65535", {.options = o});
            c.quiet(10s);
            c.check(c.drops(DropReason::TcpBadOption) == 1 && c.count().embryos == 0, "dropped");
        });
        one_case("in every state", [&](Script& c) {
            c.passive_open();
            for (const char* l : {"< P. 1:11(10) ack 1", "< F. 1:1(0) ack 1", "< R. 1:1(0) ack 1"})
                c.inject(line(l), {.options = o});
            c.quiet(10s);
            c.state(State::Established);
            c.check(c.drops(DropReason::TcpBadOption) == 3, "dropped");
            c.inject("< P. 1:11(10) ack 1");
            c.check(c.app.read_all() == 10, "the connection goes on");
            c.ignore_output();
        });
    }
}

SCRIPT("options are taken in any segment", covers("RFC9293:MUST-5")) {
    const std::string some = "\xfd\x06\x01\x02\x03\x04\x01\x4d\x03\x00\x01\x01"s + k_mss_1000;
    one_case("data and FIN", [&](Script& c) {
        c.passive_open();
        c.inject("< P. 1:11(10) ack 1", {.options = some});
        c.check(c.app.read_all() == 10, "data");
        c.app.write(10);
        c.ignore_output();
        c.inject("< . 11:11(0) ack 11", {.options = some});
        c.check(c.status().flight == 0, "ACK");
        c.inject("< F. 11:11(0) ack 11", {.options = some});
        c.state(State::CloseWait);
        c.check(c.status().send_mss == 1460, "MSS counts in a SYN only");
        c.ignore_output();
    });
    one_case("RST", [&](Script& c) {
        c.passive_open();
        c.inject("< R. 1:1(0) ack 1", {.options = some});
        c.state(State::Closed);
    });
}

SCRIPT("both sides' SYN carry MSS; the peer's bounds every segment",
       covers("RFC9293:MUST-14", "RFC9293:MAY-3")) {
    for (const u16 mss : {u16{64}, u16{100}, u16{536}, u16{1000}, u16{1460}})
        for (const bool active : {false, true})
            one_case("mss", [&](Script& c) {
                if (active)
                    c.active_open({.mss = mss, .initial_cwnd_segments = 10});
                else
                    c.passive_open({.mss = mss, .initial_cwnd_segments = 10});
                c.app.write(5u * mss);
                u32 end = 1;
                while (const auto l = c.next()) {
                    c.check(l->length <= mss, "no larger than the peer's MSS");
                    end = l->seq_end;
                }
                c.check(end == 1 + 5u * mss, "all of it");
            });
}

SCRIPT("no MSS option: 536", covers("RFC9293:MUST-15")) {
    CHECK(mss_after("") == 536);
    t.active_open({.mss = 0});
    CHECK(t.status().send_mss == 536);
}

SCRIPT("Eff.snd.MSS: the peer's, the MTU's, less the options that are in use",
       covers("RFC9293:MUST-16")) {
    struct Case {
        u32 mtu;
        u16 peer;
        bool timestamps;
        u16 limit;
        u32 want;
    };
    for (const Case& k : {Case{1500, 1460, false, 0, 1460}, Case{1500, 1460, true, 0, 1448},
                          Case{576, 1460, false, 0, 536}, Case{576, 1460, true, 0, 524},
                          Case{9000, 1460, false, 0, 1460}, Case{9000, 8960, true, 0, 8948},
                          Case{1500, 8960, false, 0, 1460}, Case{1500, 1460, false, 700, 700},
                          Case{1500, 500, true, 700, 488}})
        one_case("eff.snd.mss", [&](Script& c) {
            c.setup.mtu = k.mtu;
            c.setup.tcp.max_segment = k.limit;
            c.passive_open({.mss = k.peer, .timestamps = k.timestamps});
            c.check(c.status().send_mss == k.want, "Eff.snd.MSS");
            c.app.write(3 * k.want);
            const auto l = c.next();
            c.check(l && l->length == k.want, "on the wire");
            c.ignore_output();
        });
}

SCRIPT("data segments stay within the limit while holes are reported", covers("RFC9293:MUST-16")) {
    t.passive_open({.mss = 1460, .sack = true, .timestamps = true});
    for (const u32 hole : {3000u, 6000u, 9000u, 12000u})
        t.inject(line_of({.seq = hole, .len = 100, .ack = 1}));
    t.ignore_output();
    t.app.write(5000);
    while (t.waiting() > 0) CHECK(t.next_raw().size() <= 1500);
}

SCRIPT("the announced MSS is the MTU less the fixed headers, in SYN and SYN-ACK",
       covers("RFC9293:MUST-67", "RFC9293:SHLD-5", "RFC9293:MAY-3", "RFC9293:MUST-14")) {
    for (const bool active : {false, true}) {
        for (const u32 mtu : {576u, 1280u, 1500u, 9000u}) CHECK(announced(mtu, active) == mtu - 40);
        CHECK(announced(1500, active, 700) == 700);
        CHECK(announced(576, active, 700) == 536);
    }
}

SCRIPT("each connection announces the MTU of the way that it takes",
       covers("RFC9293:SHLD-6", "RFC9293:SHLD-5")) {
    InterfaceConfig narrow;
    narrow.name = "narrow";
    narrow.medium = Medium::Ip;
    narrow.mtu = 1280;
    const Interface second = t.stack().add_interface(narrow).value();
    CHECK(t.stack().add_address(second, {Ipv4Address{10, 1, 0, 1}, 16}).has_value());
    t.connect();
    const auto wide = t.next();
    CHECK(wide && wide->mss == 1460);
    CHECK(t.stack().tcp().connect({Ipv4Address{10, 1, 0, 2}, 80}).has_value());
    PacketBatch batch = t.stack().transmit(Instant{1s} + t.elapsed(), second);
    CHECK(batch.size() == 1);
    const Packet syn = batch.take(0);
    const std::string_view bytes{reinterpret_cast<const char*>(syn.data()), syn.size()};
    CHECK(raw_tcp(bytes).options.substr(0, 4) == "\x02\x04\x04\xd8"s);  // 1240
}

SCRIPT("what we send: lengths on every option, MSS in SYN alone, zeros behind End",
       covers("RFC9293:MUST-65", "RFC9293:MUST-68", "RFC9293:MUST-69")) {
    // The witness of tests/script/support reads every segment of every script; here is one
    // conversation with all options that there are.
    for (const bool active : {false, true})
        one_case("all options", [&](Script& c) {
            const Peer peer{.sack = true, .wscale = 7, .timestamps = true};
            if (active)
                c.active_open(peer);
            else
                c.passive_open(peer);
            for (const u32 hole : {3000u, 6000u, 9000u, 12000u, 15000u})
                c.inject(line_of({.seq = hole, .len = 100, .ack = 1}));
            c.app.write(3000);
            while (c.waiting() > 0) {
                const RawTcp got = raw_tcp(c.next_raw());
                c.check(got.options.size() % 4 == 0, "whole words");
                c.check(got.options.find("\x02\x04"s) == std::string::npos ||
                            got.options.substr(0, 2) != "\x02\x04"s,
                        "no MSS without SYN");
            }
            c.app.abort();
            c.ignore_output();
        });
}

}  // namespace tern
