// RFC 9293 3.8.6.3 as a table: how often does a peer wait for the timer of a delayed ACK? By our
// MTU, our receive buffer, options, the size of the peer's segments and how many of them it keeps
// in flight. The application reads at once and answers nothing.
#include <cstdio>
#include <cstdlib>

#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

struct Cell {
    u32 mtu, buffer, segment, in_flight;
    bool timestamps, sack;

    std::string name() const {
        return "MTU " + std::to_string(mtu) + ", buffer " + std::to_string(buffer) + ", " +
               std::to_string(in_flight) + " segments of " + std::to_string(segment) +
               (timestamps ? ", timestamps" : "") + (sack ? ", SACK" : "");
    }
};

// A sender with 40 segments of text, of which it gives away `in_flight` at a time; each such piece
// is pushed, as by a stack whose send buffer holds no more. It avoids silly windows (RFC 9293
// 3.8.6.2.1): a segment is cut only for a window that was never wider than two of it.
class Sender {
public:
    Sender(Script& t, const Cell& cell) : t_(t), c_(cell), widest_(window()) {}

    u32 delayed_acks() {
        const u32 end = 1 + 40 * c_.segment;
        u32 waited = 0;
        while (una_ < end && waited <= 40) {
            while (send(end)) continue;
            t_.app.read_all();
            if (!acknowledged()) {
                ++waited;
                t_.advance(40ms);
                if (!acknowledged()) t_.check(false, "no acknowledgement after 40 ms");
            }
        }
        return waited;
    }

private:
    u32 window() const { return t_.status().rcv_wnd; }
    bool send(u32 end) {
        const u32 piece_end = std::min(end, una_ + c_.in_flight * c_.segment);
        const u32 open = edge_ > next_ ? edge_ - next_ : 0;
        const u32 wanted = std::min(c_.segment, piece_end - next_);
        const u32 size = std::min(wanted, open);
        if (size == 0 || (size < wanted && size < widest_ / 2)) return false;
        const bool last = next_ + size == piece_end;
        t_.inject(line_of({.flags = static_cast<u16>(wire::Ack | (last ? wire::Psh : 0)),
                           .seq = next_,
                           .len = size,
                           .ack = 1}));
        next_ += size;
        return true;
    }
    bool acknowledged() {
        bool any = false;
        while (const auto l = t_.next()) {
            any |= l->ack > una_ || una_ + window() > edge_;
            una_ = l->ack;
        }
        edge_ = std::max(edge_, una_ + window());
        widest_ = std::max(widest_, window());
        return any;
    }

    Script& t_;
    const Cell c_;
    u32 una_ = 1, next_ = 1;
    u32 widest_;
    u32 edge_ = 1 + widest_;
};

u32 delayed_acks(const Cell& cell) {
    u32 waited = 0;
    one_case(cell.name(), [&](Script& c) {
        c.setup.mtu = cell.mtu;
        c.setup.tcp.receive_buffer = cell.buffer;
        c.passive_open({.mss = static_cast<u16>(cell.mtu - 40),
                        .sack = cell.sack,
                        .timestamps = cell.timestamps});
        waited = Sender{c, cell}.delayed_acks();
        // The first segment that is not a full one tells that nobody answers.
        c.check(waited <= 1, (std::to_string(waited) + " delayed acknowledgements").c_str());
    });
    return waited;
}

// Sizes of segments: full, as behind a path with a smaller MTU, and small ones.
std::vector<u32> segments_of(u32 full) {
    std::vector<u32> all{full};
    for (const u32 size : {1448u, 1220u, 536u, 100u})
        if (size < full) all.push_back(size);
    return all;
}

void sweep(bool timestamps, bool sack) {
    u32 cells = 0, waited = 0;
    for (const u32 mtu : {576u, 1280u, 1500u, 4352u, 9000u}) {
        const u32 full = mtu - 40 - (timestamps ? 12 : 0);
        for (const u32 percent : {100u, 135u, 150u, 165u, 195u, 200u, 250u, 400u, 1000u, 6400u})
            for (const u32 segment : segments_of(full))
                for (const u32 in_flight : {1u, 2u, 3u, 5u}) {
                    waited += delayed_acks({.mtu = mtu,
                                            .buffer = full * percent / 100,
                                            .segment = segment,
                                            .in_flight = in_flight,
                                            .timestamps = timestamps,
                                            .sack = sack});
                    ++cells;
                    if (::testing::Test::HasFailure()) return;
                }
    }
    // TERN_TABLE=1 prints the sum.
    if (std::getenv("TERN_TABLE"))
        std::printf("%u cells, %u delayed acknowledgements\n", cells, waited);
}

}  // namespace

SCRIPT("delayed acknowledgements by sizes, without options",
       covers("RFC9293:SHLD-18", "RFC9293:SHLD-19", "RFC9293:MUST-39")) {
    sweep(false, false);
}
SCRIPT("delayed acknowledgements by sizes, with timestamps",
       covers("RFC9293:SHLD-18", "RFC9293:SHLD-19", "RFC9293:MUST-39")) {
    sweep(true, false);
}
SCRIPT("delayed acknowledgements by sizes, with SACK",
       covers("RFC9293:SHLD-18", "RFC9293:SHLD-19", "RFC9293:MUST-39")) {
    sweep(false, true);
}
SCRIPT("delayed acknowledgements by sizes, with timestamps and SACK",
       covers("RFC9293:SHLD-18", "RFC9293:SHLD-19", "RFC9293:MUST-39")) {
    sweep(true, true);
}

}  // namespace tern
