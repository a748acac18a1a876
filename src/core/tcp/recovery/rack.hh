// RFC 8985 6: what was sent before something that has arrived by now is lost, once reordering is no
// explanation any more. It asks for nothing; Scoreboard tells it of each piece that arrives and
// asks it how long to wait for the others.
#pragma once

#include <optional>

#include "core/tcp/recovery/ack_sample.hh"
#include "core/tcp/recovery/sent.hh"

namespace tern::tcp {

// A piece of a record has arrived.
struct DeliveredPiece {
    const Sent* record = nullptr;
    Seq end;
    u32 at_us = 0;       // when it left last
    bool again = false;  // it had left more than once
};

class Rack {
public:
    struct Query {
        u32 now_us = 0;
        u32 srtt_us = 0;  // 0: unknown
        u32 sacked_pieces = 0;
        bool recovering = false;
    };

    // What lies before `una` has arrived.
    void begin(Seq una) { fack_ = una; }
    void delivered(const DeliveredPiece& piece, const AckInHand& ack, AckSample& a);
    // RFC 8985 6.2 step 5 [RFC8985:1]: how long until a transmission that left at `at_us` counts as
    // lost, in microseconds; 0: it does. Nothing: something sent before it has to arrive first.
    std::optional<u32> patience(u32 at_us, Seq end, const Query& q) const;
    // Has anything arrived at all?
    bool any() const { return any_; }
    // [RFC8985:2]: D-SACK says that we were too impatient.
    void learn_dsack(const AckSample& a, Seq una, Seq nxt) {
        if (dsack_round_set_ || a.dsack_pieces != 0) count_dsack(a, una, nxt);
    }
    void recovery_ended();
    void saw_reordering() { reordering_seen_ = true; }
    bool reordering_seen() const { return reordering_seen_; }
    u32 min_rtt_us() const { return min_rtt_us_; }  // 0: unknown

private:
    bool acknowledges_earlier(const DeliveredPiece& piece, const AckInHand& ack) const;
    u32 reordering_window(const Query& q) const;
    void count_dsack(const AckSample& a, Seq una, Seq nxt);

    // RFC 8985 5.3
    u32 xmit_us_ = 0;
    Seq end_seq_;
    Seq fack_;
    u32 rtt_us_ = 0, min_rtt_us_ = 0;
    bool any_ = false;  // something was delivered: the fields above mean something
    bool reordering_seen_ = false;
    bool dsack_round_set_ = false;
    Seq dsack_round_;
    u8 reo_mult_ = 1, reo_persist_ = 0;
};

}  // namespace tern::tcp
