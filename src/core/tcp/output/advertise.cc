// What the window to offer depends on, acknowledgements that are due, and the sizes that SYN
// announces.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What the window to offer depends on. A full segment leaves out what its timestamps take.
Offering offering(const Room& room, const Tcb& tcb) {
    const u64 waiting =
        tcb.receive_queue != 0 ? room.receive_queues[tcb.receive_queue].waiting() : 0;
    const u32 full = receive_mss(room, tcb.way, 0) - (tcb.has(k_timestamps) ? 12u : 0u);
    return {waiting, full, tcb.rcv_wind_shift};
}

}  // namespace

u32 advertise(Room& room, Tcb& tcb) { return tcb.rcv.offer(offering(room, tcb)); }

void window_opened(Room& room, Tcb& tcb) {
    if (may_receive_state(tcb.state) &&
        tcb.rcv.update_is_due(offering(room, tcb), tcb.last_ack_sent))
        acknowledge(room, tcb, SendReason::WindowUpdate);
}

void acknowledge(Room& room, Tcb& tcb, SendReason why) {
    // What came behind a hole may be acknowledged by what fills it.
    if (!tcb.has(k_ack_now) || tcb.ack_reason == SendReason::AckOutOfOrder) tcb.ack_reason = why;
    tcb.set(k_ack_now);
    want_output(room, tcb);
}

void acknowledge_each(Room& room, Tcb& tcb, SendReason why) {
    const bool alike = tcb.acks_owed == 0 || tcb.ack_reason == why;
    if (tcb.acks_owed < 64) ++tcb.acks_owed;
    tcb.ack_reason = alike ? why : SendReason::AckSeveral;
    tcb.set(k_ack_now);
    want_output(room, tcb);
}

namespace {

// RFC 5961 7 [RFC5961:4]: rationed per connection, so that no shared counter can be read from
// outside (CVE-2016-5696), and the ration of a second is a matter of chance.
u32 ration(const Room& room) { return std::min<u32>(room.cx.limits.tcp_challenges_per_second, 15); }
u32 already_given(Room& room) { return room.cx.random.below(ration(room) / 2 + 1); }

}  // namespace

bool may_challenge(Room& room, Tcb& tcb) {
    const u8 second = static_cast<u8>(room.now_second());
    if (tcb.challenge_second != second) {
        tcb.challenge_second = second;
        tcb.challenges = already_given(room) & 15u;
    }
    if (tcb.challenges >= ration(room)) return false;
    tcb.challenges = (tcb.challenges + 1u) & 15u;
    return true;
}

void challenge(Room& room, Tcb& tcb, SendReason why) {
    if (may_challenge(room, tcb)) acknowledge_each(room, tcb, why);
}

bool may_answer(Room& room, u64 hash) {
    Room::Ration& r = room.rations[hash % room.rations.size()];
    const u8 second = static_cast<u8>(room.now_second());
    if (r.second != second) r = {second, static_cast<u8>(already_given(room))};
    if (r.given >= ration(room)) return false;
    ++r.given;
    return true;
}

u16 receive_mss(const Room& room, const inet::Way& way, u16 limit) {
    // RFC 9293 3.7.1 [MUST-67] [SHLD-6], RFC 6691: the way's MTU less the fixed headers; options do
    // not count.
    const u32 mss = std::min<u32>(room.inet.mtu(way) - 40, 65535);
    return static_cast<u16>(limit != 0 ? std::min<u32>(mss, limit) : mss);
}

u16 eff_snd_mss(const Room& room, const Tcb& tcb) {
    // RFC 9293 3.7.1 [MUST-16]; a peer's tiny MSS must not cost us (CVE-2019-11479).
    u32 mss = std::max<u32>(tcb.peer_mss, room.cx.limits.tcp_min_mss);
    mss = std::min<u32>(mss, room.inet.mtu(tcb.way) - 40);
    if (const u16 limit = options_of(room, tcb).max_segment) mss = std::min<u32>(mss, limit);
    return static_cast<u16>(mss - (tcb.has(k_timestamps) ? 12 : 0));
}

u16 segment_size(const Room& room, const Tcb& tcb) {
    constexpr u32 usual_mss = 536;  // RFC 9293 3.7.1
    const u32 mss = eff_snd_mss(room, tcb), widest = tcb.snd.max_wnd;
    if (widest == 0 || widest >= 2 * mss) return static_cast<u16>(mss);
    const u32 part = widest > usual_mss ? widest / 2 : widest;
    return static_cast<u16>(std::min(mss, std::max<u32>(part, room.cx.limits.tcp_min_mss)));
}

u32 sack_blocks(Room& room, Tcb& tcb, std::array<wire::SackBlock, 4>& out) {
    if (tcb.receive_queue == 0) return 0;
    ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    const u32 most = tcb.has(k_timestamps) ? 3 : 4;
    const u32 n = q.holes().blocks(room.runs, tcb.rcv.nxt(), std::span(out).first(most));
    release_empty(room, tcb);
    return n;
}

}  // namespace tern::tcp
