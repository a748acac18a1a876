#include "core/tcp/recovery/undo.hh"

namespace tern::tcp {

void Undo::begin(Seq una, u32 cwnd, u32 ssthresh, bool possible) {
    possible_ = possible;
    any_ = false;
    cwnd_ = cwnd;
    ssthresh_ = ssthresh;
    from_ = una;
    resent_ = 0;
    first_ts_ = 0;
}

void Undo::sent_again(u32 pieces, u32 ts) {
    resent_ += static_cast<i32>(pieces);
    if (!any_) first_ts_ = ts;
    any_ = true;
}

void Undo::learn_dsack(const AckSample& a) {
    if (a.dsack_pieces != 0 && possible_ && a.dsack_left >= from_)
        resent_ -= static_cast<i32>(a.dsack_pieces);
}

// RFC 5682 3.1 [RFC5682:1]: the first ACK after the timeout, then the first after new data.
bool Undo::forward_rto_recovery(const AckSample& a, Repair repair) {
    if (frto_ == 0 || repair != Repair::AfterTimeout) return false;
    if (a.original) return true;
    frto_ = frto_ == 1 && a.advanced ? 2 : 0;
    return false;
}

bool Undo::was_spurious(const AckInHand& ack, const AckSample& a, Repair repair) {
    const bool all_were_duplicates = a.dsack_pieces != 0 && resent_ <= 0;
    const bool echoes_an_original = a.advanced && ack.has_echo && repair != Repair::Nothing &&
                                    static_cast<i32>(ack.ts_ecr - first_ts_) < 0;
    if (!all_were_duplicates && !echoes_an_original && !forward_rto_recovery(a, repair))
        return false;
    possible_ = any_ = false;
    frto_ = 0;
    return true;
}

}  // namespace tern::tcp
