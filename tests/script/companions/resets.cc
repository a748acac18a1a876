// RFC 5961 3.2, RFC 9293 3.10.7.4: a peer believes a RST at its RCV.NXT alone. It challenges one
// that lies inside its window and drops every other in silence; then it stays ESTABLISHED for ever.
// Here a model of such a peer hears what the stack sends, in part or not at all, and must be closed
// by the RSTs at the end, at once or by the answer to its challenge.
#include <vector>

#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// The receiving side of a peer; numbers are relative, and the stack's SYN has number 0.
class StrictPeer {
public:
    explicit StrictPeer(u32 edge) : has_(edge + 2, false), edge_(edge) {}

    u32 nxt() const { return nxt_; }
    bool open() const { return open_; }
    void shut_window() { edge_ = nxt_; }
    void open_window(u32 bytes) {
        edge_ = nxt_ + bytes;
        has_.resize(edge_ + 2, false);
    }
    // Text and FIN, as far as they lie in the window; a FIN needs no room.
    void hears(const wire::PacketLine& l) {
        for (u32 n = l.seq; n < l.seq + l.length; ++n)
            if (n >= nxt_ && n < edge_) has_[n] = true;
        if (l.flags & wire::Fin && l.seq + l.length <= edge_) has_[l.seq + l.length] = true;
        while (has_[nxt_]) ++nxt_;
    }
    // True: it answers by a challenge ACK.
    bool is_reset(u32 seq) {
        if (!open_) return false;
        if (seq == nxt_) open_ = false;
        return open_ && seq > nxt_ && seq < edge_;
    }

private:
    std::vector<bool> has_;
    u32 nxt_ = 1, edge_;
    bool open_ = true;
};

std::string number(u32 n) { return std::to_string(n); }

// What the stack has sent reaches the peer as `lost` says: a bit for each segment.
void cross(Script& t, StrictPeer& peer, u32 lost, u32& segments) {
    while (const auto sent = t.next()) {
        const bool arrives = !(lost >> std::min(segments++, 31u) & 1);
        if (arrives && !(sent->flags & wire::Rst)) peer.hears(*sent);
    }
}

// RSTs, and what comes of them.
struct Ended {
    u32 resets = 0, challenges = 0;
};
Ended end_by_resets(Script& t, StrictPeer& peer) {
    Ended ended;
    for (auto sent = t.next(); sent; sent = t.next()) {
        if (!(sent->flags & wire::Rst)) {
            peer.hears(*sent);
            continue;
        }
        ++ended.resets;
        if (!peer.is_reset(sent->seq)) continue;
        ++ended.challenges;
        t.inject(line("< . 1:1(0) ack " + number(peer.nxt())));
    }
    return ended;
}

struct Case {
    u32 window, bytes, lost;
    bool sack, closes;
    Duration wait;
};

std::string name_of_case(const Case& c) {
    return "window " + number(c.window) + ", " + number(c.bytes) + " bytes, lost segments " +
           number(c.lost) + (c.sack ? ", SACK" : "") + (c.closes ? ", FIN" : "") + ", after " +
           number(static_cast<u32>(c.wait / 1ms)) + " ms";
}

void abort_in_the_middle(Script& t, const Case& c) {
    t.setup.tcp.no_delay = true;
    t.passive_open({.mss = 1000, .sack = c.sack, .wscale = {}, .window = c.window});
    StrictPeer peer(1 + c.window);
    u32 segments = 0;
    if (c.bytes > 0) t.app.write(c.bytes);
    if (c.closes) t.app.close();
    cross(t, peer, c.lost, segments);
    t.advance(c.wait);
    cross(t, peer, c.lost, segments);
    t.app.abort();
    const Ended ended = end_by_resets(t, peer);
    t.check(ended.resets >= 1, "a RST");
    t.check(!peer.open(), "the peer is closed");
    // To a peer that has heard everything, or nothing for an RTO, one of them is exact.
    const bool exact = c.lost == 0 || (c.lost == ~0u && c.wait > 1s);
    if (exact) t.check(ended.challenges == 0, "no challenge is needed");
}

}  // namespace

SCRIPT("abort: the peer believes the RST, whatever it has heard of what was sent",
       covers("RFC9293:U-17", "RFC5961:1")) {
    for (const u32 window : {1000u, 3000u, 3500u, 20'000u})
        for (const u32 bytes : {0u, 400u, 3000u, 5000u})
            for (const u32 lost : {0u, 1u, 2u, 4u, 5u, ~0u})
                for (const bool sack : {false, true})
                    for (const bool closes : {false, true})
                        for (const Duration wait : {Duration{}, Duration{1200ms}, Duration{4s}}) {
                            const Case c{.window = window,
                                         .bytes = bytes,
                                         .lost = lost,
                                         .sack = sack,
                                         .closes = closes,
                                         .wait = wait};
                            one_case(name_of_case(c),
                                     [&](Script& s) { abort_in_the_middle(s, c); });
                        }
}

SCRIPT("abort without anything in flight is one RST", covers("RFC9293:U-17")) {
    t.passive_open({.mss = 1000, .window = 3000});
    t.app.write(2000);
    t.expect("> P. 1:2001(2000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001");
    t.app.abort();
    t.expect("> R. 2001:2001(0) ack 1");
    t.quiet(1s);
}

SCRIPT("abort behind a closed window: whether the peer has refused the probes or taken one",
       covers("RFC9293:U-17", "RFC5961:1")) {
    for (const bool sack : {false, true})
        for (const u32 probes : {0u, 1u, 3u})
            for (const bool takes : {false, true})
                one_case(number(probes) + " probes, " + (takes ? "the last is taken" : "refused"),
                         [&](Script& s) {
                             s.passive_open({.mss = 1000, .sack = sack, .wscale = {}});
                             StrictPeer peer(65536);
                             u32 segments = 0;
                             s.app.write(1000);
                             cross(s, peer, 0, segments);
                             s.inject("+10ms < . 1:1(0) ack 1001 win 0");
                             peer.shut_window();
                             s.app.write(500);
                             for (u32 n = 0; n < probes; ++n) {
                                 const auto before = segments;
                                 while (segments == before) {
                                     s.advance(100ms);
                                     if (takes && n + 1 == probes) peer.open_window(5000);
                                     cross(s, peer, 0, segments);
                                 }
                                 if (!takes || n + 1 < probes)
                                     s.inject("< . 1:1(0) ack 1001 win 0");
                             }
                             s.app.abort();
                             end_by_resets(s, peer);
                             s.check(!peer.open(), "the peer is closed");
                         });
}

SCRIPT("abort after three duplicate ACKs: the hole is filled, or it is not",
       covers("RFC9293:U-17", "RFC5961:1")) {
    for (const bool sack : {false, true})
        for (const bool filled : {false, true})
            one_case(
                std::string{sack ? "SACK" : "no SACK"} + (filled ? ", filled" : ""),
                [&](Script& s) {
                    s.passive_open({.mss = 1000, .sack = sack, .wscale = {}});
                    StrictPeer peer(65536);
                    u32 segments = 0;
                    s.app.write(5000);
                    cross(s, peer, 1, segments);
                    for (const char* block : {"2001", "3001", "4001"})
                        s.inject(line(std::string{"< . 1:1(0) ack 1"} +
                                      (sack ? std::string{" <sack 1001:"} + block + ">" : "")));
                    cross(s, peer, filled ? 0 : ~0u, segments);
                    s.app.abort();
                    end_by_resets(s, peer);
                    s.check(!peer.open(), "the peer is closed");
                });
}

SCRIPT("a user timeout behind a closed window, and without any answer, ends the peer as well",
       covers("RFC9293:MUST-20", "RFC5961:1")) {
    for (const bool closed_window : {false, true})
        one_case(closed_window ? "closed window" : "no answer", [&](Script& s) {
            s.setup.tcp.user_timeout = 20s;
            s.passive_open({.mss = 1000, .wscale = {}});
            StrictPeer peer(closed_window ? 1001 : 65536);
            u32 segments = 0;
            s.app.write(1000);
            cross(s, peer, 0, segments);
            if (closed_window) {
                s.inject("+10ms < . 1:1(0) ack 1001 win 0");
                s.app.write(1000);
            }
            while (s.state() != State::Closed && s.elapsed() < 60s) {
                s.advance(100ms);
                while (const auto sent = s.next()) {
                    if (!(sent->flags & wire::Rst))
                        peer.hears(*sent);
                    else if (peer.is_reset(sent->seq))
                        s.fail("a challenge was not needed", Where::current());
                }
            }
            s.state(State::Closed);
            s.check(!peer.open(), "the peer is closed");
        });
}

SCRIPT("released with unread data, or data for a released connection, while ours is in flight",
       covers("RFC9293:SHLD-3", "RFC5961:1")) {
    for (const bool unread : {false, true})
        for (const u32 lost : {0u, 1u, 2u, ~0u})
            one_case(std::string{unread ? "unread" : "later"} + ", lost " + number(lost),
                     [&](Script& s) {
                         s.passive_open({.mss = 1000, .wscale = {}, .window = 3000});
                         StrictPeer peer(3001);
                         u32 segments = 0;
                         s.app.write(3000);
                         cross(s, peer, lost, segments);
                         if (unread) s.inject("< P. 1:101(100) ack 1");
                         s.app.release();
                         if (!unread) {
                             cross(s, peer, 0, segments);
                             s.inject("< P. 1:101(100) ack 1");
                         }
                         end_by_resets(s, peer);
                         s.check(!peer.open(), "the peer is closed");
                     });
}

SCRIPT("abort in SYN-RECEIVED: a peer in SYN-SENT and one that is ESTABLISHED believe it",
       covers("RFC9293:U-17")) {
    go_to(t, Place::SynReceived);
    t.expect("+1s > S. 0:0(0) ack 1");  // once more: SND.NXT was rewound
    t.app.abort();
    t.expect("> R. 1:1(0) ack 1");
    t.quiet(1s);
}

}  // namespace tern
