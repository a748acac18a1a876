// RFC 9293 3.1 and 3.9.2: the checksum, the data offset, reserved bits; TTL, DSCP and IP options.
#include "core/base/checksum.hh"
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

using namespace std::string_literals;

std::span<const std::byte> as_bytes(const std::string& s) {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

// A segment of the peer as an IP packet, made here byte by byte; `ip_options` in whole words.
struct Raw {
    u16 flags = wire::Ack;
    u32 seq = 1, ack = 1;  // relative
    u8 offset = 5;         // data offset, in words
    u8 reserved = 0;       // the three bits behind it
    std::string options{}, payload{}, ip_options{};
    u16 source_port = 40000, destination_port = 80;
};

std::string packet_of(Script& t, const Raw& r) {
    const auto put = [](std::string& to, u64 v, int bytes) {
        while (bytes-- > 0) to += static_cast<char>(v >> 8 * bytes);
    };
    std::string tcp;
    put(tcp, r.source_port, 2);
    put(tcp, r.destination_port, 2);
    put(tcp, r.seq + t.setup.peer_isn, 4);
    put(tcp, r.ack + t.iss(), 4);
    put(tcp, static_cast<u64>(r.offset << 12 | r.reserved << 9 | r.flags), 2);
    put(tcp, 65535, 2);
    put(tcp, 0, 4);
    tcp += r.options + r.payload;
    const Ipv4Address from{10, 0, 0, 2}, to{10, 0, 0, 1};
    const u32 pseudo =
        checksum_pseudo(IpAddress{from}, IpAddress{to}, 6, static_cast<u32>(tcp.size()));
    const u16 sum = checksum_finish(checksum_add(pseudo, as_bytes(tcp)));
    std::memcpy(tcp.data() + 16, &sum, 2);
    std::string ip;
    const std::size_t header = 20 + r.ip_options.size();
    put(ip, 0x4000 | header / 4 << 8, 2);
    put(ip, header + tcp.size(), 2);
    put(ip, 0x4000, 4);
    put(ip, 0x4006, 2);
    put(ip, 0, 2);
    put(ip, from.value, 4);
    put(ip, to.value, 4);
    ip += r.ip_options;
    const u16 ip_sum = checksum_finish(checksum_add(0, as_bytes(ip)));
    std::memcpy(ip.data() + 10, &ip_sum, 2);
    return ip + tcp;
}

void inject(Script& t, const Raw& r) { t.inject_raw(as_bytes(packet_of(t, r))); }

// TTL and TOS of everything that waits.
void check_ip(Script& t, u8 ttl, u8 tos) {
    t.check(t.waiting() > 0, "something was sent");
    while (t.waiting() > 0) {
        const RawTcp got = raw_tcp(t.next_raw());
        t.check(got.ttl == ttl, "TTL");
        t.check(got.tos == tos, "DSCP, and ECN left alone");
    }
}

}  // namespace

SCRIPT("every segment carries a right checksum", covers("RFC9293:MUST-2")) {
    // The witness of tests/script/support verifies each; here are payloads of every parity, cut in
    // every way.
    for (const bool segmentation : {false, true})
        one_case("checksums", [&](Script& c) {
            c.setup.segmentation = segmentation;
            c.passive_open({.mss = 1001, .sack = true, .timestamps = true});
            c.setup.tcp.no_delay = true;
            c.options(c.setup.tcp);
            u32 at = 1;
            for (u32 n : {1u, 2u, 3u, 999u, 1000u, 1001u, 1002u, 2003u, 3001u, 7u}) {
                c.app.write(n);
                const std::string range = std::to_string(at) + ":" + std::to_string(at + n) + "(" +
                                          std::to_string(n) + ")";
                c.expect(line("> P. " + range + " ack 1"));
                at += n;
                c.inject(line_of({.seq = 1, .ack = at}));
            }
            c.app.write(2000);
            c.ignore_output();
            c.advance(1s);  // and cut anew for a retransmission
            c.ignore_output();
            c.inject(line_of({.seq = 1, .ack = at + 333}));
            c.advance(10s);
            c.ignore_output();
        });
}

SCRIPT("a wrong checksum: no change of state, no answer, one count", covers("RFC9293:MUST-3")) {
    go_to(t, Place::Listen);
    t.inject("< S 0:0(0) win 65535", {.bad_checksum = true});
    t.quiet(1s);
    CHECK(t.count().embryos == 0);
    t.passive_open();
    for (const char* l : {"< P. 1:11(10) ack 1", "< F. 1:1(0) ack 1", "< R. 1:1(0) ack 1",
                          "< S 1:1(0)", "< . 5000:5000(0) ack 1"})
        t.inject(line(l), {.bad_checksum = true});
    t.quiet(10s);
    t.state(State::Established);
    CHECK(t.status().readable == 0);
    CHECK(t.drops(DropReason::TcpBadChecksum) == 6);
}

SCRIPT("one wrong bit anywhere in a segment is found", covers("RFC9293:MUST-3")) {
    t.passive_open();
    const std::string good = packet_of(t, {.flags = wire::Ack | wire::Psh, .payload = "data"});
    for (std::size_t bit = 20 * 8; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
        t.inject_raw(as_bytes(bad));
    }
    t.quiet(10s);
    CHECK(t.status().readable == 0);
    t.state(State::Established);
    t.inject_raw(as_bytes(good));
    CHECK(t.app.read_bytes(10) == "data");
    t.ignore_output();
}

SCRIPT("a data offset below 5 or behind the end of the segment is malformed",
       covers("RFC9293:U-1")) {
    t.passive_open();
    for (const u8 offset : {0, 1, 2, 3, 4, 7, 8, 15})
        inject(t, {.offset = offset, .payload = "four"});
    t.quiet(10s);
    CHECK(t.drops(DropReason::TcpBadOffset) == 8);
    CHECK(t.status().readable == 0);
    // One word of "payload" that is options after all.
    inject(t, {.offset = 6, .payload = "\x01\x01\x01\x01yes"s});
    CHECK(t.app.read_bytes(10) == "yes");
    t.ignore_output();
}

SCRIPT("a header that is cut off", covers("RFC9293:U-1")) {
    t.passive_open();
    for (std::size_t keep = 0; keep < 20; ++keep) {
        std::string cut = packet_of(t, {}).substr(0, 20 + keep);
        cut[2] = 0;
        cut[3] = static_cast<char>(cut.size());
        cut[10] = cut[11] = 0;
        const u16 sum = checksum_finish(checksum_add(0, as_bytes(cut.substr(0, 20))));
        std::memcpy(cut.data() + 10, &sum, 2);
        t.inject_raw(as_bytes(cut));
    }
    t.quiet(10s);
    CHECK(t.drops(DropReason::TcpTooShort) == 20);
}

SCRIPT("reserved bits are ignored on receipt", covers("RFC9293:U-1")) {
    t.passive_open();
    for (u8 reserved = 0; reserved < 8; ++reserved)
        inject(t, {.seq = 1u + reserved, .reserved = reserved, .payload = "x"});
    CHECK(t.app.read_bytes(100) == "xxxxxxxx");
    t.ignore_output();
}

SCRIPT("DSCP as the application sets it, on every segment, and changed on the way",
       covers("RFC9293:MUST-48", "RFC9293:SHLD-21", "RFC9293:SHLD-22")) {
    t.setup.tcp.dscp = 46;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>", {.tos = 3});
    check_ip(t, 64, 46 << 2);
    t.inject("< . 2:2(0) ack 1");  // not where it should be
    t.inject("< R 2:2(0)");
    check_ip(t, 64, 46 << 2);
    t.inject("< . 1:1(0) ack 1");
    t.accept();
    t.app.write(10);
    check_ip(t, 64, 46 << 2);
    t.advance(1s);  // the retransmission
    check_ip(t, 64, 46 << 2);
    t.options({.user_timeout = {}, .dscp = 10});
    t.inject("< P. 1:11(10) ack 11");
    t.advance(40ms);
    check_ip(t, 64, 10 << 2);
    t.active_close();
    t.inject("< F. 11:11(0) ack 12");  // TIME-WAIT answers
    check_ip(t, 64, 10 << 2);
}

SCRIPT("TTL as the application sets it, on SYN, data, RST and in TIME-WAIT",
       covers("RFC9293:MUST-49")) {
    one_case("passive", [](Script& c) {
        c.setup.tcp.ttl = 7;
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1460>");
        check_ip(c, 7, 0);
        c.inject("< . 1:1(0) ack 1");
        c.accept();
        c.app.write(10);
        check_ip(c, 7, 0);
        c.inject("< . 1:1(0) ack 11");
        c.active_close();
        c.inject("< F. 1:1(0) ack 12");
        check_ip(c, 7, 0);
    });
    one_case("active, and RST", [](Script& c) {
        c.setup.tcp.ttl = 9;
        c.connect();
        check_ip(c, 9, 0);
        c.inject("< S. 0:0(0) ack 1 win 65535");
        check_ip(c, 9, 0);
        c.options({.user_timeout = {}, .ttl = 200});
        c.app.abort();
        check_ip(c, 200, 0);
    });
    one_case("cookies", [](Script& c) {
        c.setup.tcp.ttl = 11;
        c.setup.tcp.dscp = 8;
        c.setup.listen.syn_backlog = 0;
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1460>");
        check_ip(c, 11, 8 << 2);
    });
}

SCRIPT("IP options that TCP does not understand do not matter", covers("RFC9293:MUST-50")) {
    t.passive_open();
    const std::string options[] = {"\x94\x04\0\0"s,                          // router alert
                                   "\x07\x07\x04\0\0\0\0\0"s,                // record route
                                   "\x44\x0c\x05\0\0\0\0\0\0\0\0\0"s,        // timestamp
                                   "\x9e\x04\x01\x02"s, "\x01\x01\x01\0"s};  // unknown; NOPs, End
    u32 seq = 1;
    for (const std::string& o : options) inject(t, {.seq = seq++, .payload = "x", .ip_options = o});
    CHECK(t.app.read_bytes(100) == "xxxxx");
    t.ignore_output();
}

}  // namespace tern
