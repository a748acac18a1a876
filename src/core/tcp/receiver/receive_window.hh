// RCV.NXT, the right edge of what was offered, and the window to offer next (RFC 9293 3.8.6.2.2,
// RFC 7323 2.4).
#pragma once

#include "core/base/seq.hh"

namespace tern::tcp {

// What the window depends on beside its own numbers.
struct Offering {
    u64 waiting = 0;  // bytes in order that the application has not read yet
    u32 full = 0;     // text of a full segment of the peer
    u8 shift = 0;     // Rcv.Wind.Shift
};

class ReceiveWindow {
public:
    Seq nxt() const { return nxt_; }        // RCV.NXT
    Seq edge() const { return edge_; }      // of the widest window ever offered: RCV.NXT + RCV.WND
    Seq irs() const { return irs_; }        // IRS
    u32 buffer() const { return buffer_; }  // RCV.BUFF
    u32 wnd() const { return static_cast<u32>(edge_ - nxt_); }  // RCV.WND

    void set_buffer(u32 bytes) { buffer_ = bytes; }
    // The peer's SYN has come. Ours, or our SYN-ACK, cannot tell more than 16 bits (RFC 7323 2.2).
    void begin(Seq irs) {
        irs_ = irs;
        nxt_ = irs + 1;
        edge_ = nxt_ + first();
    }
    u32 first() const { return buffer_ < k_field_max ? buffer_ : k_field_max; }
    // Text in sequence was taken.
    void advance(u32 n) { nxt_ += n; }
    void advance_to(Seq nxt) { nxt_ = nxt; }
    // A FIN needs no room in the window.
    void take_fin() {
        nxt_ += 1;
        edge_ = max(edge_, nxt_);
    }

    // The window field of a segment that leaves now. RCV.EDGE moves to what it says, and never to
    // the left.
    u32 offer(const Offering& o);
    // The application has read: is the window worth a segment of its own?
    bool update_is_due(const Offering& o, Seq last_ack_sent) const;

private:
    static constexpr u32 k_field_max = 65535;

    u32 widest(u8 shift) const;
    u32 free_space(const Offering& o) const;
    bool worth_offering(u32 space, u32 full) const;
    bool first_window_lasts(Seq last_ack_sent) const;

    Seq nxt_, edge_, irs_;
    u32 buffer_ = 0;  // may grow (autotuning.hh)
};
static_assert(sizeof(ReceiveWindow) == 16);

}  // namespace tern::tcp
