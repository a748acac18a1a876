// RFC 2018 4 and RFC 2883: what a receiver tells of bytes behind holes, and of what came twice.
#include <vector>

#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

constexpr Peer k_peer{.mss = 1000, .sack = true};

struct Range {
    u32 from, to;
};

void read_500(Script& t, const Line& segment) {
    t.inject(segment);
    t.app.read_all();
    t.advance(50ms);
    t.ignore_output();
}

}  // namespace

SCRIPT("the run that the segment came to is the first block, then those that changed last",
       covers("RFC2018:2")) {
    t.passive_open(k_peer);
    t.inject("< . 1001:1501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 1001:1501>");
    t.inject("< . 3001:3501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 3001:3501 1001:1501>");
    t.inject("< . 2001:2501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 2001:2501 3001:3501 1001:1501>");
    t.inject("< . 5001:5501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 5001:5501 2001:2501 3001:3501 1001:1501>");
    // Four fit: the one that is silent for longest is left out.
    t.inject("< . 7001:7501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 7001:7501 5001:5501 2001:2501 3001:3501>");
    t.inject("< . 1501:2001(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 1001:2501 7001:7501 5001:5501 3001:3501>");
    // The acknowledgement moves: the rest as it was.
    t.inject("< . 1:1001(1000) ack 1");
    t.expect("> . 1:1(0) ack 2501 <sack 7001:7501 5001:5501 3001:3501>");
    CHECK(t.status().out_of_order == 1500);
    t.inject("< . 2501:7001(4500) ack 1");
    t.expect("> . 1:1(0) ack 7501 <sack 3001:3501>");
    t.app.read_all();
    t.ignore_output();
}

SCRIPT("with timestamps three blocks fit", covers("RFC2018:2")) {
    t.passive_open({.mss = 1000, .sack = true, .timestamps = true});
    t.inject("< . 1001:1501(500) ack 1");
    t.inject("< . 2001:2501(500) ack 1");
    t.inject("< . 3001:3501(500) ack 1");
    t.ignore_output();
    t.inject("< . 4001:4501(500) ack 1");
    const auto last = t.next();
    CHECK(last && last->sack_count == 3);
    CHECK(last->sack[0][0] == 4001 && last->sack[2][0] == 2001);
}

SCRIPT("without SACK-permitted of the peer no block leaves", covers("RFC2018:1")) {
    t.passive_open({.mss = 1000});
    t.inject("< . 1001:1501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <>");
    t.inject("< . 1001:1501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <>");
}

SCRIPT("SACK-permitted is in SYN and SYN-ACK alone", covers("RFC2018:1")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000,sackOK>");
    const auto answer = t.expect("> S. 0:0(0) ack 1 <mss 1460,sackOK>");
    CHECK(answer.sack_permitted);
    t.inject("< . 1:1(0) ack 1");
    t.accept();
    t.app.write(100);
    CHECK(!t.expect("> P. 1:101(100) ack 1 <>").sack_permitted);
    t.inject("< . 1:1(0) ack 101");
}

SCRIPT("a SYN that does not permit SACK gets no permission back", covers("RFC2018:1")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    CHECK(!t.expect("> S. 0:0(0) ack 1 <mss 1460>").sack_permitted);
}

SCRIPT("RFC 2883 4.1.1: a segment again, whose acknowledgement was lost", covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:501(500) ack 1");
    read_500(t, "< . 501:1001(500) ack 1");
    t.inject("< . 1:501(500) ack 1");
    t.expect("> . 1:1(0) ack 1001 <sack 1:501>");
    // Told once.
    t.inject("< . 1501:2001(500) ack 1");
    t.expect("> . 1:1(0) ack 1001 <sack 1501:2001>");
}

SCRIPT("RFC 2883 4.1.2: a duplicate below, and a hole", covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:501(500) ack 1");
    t.inject("< . 1001:1501(500) ack 1");
    t.expect("> . 1:1(0) ack 501 <sack 1001:1501>");
    t.inject("< . 1501:2001(500) ack 1");
    t.expect("> . 1:1(0) ack 501 <sack 1001:2001>");
    t.inject("< . 1:501(500) ack 1");
    t.expect("> . 1:1(0) ack 501 <sack 1:501 1001:2001>");
}

SCRIPT("RFC 2883 4.1.3: a duplicate of what waits behind a hole: the block around it is second",
       covers("RFC2883:1")) {
    t.passive_open(k_peer);
    t.inject("< . 1001:1501(500) ack 1");
    t.inject("< . 1501:2001(500) ack 1");
    t.inject("< . 3001:3501(500) ack 1");
    t.ignore_output();
    t.inject("< . 1001:1501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 1001:1501 1001:2001 3001:3501>");
    t.inject("< . 3001:3501(500) ack 1");
    t.expect("> . 1:1(0) ack 1 <sack 3001:3501 3001:3501 1001:2001>");
}

SCRIPT("RFC 2883 4.2: partial duplicates, below and behind a hole", covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:501(500) ack 1");
    // 4.2.1: the front of it is old.
    t.inject("< . 1:1001(1000) ack 1");
    t.expect("+40ms > . 1:1(0) ack 1001 <sack 1:501>");
    // 4.2.2: the front of it waits already, the rest is new.
    t.inject("< . 2001:2501(500) ack 1");
    t.expect("> . 1:1(0) ack 1001 <sack 2001:2501>");
    t.inject("< . 2001:3001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1001 <sack 2001:2501 2001:3001>");
    // 4.2.3: the end of it waits already.
    t.inject("< . 1501:2501(1000) ack 1");
    t.expect("> . 1:1(0) ack 1001 <sack 2001:2501 1501:3001>");
    // What fills the hole in front overlaps what waits: below the acknowledgement by now.
    t.inject("< . 1001:2001(1000) ack 1");
    t.expect("> . 1:1(0) ack 3001 <sack 1501:2001>");
    t.app.read_all();
    t.ignore_output();
}

SCRIPT("a segment that spans several runs fills every hole, and keeps what came first",
       covers("RFC9293:SHLD-31", "RFC2883:1", "VULN:segment-overlap")) {
    t.passive_open(k_peer);
    t.inject("< . 11:21(10) ack 1", {.payload = "first....."});
    t.inject("< . 31:41(10) ack 1");
    t.ignore_output();
    t.inject("< . 2:51(49) ack 1", {.payload = std::string(49, 'x')});
    t.expect("> . 1:1(0) ack 1 <sack 11:21 2:51>");
    CHECK(t.status().out_of_order == 49);
    t.inject("< . 1:2(1) ack 1", {.payload = "y"});
    t.expect("> . 1:1(0) ack 51 <>");
    const std::string all = t.app.read_bytes(100);
    CHECK(all.size() == 50 && all.substr(10, 10) == "first....." && all[0] == 'y');
    CHECK(all[9] == 'x' && all[20] == 'x' && all[49] == 'x');
}

SCRIPT("in order across runs: what came first stays as well", covers("RFC9293:SHLD-31")) {
    t.passive_open(k_peer);
    t.inject("< . 11:16(5) ack 1", {.payload = "first"});
    t.inject("< . 21:26(5) ack 1", {.payload = "later"});
    t.ignore_output();
    t.inject("< . 1:31(30) ack 1", {.payload = std::string(30, 'x')});
    t.expect("> . 1:1(0) ack 31 <sack 11:16>");
    CHECK(t.app.read_bytes(100) == "xxxxxxxxxxfirstxxxxxlaterxxxxx");
    CHECK(t.status().out_of_order == 0);
}

namespace {

// What has arrived (without pause and unread), and what the last segment of it is told.
struct Duplicates {
    const char* name;
    std::vector<Range> arrived;
    Range segment;
    u32 ack;
    const char* blocks;
};

// RFC 2883 4 (1), (4) and 4.2: "the receiver reports the first such duplicate segment in a single
// D-SACK block", and behind a hole the larger block around it in the second one.
const std::vector<Duplicates>& several_pieces() {
    static const std::vector<Duplicates> all = {
        {"two runs filled at once",
         {{1001, 2001}, {4001, 5001}, {7001, 8001}},
         {1, 6001},
         6001,
         "<sack 1001:2001 7001:8001>"},
        {"runs that grew together are one piece",
         {{1001, 2001}, {2001, 3001}, {4001, 5001}, {7001, 8001}},
         {1, 6001},
         6001,
         "<sack 1001:3001 7001:8001>"},
        {"three runs, none is left",
         {{1001, 1501}, {2001, 2501}, {3001, 3501}},
         {1, 4001},
         4001,
         "<sack 1001:1501>"},
        {"the last one is filled in part",
         {{1001, 1501}, {2001, 2501}},
         {1, 2201},
         2501,
         "<sack 1001:1501>"},
        {"only the last one is a duplicate", {{2001, 2501}}, {1, 2501}, 2501, "<sack 2001:2501>"},
        {"what is old, and a run", {{1, 501}, {1001, 1501}}, {1, 2001}, 2001, "<sack 1:501>"},
        {"what is old, and two runs",
         {{1, 501}, {1001, 1501}, {2001, 2501}},
         {1, 3001},
         3001,
         "<sack 1:501>"},
        {"RFC 2883 4.2.2",
         {{1, 501}, {2501, 3001}, {501, 1001}, {1501, 2001}},
         {501, 2001},
         2001,
         "<sack 501:1001 2501:3001>"},
        {"RFC 2883 4.2.3",
         {{1, 501}, {3001, 3501}, {1001, 1501}, {2001, 2501}},
         {1001, 2501},
         501,
         "<sack 1001:1501 1001:2501 3001:3501>"},
        {"behind a hole, and it begins with news",
         {{1001, 1501}, {2001, 2501}},
         {501, 3001},
         1,
         "<sack 1001:1501 501:3001>"},
        {"behind a hole, three pieces",
         {{1001, 1501}, {2001, 2501}, {3001, 3501}, {9001, 9501}},
         {1001, 4001},
         1,
         "<sack 1001:1501 1001:4001 9001:9501>"},
        {"behind a hole, wholly held",
         {{1001, 3001}, {5001, 5501}},
         {1501, 2001},
         1,
         "<sack 1501:2001 1001:3001 5001:5501>"},
    };
    return all;
}

void report_first_piece(Script& t, const Duplicates& d, bool fin) {
    t.passive_open(k_peer);
    for (const Range& r : d.arrived) {
        t.inject(line_of({.seq = r.from, .len = r.to - r.from, .ack = 1}));
        t.advance(50ms);  // what is in order is acknowledged too
    }
    t.ignore_output();
    const u16 flags = fin ? wire::Ack | wire::Fin : wire::Ack;
    t.inject(line_of({.flags = static_cast<u16>(flags),
                      .seq = d.segment.from,
                      .len = d.segment.to - d.segment.from,
                      .ack = 1}));
    const u32 ack = d.ack + (fin ? 1 : 0);
    // What is old in part and fills no hole waits for the delayed ACK.
    (void)t.expect_within(50ms, line("> . 1:1(0) ack " + std::to_string(ack) + " " + d.blocks));
    t.app.read_all();
    t.ignore_output();
    t.app.abort();
    t.ignore_output();
}

}  // namespace

SCRIPT("RFC 2883 4.2: of several duplicate pieces in a segment the first is reported",
       covers("RFC2883:1")) {
    for (const Duplicates& d : several_pieces())
        one_case(d.name, [&](Script& c) { report_first_piece(c, d, false); });
}

SCRIPT("RFC 2883 4.2: also when the segment brings the FIN", covers("RFC2883:1")) {
    for (const Duplicates& d : several_pieces()) {
        const bool last = d.ack == d.segment.to;  // nothing waits behind it
        if (last && std::string_view(d.blocks).find(' ', 6) == std::string_view::npos)
            one_case(d.name, [&](Script& c) { report_first_piece(c, d, true); });
    }
}

SCRIPT("RFC 2883 4 (1): the duplicate of the most recent segment is told, not an older one",
       covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:501(500) ack 1");
    t.inject("< . 1001:1501(500) ack 1");
    t.inject("< . 2001:2501(500) ack 1");
    t.ignore_output();
    t.inject_together({"< . 1:301(300) ack 1", "< . 1001:2501(1500) ack 1"});
    t.expect("> . 1:1(0) ack 501 <sack 1001:1501 1001:2501>");
    t.expect("> . 1:1(0) ack 501 <sack 1001:2501>");
}

SCRIPT("duplicates of two segments that touch, before an ACK could leave, are one block",
       covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:1001(1000) ack 1");
    t.inject_together({"< . 1:501(500) ack 1", "< . 501:1001(500) ack 1"});
    t.expect("> . 1:1(0) ack 1001 <sack 1:1001>");
    t.expect("> . 1:1(0) ack 1001 <>");
}

SCRIPT("a FIN that comes twice is reported with its sequence number", covers("RFC2883:1")) {
    t.passive_open(k_peer);
    t.inject("< F. 1:1(0) ack 1");
    t.expect("> . 1:1(0) ack 2");
    t.inject("< F. 1:1(0) ack 1");
    t.expect("> . 1:1(0) ack 2 <sack 1:2>");
}

// Its answer has one size whatever it guessed: docs/decisions/0028-no-news-for-guessers.md.
SCRIPT("a duplicate that PAWS refuses is not reported", covers("RFC2883:1")) {
    t.passive_open({.mss = 1000, .sack = true, .timestamps = true});
    t.inject("+1s < . 1:501(500) ack 1 <TS val 2000 ecr 0>");
    t.app.read_all();
    t.advance(50ms);
    t.ignore_output();
    t.inject("< . 1:501(500) ack 1 <TS val 1000 ecr 0>");
    const auto answer = t.expect("> . 1:1(0) ack 501");
    CHECK(answer.sack_count == 0);
    // In time it is.
    t.inject("< . 1:501(500) ack 1 <TS val 2001 ecr 0>");
    t.expect("> . 1:1(0) ack 501 <TS val 1050 ecr 2000,sack 1:501>");
}

SCRIPT("an acknowledgement with blocks leaves before data that waits to be sent",
       covers("RFC2018:2")) {
    t.passive_open(k_peer);
    t.app.write(5000);
    t.ignore_output();
    t.inject("< . 1001:2001(1000) ack 1");
    t.app.write(1000);
    t.expect("> . 5001:5001(0) ack 1 <sack 1001:2001>");
    t.expect("> P. 5001:6001(1000) ack 1");
    t.inject("< . 1:1(0) ack 6001");
}

SCRIPT("what was told costs no memory any more", covers("RFC2883:1")) {
    t.passive_open(k_peer);
    read_500(t, "< . 1:501(500) ack 1");
    const u64 before = t.stack().memory_used();
    for (int i = 0; i < 1000; ++i) {
        t.inject("< . 1:501(500) ack 1");
        t.expect("> . 1:1(0) ack 501 <sack 1:501>");
    }
    CHECK(t.stack().memory_used() == before);
}

}  // namespace tern
