// A segment that arrived: SEG.* of RFC 9293 3.3.1 and the bytes.
#pragma once

#include "core/base/flow_key.hh"
#include "core/inet/inet.hh"
#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"

namespace tern::tcp {

// The size of the segments that came as this text: a link may have joined several.
inline u32 segment_bytes(const Packet& text) {
    return text->gso_size != 0 ? text->gso_size : text.size();
}

struct Segment {
    Seq seq, ack;
    Seq up;       // SEG.SEQ + SEG.UP as it came, whatever is trimmed
    u32 len = 0;  // payload bytes
    u32 wnd = 0;  // as on the wire, unscaled
    u16 flags = 0;
    u16 source_port = 0, destination_port = 0;
    bool has_timestamps = false;
    bool repeats = false;  // some of its text had come before, and the first piece is remembered
    bool lacks_timestamp = false;  // the agreed one; it was taken all the same
    u32 ts_val = 0, ts_ecr = 0;
    const wire::TcpOptions* others = nullptr;  // options, if it has others than timestamps
    Packet packet;                             // the view is the payload
    Chain* more = nullptr;  // payloads right behind it, counted in `len` (arrives/train.cc)
    u32 pushed = 0;         // segment_bytes() of the longest with PSH among it and `more`
    const inet::Arrival* arrival = nullptr;
    u64 hash = 0;  // of the flow, for the table; 0: the record is a Tcb and was found without

    const wire::TcpOptions& options() const {
        static constexpr wire::TcpOptions none;
        return others != nullptr ? *others : none;
    }
    bool has_sack() const { return others != nullptr && others->sack_count > 0; }
    bool has(u16 flag) const { return (flags & flag) != 0; }
    bool syn() const { return has(wire::Syn); }
    bool fin() const { return has(wire::Fin); }
    bool rst() const { return has(wire::Rst); }
    FlowKey key() const {
        return {arrival->destination, destination_port, arrival->source, source_port};
    }
    // SEG.LEN: payload, and one each for SYN and FIN.
    u32 seg_len() const { return len + (syn() ? 1 : 0) + (fin() ? 1 : 0); }
};

// What the event log says of the record that a segment meets.
struct Standing {
    State state = State::Closed;
    State if_gone = State::Closed;  // what is left when the segment ends it
    Seq iss, irs;
    u8 snd_wind_shift = 0;  // of the window field of what arrives
};

// What a step decides. One place (segment_arrives.cc) acts on it, counts and tells the observer.
struct Verdict {
    enum class Act : u8 {
        Next,       // go on with the next step
        Done,       // taken
        Drop,       // count and forget
        Ack,        // drop, and say what is expected
        Challenge,  // drop, and send a challenge ACK (RFC 5961)
        Reset,      // drop, and answer by RST
    } act = Act::Next;
    DropReason reason = DropReason::None;

    explicit operator bool() const { return act != Act::Next; }
    static constexpr Verdict next() { return {}; }
    static constexpr Verdict done() { return {Act::Done, DropReason::None}; }
    static constexpr Verdict drop(DropReason r) { return {Act::Drop, r}; }
    static constexpr Verdict ack(DropReason r) { return {Act::Ack, r}; }
    static constexpr Verdict challenge(DropReason r) { return {Act::Challenge, r}; }
    static constexpr Verdict reset(DropReason r) { return {Act::Reset, r}; }
};

}  // namespace tern::tcp
