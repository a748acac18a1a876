#include "core/tcp/ecn/option_path.hh"

namespace tern::tcp {

namespace {

constexpr u8 k_losses_for_sure = 2;

}  // namespace

bool OptionPath::lose() {
    if (passes_ || ++lost_ < k_losses_for_sure) return false;
    blocked_ = true;
    return true;
}

void OptionPath::syn_ack_left(bool again) {
    tested_ = true;
    if (again) lost_ = 1;  // the SYN-ACK that had the option
}

bool OptionPath::is_test(const Leaving& s) const {
    if (tested_) return false;
    return s.syn || (!s.passive && s.len > 0 && !s.again && s.roomy);
}

bool OptionPath::left(const Leaving& s, bool carried) {
    if (passes_ || blocked_) return false;
    const Seq end = s.seq + s.len;
    bool settled = false;
    if (s.len > 0 && s.again && in_text_ && s.seq < text_end_ && text_end_ <= end) {
        in_text_ = false;
        settled = lose();
    }
    if (!carried) {
        if (ts_ == s.ts_val) timed_ = false;
        if (s.syn && tested_) lost_ = 1;
        return settled;
    }
    if (!timed_ && s.timestamps) {
        timed_ = true;
        ts_ = s.ts_val;
    }
    if (s.syn) {
        tested_ = true;
    } else if (s.len == 0) {
        in_ack_ = true;
        acked_ = s.ack;
    } else {
        tested_ = true;
        if (!in_text_) text_end_ = end;
        in_text_ = true;
    }
    return settled;
}

void OptionPath::acknowledged(Seq ack) {
    if (in_text_ && ack >= text_end_) passes_ = true;
}

void OptionPath::echoed(u32 ts_ecr) {
    if (!timed_) return;
    const i32 later = static_cast<i32>(ts_ecr - ts_);
    if (later == 0) passes_ = true;
    if (later >= 0) timed_ = false;
}

bool OptionPath::repeated(Seq end) {
    if (!in_ack_ || end > acked_) return false;
    in_ack_ = false;
    return lose();
}

}  // namespace tern::tcp
