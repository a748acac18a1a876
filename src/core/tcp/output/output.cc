// A connection's turn: segments until nothing more may leave, or the batch is full. Where the link
// does not cut, a range of several segments leaves as a train: the frames behind the first one have
// its headers but for SEG.SEQ and the checksum.
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/tcp/output/build.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_seq_at = 4, k_checksum_at = 16;  // in a TCP header

u32 sum_of_text(const PacketDescriptor& d, u32 text) {
    if (d.payload_sum_known) return d.payload_sum;
    return checksum_add(0, {d.slot + d.end - text, text});
}

// The headers that the frames of a train share.
struct Pattern {
    const PacketDescriptor* frame = nullptr;  // the first of them, in the interface's queue
    u32 header = 0;                           // bytes of the TCP header
    u64 sum = 0;                              // of everything but SEG.SEQ and the text

    const std::byte* tcp() const { return frame->slot + frame->transport; }
};

Pattern pattern_of(const PacketDescriptor& frame, u32 text) {
    Pattern p{&frame, frame.end - frame.transport - text};
    if (frame.checksum == ChecksumState::Partial) return p;
    using checksum_detail::load_native;
    // One's complement: to take away is to add the complement.
    p.sum = u64{static_cast<u16>(~load_native<u16>(p.tcp() + k_checksum_at))} +
            static_cast<u32>(~load_native<u32>(p.tcp() + k_seq_at)) +
            static_cast<u16>(~sum_of_text(frame, text));
    return p;
}

bool build_alike(Room& room, Tcb& tcb, Seq seq, const Pattern& like) {
    Packet packet = payload_of(room, tcb, seq, tcb.send_mss);
    if (!packet) {
        room.cx.drop(DropReason::MemoryCeiling, tcb.way.interface);
        return false;
    }
    std::byte* at = packet.push(like.header);
    std::memcpy(at, like.tcp(), like.header);
    packet->transport = static_cast<u16>(packet->begin);
    packet->checksum = like.frame->checksum;
    packet->gso_size = packet->gso_segments = 0;
    store32(at + k_seq_at, seq.value);
    if (packet->checksum != ChecksumState::Partial) {
        const u64 sum = like.sum + checksum_detail::load_native<u32>(at + k_seq_at) +
                        sum_of_text(*packet, tcb.send_mss);
        const u16 field = checksum_finish_wide(sum);
        std::memcpy(at + k_checksum_at, &field, sizeof field);
    }
    ++room.cx.counters.tcp_segments_out;
    ++room.cx.counters.tcp_alike;
    room.inet.send_alike(std::move(packet), *like.frame, tcb.way);
    return true;
}

// Frames built; fewer than the plan has segments: no memory.
u32 build_train(Room& room, Tcb& tcb, const Plan& plan) {
    Plan part = plan;
    Pattern like;
    u32 done = 0, frames = 0;
    for (; done < plan.len; ++frames) {
        const bool last = plan.len - done <= tcb.send_mss;
        part.seq = plan.seq + done;
        part.len = std::min<u32>(plan.len - done, tcb.send_mss);
        part.flags = last ? plan.flags : u16{wire::Ack};
        part.reason = !last && plan.reason == SendReason::DataLast ? SendReason::Data : plan.reason;
        bool built = false;
        if (like.frame != nullptr && part.len == tcb.send_mss && part.flags == wire::Ack) {
            built = build_alike(room, tcb, part.seq, like);
        } else {
            const PacketDescriptor* frame = build_frame(room, tcb, part, built);
            // Whoever watches is told of each segment what it alone knows.
            if (frame != nullptr && room.cx.observer == nullptr)
                like = pattern_of(*frame, part.len);
        }
        if (!built) break;
        done += part.len;
    }
    if (frames == 0) return 0;
    part.seq = plan.seq;
    part.len = done;
    commit(room, tcb, part);
    return frames;
}

// Of a super-segment that finds no buffer one segment may still leave.
u32 build_super(Room& room, Tcb& tcb, Plan plan) {
    if (build_segment(room, tcb, plan)) return 1;
    plan.len = tcb.send_mss;
    if (plan.reason == SendReason::DataLast) plan.reason = SendReason::Data;
    plan.flags &= static_cast<u16>(~(wire::Fin | wire::Psh));
    return build_segment(room, tcb, plan) ? 1 : 0;
}

}  // namespace

void starve(Room& room, Tcb& tcb) {
    tcb.set(k_starved);
    if (!is_set(tcb, Deadline::Override))
        set_deadline_in(room, tcb, Deadline::Override, room.cx.limits.tcp_starved_retry);
    arm_user_timeout(room, tcb, false);
}

namespace {

// Whoever watches is told what waits, and for what.
void tell_held(Room& room, const Tcb& tcb, const Waits::Held& held) {
    const u32 unacknowledged = static_cast<u32>(tcb.snd.nxt - tcb.snd.una);
    const Flight* f = flight_of(room, tcb);
    const u32 flight = f != nullptr ? pipe(tcb, f) : unacknowledged;
    room.cx.observer->on_hold({.at = room.cx.now,
                               .reason = held.why,
                               .state = tcb.state,
                               .flow = tcb.key.id(),
                               .bytes = held.bytes,
                               .flight = flight,
                               .cwnd = tcb.window.cwnd(),
                               .unacknowledged = unacknowledged,
                               .snd_wnd = tcb.snd.wnd,
                               .mss = tcb.send_mss});
}

void wait(Room& room, Tcb& tcb, const Waits& waits) {
    // Before the hold is told: its sentence says that the pace's timer runs.
    if (waits.pace_ns != 0) put_off_deadline(room, tcb, Deadline::Pace, Duration(waits.pace_ns));
    if (room.cx.observer != nullptr) [[unlikely]]
        for (u8 n = 0; n < waits.held_count; ++n) tell_held(room, tcb, waits.held[n]);
    tcb.clear(waits.moot);
    if (waits.fills_cwnd) flight_of(room, tcb)->full_until = tcb.snd.max;
    if (waits.window == Waits::Window::Persist) arm_persist(room, tcb);
    if (waits.window == Waits::Window::Override)
        set_deadline_in(room, tcb, Deadline::Override, room.cx.limits.tcp_override);
}

bool has_new_text(const Room& room, const Tcb& tcb) { return data_end(room, tcb) > tcb.snd.nxt; }

// RFC 5681 4.1: what was learnt before a pause may be stale.
void end_pause(Room& room, Tcb& tcb) {
    if (tcb.snd.una != tcb.snd.max || !is_synchronized(tcb.state) || tcb.has(k_persist)) return;
    if (has_new_text(room, tcb)) cwnd_after_idle(room, tcb, flight_of(room, tcb));
}

// The application has nothing more: samples of the delivery rate are too low from here on.
void note_app_limited(Room& room, Tcb& tcb) {
    Flight* f = flight_of(room, tcb);
    if (f == nullptr || f->board.lost() != 0) return;
    const u32 on_the_way = pipe(tcb, f);
    if (on_the_way < tcb.window.cwnd()) f->delivery.app_limited(on_the_way);
}

}  // namespace

u32 output(Room& room, Handle<Tcb> i, u32 room_for) {
    Tcb& tcb = room.tcbs[i];
    end_pause(room, tcb);
    const bool cuts = room.inet.interface(tcb.way.interface).segmentation;
    u32 built = 0;
    while (built < room_for) {
        Waits waits;
        const Plan plan = may_send(room, tcb, room_for - built, waits);
        if (waits.any()) wait(room, tcb, waits);
        if (!plan.send) {
            if (!has_new_text(room, tcb)) note_app_limited(room, tcb);
            break;
        }
        u32 segments = 1, n;
        if (plan.len <= tcb.send_mss) {
            n = build_segment(room, tcb, plan);
        } else if (cuts) {
            n = build_super(room, tcb, plan);
        } else {
            segments = (plan.len + tcb.send_mss - 1) / tcb.send_mss;
            n = build_train(room, tcb, plan);
        }
        built += n;
        if (n < segments) {
            starve(room, tcb);
            return built;
        }
        if (was_all(room, tcb, plan)) {
            note_app_limited(room, tcb);
            break;
        }
    }
    if (tcb.has(k_starved)) [[unlikely]] {
        tcb.clear(k_starved);
        arm_user_timeout(room, tcb, false);
    }
    return built;
}

}  // namespace tern::tcp
