// How long, and how many, connections a peer can hold open after the application has gone:
// spec/vulnerabilities.tsv, each test named after the attack. What the numbers are, and why:
// docs/decisions/0025-orphans.md.
#include <functional>
#include <string>

#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

constexpr u32 k_mss = 1000;

// What the peer does with each segment that it gets once the application has gone. It knows where
// the application's bytes end, and never acknowledges that much.
struct Hog {
    const char* name;
    u32 window = 0;    // that it offers at first, from 1001 on
    bool fin = false;  // it has closed as well: CLOSING, or LAST-ACK
    bool data = true;  // the application has left 20,000 bytes; otherwise a FIN alone
    std::function<void(Script&, u32 rcv_nxt)> answer{};  // null: silence
};

std::string bare(u32 seq, u32 ack, u32 window) {
    return "< . " + std::to_string(seq) + ":" + std::to_string(seq) + "(0) ack " +
           std::to_string(ack) + " win " + std::to_string(window);
}

void answers_with_closed_window(Script& t, u32 seq) { t.inject(line(bare(seq, 1001, 0))); }

// Until the connection has gone; each segment of the stack is answered at once.
Duration held_by(Script& t, const Hog& hog, u32 seq, Duration at_most) {
    const Duration began = t.elapsed();
    while (t.count().connections > 0 && t.elapsed() - began < at_most) {
        t.advance(100ms);
        bool any = false;
        while (const auto l = t.next()) any = any || (l->flags & wire::Rst) == 0;
        if (any && hog.answer && t.count().connections > 0) hog.answer(t, seq);
    }
    t.ignore_output();
    return t.elapsed() - began;
}

// 1000 bytes are acknowledged and 20,000 wait behind the window, or a FIN alone.
void fill(Script& t, const Hog& hog) {
    t.passive_open({.mss = k_mss, .wscale = {}, .window = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject(line(bare(1, 1001, hog.window)));
    if (hog.data) t.app.write(20'000);
    t.ignore_output();
}

// Releases it in the state that the peer's FIN makes of it. Returns the peer's next number.
u32 leave(Script& t, State state) {
    if (state == State::LastAck) t.inject(line("< F. 1:1(0) ack 1001 win 0"));
    t.app.release();
    t.ignore_output();
    if (state == State::Closing) t.inject(line("< F. 1:1(0) ack 1001 win 0"));
    t.ignore_output();
    return state == State::FinWait1 ? 1 : 2;
}

const Hog k_hogs[] = {
    {.name = "silent behind a closed window"},
    {.name = "probes of the closed window are answered", .answer = answers_with_closed_window},
    {.name = "FIN alone, and the window stays closed",
     .data = false,
     .answer = answers_with_closed_window},
    {.name = "an open window, and nothing is acknowledged",
     .window = 30'000,
     .answer = [](Script& t, u32 seq) { t.inject(line(bare(seq, 1001, 30'000))); }},
    {.name = "the window shrinks with each answer",
     .window = 10'000,
     .answer =
         [shrunk = 0u](Script& t, u32 seq) mutable {
             shrunk = std::min(shrunk + 500, 10'000u);
             t.inject(line(bare(seq, 1001, 10'000 - shrunk)));
         }},
    {.name = "the window opens by less than a segment and closes again",
     .answer =
         [open = false](Script& t, u32 seq) mutable {
             open = !open;
             t.inject(line(bare(seq, 1001, open ? 1 : 0)));
         }},
    {.name = "a byte is taken with each probe",
     .answer =
         [taken = 0u](Script& t, u32 seq) mutable {
             if (taken < 15'000) ++taken;
             t.inject(line(bare(seq, 1001 + taken, 0)));
         }},
    {.name = "keep-alives and old numbers",
     .answer =
         [](Script& t, u32 seq) {
             t.inject(line("< . " + std::to_string(seq - 1) + ":" + std::to_string(seq - 1) +
                           "(0) ack 1001 win 0"));
             t.ignore_output();
             t.inject(line(bare(seq, 901, 0)));
         }},
};

constexpr State k_held[] = {State::FinWait1, State::Closing, State::LastAck};

}  // namespace

SCRIPT(
    "Naphtha (CVE-2000-1039), NKiller2, zero window (CVE-2009-1926): in each state that waits for "
    "the peer's ACK, whatever the peer does, the connection ends in time",
    covers("VULN:naphtha", "VULN:zero-window", "RFC6429:1")) {
    for (const State state : k_held)
        for (const Hog& hog : k_hogs)
            one_case(std::string{name_of(state)} + ", " + hog.name, [&](Script& c) {
                fill(c, hog);
                const u32 seq = leave(c, state);
                c.check(c.count().orphans == 1, "an orphan");
                const Duration limit = c.setup.limits.tcp_orphan_timeout;
                const Duration held = held_by(c, hog, seq, 24h);
                c.check(held >= limit && held <= limit + 200ms, "as long as the limit says");
                c.check(c.count().connections == 0 && c.count().orphans == 0, "and no longer");
                c.check(c.counters().tcp_orphans_timed_out == 1, "counted");
            });
}

SCRIPT("Naphtha: a handshake that is never finished, after the application has gone",
       covers("VULN:naphtha")) {
    t.setup.tcp.user_timeout = Duration::max();  // never
    go_to(t, Place::SynReceived);
    t.app.release();
    CHECK(t.count().orphans == 1);
    const Duration held = held_by(t, {.name = "silent"}, 1, 24h);
    CHECK(held >= t.setup.limits.tcp_orphan_timeout);
    CHECK(held <= t.setup.limits.tcp_orphan_timeout + 200ms);
    CHECK(t.counters().tcp_orphans_timed_out == 1);
}

SCRIPT("a user timeout that is shorter than the orphan's limit, or never, is not the orphan's",
       covers("VULN:naphtha")) {
    const Hog& hog = k_hogs[1];
    for (const Duration wish : {Duration{20s}, Duration::max()})
        one_case(wish == 20s ? "20 s" : "never", [&](Script& c) {
            c.setup.tcp.user_timeout = wish;
            fill(c, hog);
            leave(c, State::FinWait1);
            const Duration held = held_by(c, hog, 1, 24h);
            const Duration limit = std::min<Duration>(wish, c.setup.limits.tcp_orphan_timeout);
            c.check(held >= limit - 1s && held <= limit + 200ms, "the shorter of the two");
        });
}

SCRIPT("FIN-WAIT-2 that nobody holds ends, whatever the peer sends instead of its FIN",
       covers("VULN:fin-wait-2")) {
    t.passive_open();
    t.app.release();
    t.expect("> F. 1:1(0) ack 1");
    t.inject("< . 1:1(0) ack 2");
    CHECK(t.count().orphans == 1);
    for (int i = 0; i < 11; ++i) {
        t.inject("+5s < . 0:0(0) ack 2");  // a keep-alive
        t.ignore_output();
        t.inject("< . 1:1(0) ack 2 win 1000");
        t.inject("< . 1:1(0) ack 2 win 2000");
        t.ignore_output();
    }
    CHECK(t.count().connections == 1);
    t.advance(5s);
    CHECK(t.count().connections == 0 && t.count().orphans == 0);
}

SCRIPT("a released connection is not kept alive: no probe leaves, and its end is near",
       covers("VULN:fin-wait-2")) {
    t.setup.tcp.keep_alive = true;
    t.setup.tcp.keep_alive_idle = 10s;
    t.passive_open();
    t.app.release();
    t.expect("> F. 1:1(0) ack 1");
    t.inject("< . 1:1(0) ack 2");
    t.quiet(61s);
    CHECK(t.count().connections == 0);
}

SCRIPT("a slow and honest reader gets everything: 16 KiB in 190 seconds are progress",
       covers("VULN:slow-read")) {
    t.passive_open({.mss = k_mss, .wscale = {}, .window = 1000});
    const u32 bytes = 100'000, step = t.setup.limits.tcp_orphan_progress;
    t.app.write(bytes);
    t.app.release();
    u32 allowed = 1 + step, taken = 1;
    for (Duration next = t.elapsed() + 190s; t.count().orphans > 0 && t.elapsed() < 1h;) {
        t.advance(100ms);
        if (t.elapsed() >= next) {
            allowed += step;
            next += 190s;
            t.inject(line(bare(1, taken, std::min(1000u, allowed - taken))));
        }
        while (const auto l = t.next()) {
            CHECK((l->flags & wire::Rst) == 0);
            if (l->seq <= taken) taken = std::max(taken, std::min(allowed, l->seq_end));
            if ((l->flags & wire::Fin) != 0 && taken == bytes + 1) ++taken;
            t.inject(line(bare(1, taken, std::min(1000u, allowed - std::min(allowed, taken)))));
            if (taken == bytes + 2) break;
        }
        if (taken == bytes + 2) break;
    }
    CHECK(taken == bytes + 2);
    CHECK(t.elapsed() > 1000s);
    t.inject(line("< F. 1:1(0) ack " + std::to_string(taken)));
    t.expect(line("> . " + std::to_string(taken) + ":" + std::to_string(taken) + "(0) ack 2"));
    CHECK(t.count().orphans == 0 && t.count().time_waits == 1);
    CHECK(t.counters().tcp_orphans_timed_out == 0);
}

namespace {

// Another connection that is released with bytes behind a closed window. With `delivered` the peer
// takes all and closes not.
void add_orphan(Script& t, u16 port, bool delivered = false) {
    t.peer_port(port);
    t.passive_open({.mss = k_mss, .wscale = {}, .window = 1000});
    if (!delivered) {
        t.app.write(1000);
        t.ignore_output();
        t.inject(line(bare(1, 1001, 0)));
        t.app.write(40'000);
    }
    t.app.release();
    t.ignore_output();
    if (delivered) t.inject("< . 1:1(0) ack 2");
}

// Ports of the connections that ended by RST since the last call.
struct Resets : Observer {
    void on_state(const StateEvent& e) override {
        if (e.cause == Cause::OrphanEvicted) evicted.push_back(e.flow.remote.port);
    }
    std::vector<u16> evicted;
};

}  // namespace

SCRIPT("orphans have a limit: the one whose peer has made no progress for the longest time goes",
       covers("VULN:naphtha", "VULN:sockstress")) {
    Resets resets;
    t.setup.observer = &resets;
    t.setup.limits.tcp_orphans = 4;
    for (u16 n = 0; n < 4; ++n) {
        add_orphan(t, static_cast<u16>(40'000 + n));
        t.advance(1s);
        t.ignore_output();
    }
    // The first one goes on: now the second has waited longest. A byte would not do.
    t.peer_port(40'000);
    for (u32 taken = 1001; taken < 1001 + t.setup.limits.tcp_orphan_progress; taken += 1000) {
        t.inject(line(bare(1, taken, 1000)));
        t.ignore_output();
    }
    t.inject(line(bare(1, 1001 + t.setup.limits.tcp_orphan_progress, 0)));
    t.ignore_output();
    t.peer_port(40'001);
    t.inject(line(bare(1, 1002, 0)));
    t.ignore_output();
    CHECK(resets.evicted.empty());
    add_orphan(t, 40'004);
    CHECK(resets.evicted == std::vector<u16>{40'001});
    add_orphan(t, 40'005);
    CHECK((resets.evicted == std::vector<u16>{40'001, 40'002}));
    // In FIN-WAIT-2 the peer has everything: such a one goes before all others.
    add_orphan(t, 40'006, true);
    add_orphan(t, 40'007);
    CHECK((resets.evicted == std::vector<u16>{40'001, 40'002, 40'003, 40'006}));
    CHECK(t.count().orphans == 4);
    CHECK(t.counters().tcp_orphans_evicted == 4);
    t.advance(1h);
    t.ignore_output();
    CHECK(t.count().orphans == 0 && t.count().connections == 0);
    t.stack().set_observer(nullptr);
}

SCRIPT("no orphan may stay: close resets what is not delivered, and no state is spared",
       covers("VULN:naphtha")) {
    t.setup.limits.tcp_orphans = 0;
    add_orphan(t, 40'000);
    CHECK(t.count().connections == 0);
    for (const State state : k_held)
        one_case(std::string{name_of(state)}, [&](Script& c) {
            // Two orphans of another kind fill the limit; this one is the oldest of all.
            c.setup.limits.tcp_orphans = 2;
            fill(c, k_hogs[0]);
            leave(c, state);
            add_orphan(c, 40'001);
            c.check(c.counters().tcp_orphans_evicted == 0, "within the limit");
            add_orphan(c, 40'002);
            c.check(c.counters().tcp_orphans_evicted == 1, "one too many");
            c.check(c.count().orphans == 2, "so many stay");
            c.advance(1h);
            c.ignore_output();
        });
    one_case("SYN-RECEIVED", [](Script& c) {
        c.setup.limits.tcp_orphans = 1;
        go_to(c, Place::SynReceived);
        c.app.release();
        c.setup.server_port = 81;
        c.flow(81, 40'001);
        add_orphan(c, 40'001);
        c.check(c.counters().tcp_orphans_evicted == 1, "the handshake goes");
        c.advance(1h);
        c.ignore_output();
    });
}

SCRIPT("a new connection takes the place of an orphan when there is no other",
       covers("VULN:naphtha", "VULN:sockstress")) {
    Resets resets;
    t.setup.observer = &resets;
    t.setup.limits.tcp_connections = 3;
    add_orphan(t, 40'000);
    t.advance(1s);
    t.ignore_output();
    add_orphan(t, 40'001, true);
    add_orphan(t, 40'002);
    t.peer_port(40'003);
    t.passive_open();  // FIN-WAIT-2 costs nobody a byte: it goes at once
    CHECK(resets.evicted == std::vector<u16>{40'001});
    t.ignore_output();
    // The others have been quiet for a second; they are spared until it is ten.
    t.peer_port(40'004);
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.ignore_output();
    CHECK(resets.evicted.size() == 1);
    t.advance(t.setup.limits.tcp_orphan_grace - 1s);
    t.ignore_output();
    t.inject("< . 1:1(0) ack 1");
    t.ignore_output();
    CHECK((resets.evicted == std::vector<u16>{40'001, 40'000}));
    t.accept();
    t.advance(1h);
    t.ignore_output();
    t.stack().set_observer(nullptr);
}

SCRIPT("whatever ends an orphan, it is counted no longer", covers("VULN:naphtha")) {
    for (const State state : k_held)
        for (const bool reset : {true, false})
            one_case(std::string{name_of(state)} + (reset ? ", RST" : ", the last ACK"),
                     [&](Script& c) {
                         fill(c, k_hogs[2]);
                         const u32 seq = leave(c, state);
                         c.check(c.count().orphans == 1, "an orphan");
                         const std::string at = std::to_string(seq);
                         c.inject(line("< . " + at + ":" + at + "(0) ack 1001 win 1000"));
                         c.advance(1s);
                         c.ignore_output();
                         c.inject(line(reset ? "< R " + at + ":" + at + "(0)"
                                             : "< . " + at + ":" + at + "(0) ack 1002"));
                         c.ignore_output();
                         const u32 left = !reset && state == State::FinWait1 ? 1 : 0;
                         c.check(c.count().orphans == left, "only FIN-WAIT-2 still is one");
                         c.advance(61s);
                         c.ignore_output();
                         c.check(c.count().orphans == 0, "none");
                         c.check(c.counters().tcp_orphans_timed_out == 0, "its own end");
                     });
}

}  // namespace tern
