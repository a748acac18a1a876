// Segments of records that have no send queue, and RST.
#include "core/tcp/output/build.hh"

namespace tern::tcp {

void send_bare(Room& room, const FlowKey& key, const Bare& bare, SendReason why) {
    inet::Way way;
    if (!room.inet.find_way(key.remote_address(), key.local_address(), way)) {
        room.cx.drop(DropReason::OutNoRoute, 0);
        return;
    }
    Packet packet = room.cx.pool->allocate(0);
    if (!packet) {
        room.cx.drop(DropReason::MemoryCeiling, way.interface);
        return;
    }
    std::byte options[40];
    wire::TcpHeader header;
    header.seq = bare.seq;
    header.ack = bare.ack;
    header.flags = bare.flags;
    header.window = bare.window;
    const u32 options_length = wire::emit_tcp_options(bare.options, options);
    push_header(room, packet, key, header, options, options_length, way);
    ++room.cx.counters.tcp_segments_out;
    if (room.cx.observer) [[unlikely]]
        tell_sent(room, packet, key, header, 0,
                  {.reason = why,
                   .state = bare.state,
                   .window = bare.window,
                   .iss = bare.iss.value,
                   .irs = bare.irs.value});
    room.inet.send(std::move(packet),
                   {.source = key.local_address(),
                    .destination = key.remote_address(),
                    .protocol = 6,
                    .ttl = bare.ttl,
                    .tos = bare.tos},
                   way);
}

void send_reset_for(Room& room, const Segment& seg, SendReason why, const Standing& standing) {
    const FlowKey key = seg.key();
    Bare bare;
    bare.flags = wire::Rst;
    // RFC 9293 3.10.7.1: acceptable to a peer in any state.
    if (seg.has(wire::Ack)) {
        bare.seq = seg.ack;
    } else {
        bare.flags |= wire::Ack;
        bare.ack = seg.seq + seg.seg_len();
    }
    // RFC 7323 5.2 [RFC7323:8].
    if (seg.has_timestamps) {
        bare.options.timestamps = true;
        bare.options.ts_ecr = seg.ts_val;
    }
    bare.state = standing.state;
    bare.iss = standing.iss;
    bare.irs = standing.irs;
    send_bare(room, key, bare, why);
}

namespace {

// RFC 5961 3.2: a peer believes a RST at its RCV.NXT, challenges one inside its window, which our
// CLOSED state then answers with the exact number, and drops any other without a word. Its RCV.NXT
// lies between what it has acknowledged and all that was sent
// (docs/decisions/0022-resets-that-the-peer-believes.md).
struct ResetNumbers {
    std::array<Seq, 4> at;
    u32 count = 0;

    void add(Seq s) {  // in rising order
        if (count == 0 || at[count - 1] < s) at[count++] = s;
    }
};

ResetNumbers reset_numbers(const Tcb& tcb) {
    // The SYN has arrived, or the number does not matter.
    const bool syn_open = tcb.state == State::SynSent || tcb.state == State::SynReceived;
    const Seq oldest = syn_open ? tcb.snd.iss + 1 : tcb.snd.una;
    const Seq newest = max(tcb.snd.max, oldest);
    const Seq edge = oldest + tcb.snd.wnd;
    const bool fills_window = edge <= newest;
    // Something seems to be lost: the oldest number is the likely one.
    const bool doubtful = tcb.backoff > 0 || tcb.has(k_after_timeout | k_recovery | k_persist);
    ResetNumbers numbers;
    if (fills_window || doubtful) numbers.add(oldest);
    if (fills_window) {
        // Behind a hole in front of the edge no number but the edge's predecessor is in the window.
        if (oldest < edge) numbers.add(edge - 1);
        numbers.add(edge);
    }
    numbers.add(newest);
    return numbers;
}

}  // namespace

void send_reset(Room& room, Tcb& tcb, SendReason why) {
    Bare bare;
    bare.ack = tcb.rcv.nxt();
    bare.flags = wire::Rst | wire::Ack;
    if (is_synchronized(tcb.state)) bare.flags |= ace_of_count(room, tcb);
    bare.ttl = tcb.ttl;
    bare.tos = tcb.tos;
    if (tcb.has(k_timestamps)) {
        bare.options.timestamps = true;
        bare.options.ts_val = room.ts_clock(tcb.ts_offset);
        bare.options.ts_ecr = tcb.ts_recent;
    }
    bare.iss = tcb.snd.iss;
    bare.irs = tcb.rcv.irs();
    bare.state = tcb.state;
    const ResetNumbers numbers = reset_numbers(tcb);
    for (u32 n = 0; n < numbers.count; ++n) {
        bare.seq = numbers.at[n];
        send_bare(room, tcb.key, bare, why);
    }
}

}  // namespace tern::tcp
