// A second reading of RFC 9293 3.10.7, written apart from the code: what a segment gets by its
// state, control bits, place in the window and length.
#pragma once

#include "support/places.hh"

namespace tern::script {

enum class Reply : u8 { None, Ack, Reset, SynAck };

struct Expected {
    Reply reply = Reply::None;
    State after = State::Closed;
    u32 taken = 0;  // sequence numbers from RCV.NXT on that an ACK covers
};

// Where a segment begins: in front of RCV.NXT, at it, at the last octet of the window, behind that.
enum class Start : u8 { Before, Next, LastOfWindow, Beyond };

struct Arriving {
    Place place = Place::Closed;
    u16 flags = 0;
    bool acks = true;  // SEG.ACK covers all that we have sent; otherwise SND.UNA
    Start start = Start::Next;
    u32 len = 0;  // less than the window

    bool has(u16 f) const { return (flags & f) != 0; }
    u32 octets() const { return len + (has(wire::Syn) ? 1 : 0) + (has(wire::Fin) ? 1 : 0); }
};

// 3.10.7.1
inline Expected in_closed(const Arriving& a) {
    return {a.has(wire::Rst) ? Reply::None : Reply::Reset, State::Closed};
}

// 3.10.7.2; SYN with FIN is refused by name.
inline Expected in_listen(const Arriving& a) {
    if (a.has(wire::Rst)) return {};
    if (a.has(wire::Ack)) return {Reply::Reset, State::Closed};
    if (!a.has(wire::Syn) || a.has(wire::Fin)) return {};
    return {Reply::SynAck, State::SynReceived};
}

// 3.10.7.3, the acknowledgement being acceptable. RCV.NXT is still to come: what an ACK covers
// counts from SEG.SEQ.
inline Expected in_syn_sent(const Arriving& a) {
    const bool ack = a.has(wire::Ack);
    if (a.has(wire::Rst)) return {Reply::None, ack ? State::Closed : State::SynSent};
    if (!a.has(wire::Syn) || a.has(wire::Fin)) return {Reply::None, State::SynSent};
    if (ack) return {Reply::Ack, State::Established, 1 + a.len};
    return {Reply::SynAck, State::SynReceived};
}

// Table 6. RFC 5961 3.2: a RST is judged by its sequence number alone.
inline bool acceptable(const Arriving& a) {
    switch (a.start) {
        case Start::Before: return !a.has(wire::Rst) && a.octets() > 1;
        case Start::Next:
        case Start::LastOfWindow: return true;
        case Start::Beyond: return false;
    }
    return false;
}

// RFC 1337: a RST does not end TIME-WAIT. RFC 6191: a SYN above the old numbers begins anew. "The
// only thing that can arrive in this state is a retransmission of the remote FIN. Acknowledge it":
// so is all else that an ACK may answer, but not an ACK with nothing in it, where it belongs.
inline Expected in_time_wait(const Arriving& a) {
    constexpr State same = State::TimeWait;
    if (a.has(wire::Rst)) return {Reply::None, same};
    const bool ahead = a.start == Start::LastOfWindow || a.start == Start::Beyond;
    if (a.has(wire::Syn)) {
        const bool anew = ahead && !a.has(wire::Ack) && !a.has(wire::Fin);
        // The SYN-ACK is a new connection's: the application's is over.
        return anew ? Expected{Reply::SynAck, State::Closed} : Expected{Reply::Ack, same};
    }
    // The record keeps no window: whatever lies ahead is inside, and dropped without ACK.
    if (!a.has(wire::Ack)) return {ahead || acceptable(a) ? Reply::None : Reply::Ack, same};
    return {a.octets() == 0 && a.start == Start::Next ? Reply::None : Reply::Ack, same};
}

// 3.10.7.4, second check, with RFC 5961 3.2.
inline Expected reset(const Arriving& a) {
    const State same = standing(a.place).state;
    if (!acceptable(a)) return {Reply::None, same};
    if (a.start != Start::Next) return {Reply::Ack, same};
    return {Reply::None, a.place == Place::Embryo ? State::Listen : State::Closed};
}

// The first check failed: an ACK, and nothing else. Our one exception (arrives/other_states.cc): a
// peer that has filled our window acknowledges from its right edge, and that counts.
inline Expected unacceptable(const Arriving& a) {
    const State same = standing(a.place).state;
    const bool bare = a.octets() == 0 && a.has(wire::Ack);
    if (a.start == Start::Beyond && bare && a.acks) switch (same) {
            case State::FinWait1: return {Reply::Ack, State::FinWait2};
            case State::Closing: return {Reply::None, State::TimeWait};
            case State::LastAck: return {Reply::None, State::Closed};
            default: break;
        }
    return {Reply::Ack, same};
}

// Seventh and eighth check, in state `now`.
inline Expected text_and_fin(const Arriving& a, State now) {
    const bool fin = a.has(wire::Fin);
    // Their FIN was taken already: text is ignored, and told what we expect.
    const bool open = now == State::Established || now == State::FinWait1 || now == State::FinWait2;
    if (!open) return {a.len > 0 ? Reply::Ack : Reply::None, now};
    // RFC 5681 4.2: what comes out of order is answered at once; what is in order may wait.
    if (a.start == Start::LastOfWindow) return {a.len > 0 || fin ? Reply::Ack : Reply::None, now};
    if (!fin) return {Reply::None, now};
    const u32 taken = a.octets() - (a.start == Start::Before ? 1 : 0);
    switch (now) {
        case State::Established: return {Reply::Ack, State::CloseWait, taken};
        case State::FinWait1: return {Reply::Ack, State::Closing, taken};
        default: return {Reply::Ack, State::TimeWait, taken};
    }
}

// 3.10.7.4
inline Expected in_other_states(Arriving a) {
    const State s = standing(a.place).state;
    if (a.has(wire::Rst)) return reset(a);
    // Figure 8: the SYN of a simultaneous open's SYN-ACK was counted when it came alone.
    const bool syn_ack = a.has(wire::Syn) && a.has(wire::Ack);
    if (a.place == Place::SynReceived && syn_ack && a.start == Start::Before) {
        a.flags &= static_cast<u16>(~wire::Syn);
        a.start = Start::Next;
    }
    if (a.has(wire::Syn)) {
        const bool same_syn =
            a.place == Place::Embryo && a.start == Start::Before && !a.has(wire::Ack);
        return {same_syn ? Reply::SynAck : Reply::Ack, s};  // RFC 5961 4
    }
    if (!acceptable(a)) return unacceptable(a);
    if (!a.has(wire::Ack)) return {Reply::None, s};
    State now = s;
    if (s == State::SynReceived) {
        if (!a.acks) return {Reply::Reset, s};  // [U-11]
        now = State::Established;
    }
    if (a.acks && s == State::FinWait1) now = State::FinWait2;
    if (a.acks && s == State::Closing) return {Reply::None, State::TimeWait};
    if (a.acks && s == State::LastAck) return {Reply::None, State::Closed};
    return text_and_fin(a, now);
}

inline Expected expected(const Arriving& a) {
    switch (a.place) {
        case Place::Closed: return in_closed(a);
        case Place::Listen: return in_listen(a);
        case Place::SynSent: return in_syn_sent(a);
        case Place::TimeWait: return in_time_wait(a);
        default: return in_other_states(a);
    }
}

}  // namespace tern::script
