// RFC 9768 3.2.3.2.2 [RFC9768:5]: do segments with the AccECN option get through? Text that had one
// is acknowledged, or has to be sent again; of a bare ACK that had one the peer echoes the
// timestamp, or sends once more what it acknowledged. Two losses before any success, and the option
// stays out of this connection.
#pragma once

#include "core/base/seq.hh"

namespace tern::tcp {

// A segment of ours that leaves.
struct Leaving {
    Seq seq, ack;  // its first octet of text; RCV.NXT
    u32 len = 0;
    bool syn = false;
    bool again = false;       // its text has left before
    bool roomy = false;       // an option of 12 bytes beside the text keeps it below a full segment
    bool passive = false;     // the connection came from a listener
    bool timestamps = false;  // TSval is `ts_val`
    u32 ts_val = 0;
};

class OptionPath {
public:
    bool blocked() const { return blocked_; }  // none is sent any more
    void block() { blocked_ = true; }          // as is known of the host
    // The SYN-ACK has left before there was a connection: with the option, or when it was sent
    // again without.
    void syn_ack_left(bool again);
    void test_anew() { tested_ = false; }  // by the SYN-ACK that is to come

    // 3.2.3.2.1: the SYN-ACK of a server and the first text of a client, where there is room.
    bool is_test(const Leaving& s) const;
    // A segment left, with or without the option. True: that settles that options are lost.
    bool left(const Leaving& s, bool carried);
    void acknowledged(Seq ack);
    void echoed(u32 ts_ecr);
    // The peer sends text up to `end` once more. True as above.
    bool repeated(Seq end);

private:
    bool lose();

    u8 lost_ = 0;          // that had one, before any got through
    bool passes_ = false;  // one got through: that is settled
    bool blocked_ = false;
    bool tested_ = false;   // the SYN-ACK, or the first text, has had one
    bool in_text_ = false;  // text up to text_end_ had one and is not acknowledged
    bool in_ack_ = false;   // the ACK of `acked_` had one
    bool timed_ = false;    // of all segments with the TSval `ts_`
    Seq text_end_, acked_;
    u32 ts_ = 0;
};

}  // namespace tern::tcp
