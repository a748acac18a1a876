#include "core/tcp/ecn/mark_counts.hh"

namespace tern::tcp {

void MarkCounts::arrived(u8 field, u32 packets, u32 bytes) {
    if (field == k_ect_0) e0b_ += bytes;
    if (field == k_ect_1) e1b_ += bytes;
    if (field != k_ce) return;
    ceb_ += bytes;
    cep_ += packets;
}

void MarkCounts::put(wire::TcpOptionsToSend& o) const {
    // 3.2.3: the first field is of the kind that comes; what never moved is left off the end.
    const bool l4s = e1b_ != 1 && e0b_ == 1;
    o.acc_ecn_order = l4s ? 1 : 0;
    o.acc_ecn = {l4s ? e1b_ : e0b_, ceb_, l4s ? e0b_ : e1b_};
    o.acc_ecn_count = (l4s ? e0b_ : e1b_) != 1 ? 3 : ceb_ != 0 ? 2 : 1;
}

}  // namespace tern::tcp
