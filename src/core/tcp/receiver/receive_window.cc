#include "core/tcp/receiver/receive_window.hh"

#include <algorithm>

namespace tern::tcp {

// The widest window that the field can tell: without scaling less than a large RCV.BUFF.
u32 ReceiveWindow::widest(u8 shift) const { return std::min(buffer_, k_field_max << shift); }

// Free bytes of the receive buffer behind RCV.NXT, as far as they can be offered; the reader may be
// behind.
u32 ReceiveWindow::free_space(const Offering& o) const {
    const u32 space = o.waiting >= buffer_ ? 0 : buffer_ - static_cast<u32>(o.waiting);
    return std::min(space, widest(o.shift));
}

// Is the growth of the window worth telling [MUST-39] [U-16]?
bool ReceiveWindow::worth_offering(u32 space, u32 full) const {
    return space >= wnd() + std::min(buffer_ / 2, full);
}

// Our SYN-ACK could not say more than 65,535. As long as nothing else was said, and the peer has
// used less than half of that, the acknowledgement that comes anyhow says the rest in time.
bool ReceiveWindow::first_window_lasts(Seq last_ack_sent) const {
    const Seq first = irs_ + 1;
    return last_ack_sent == first && edge_ == first + k_field_max && wnd() > k_field_max / 2;
}

u32 ReceiveWindow::offer(const Offering& o) {
    const u32 space = free_space(o);
    const u32 window = worth_offering(space, o.full) ? space : wnd();
    // RFC 9293 3.8.6 [SHLD-14]: rounding to the scale must not move the right edge to the left, so
    // it rounds up. A flood of tiny segments would keep the window open that way: an eighth of the
    // buffer, or a half where the unit is so large that full segments lose as much, is what
    // rounding may give away in all (RFC 7323 2.4 allows the step back).
    const u32 unit = 1u << o.shift;
    const u32 given_away = buffer_ / (unit > 128 ? 2 : 8);
    // RFC 9293 3.1 [MUST-1]: the field has 16 bits and no sign.
    u32 field = (window + unit - 1) >> o.shift;
    const bool too_much = o.waiting + (u64{field} << o.shift) > u64{buffer_} + given_away;
    if (too_much || field > k_field_max) field = window >> o.shift;
    // RFC 7323 2.4 [RFC7323:2]: what any acknowledgement has offered stays welcome.
    edge_ = max(edge_, nxt_ + (field << o.shift));
    return field;
}

bool ReceiveWindow::update_is_due(const Offering& o, Seq last_ack_sent) const {
    const u32 space = free_space(o);
    // A window that is still wide can wait for the next acknowledgement.
    const bool was_small = wnd() < widest(o.shift) / 4;
    if (!was_small && space < wnd() + widest(o.shift) / 2) return false;
    return worth_offering(space, o.full) && !first_window_lasts(last_ack_sent);
}

}  // namespace tern::tcp
