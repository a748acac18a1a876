// What an ACK means for a connection with SACK: RFC 8985 finds the losses, RFC 9937 says how fast
// to repair them.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 2018 8 [RFC2018:3]: the peer has SACKed what it now asks for again. All the rest may be gone
// as well; but only once in a window, or a peer could make us walk the flight with every ACK.
void take_reneging(Room& room, Tcb& tcb, Flight& f, AckSample& a) {
    if (f.sacked == 0 || f.sent.empty()) return;
    Sent& s = f.sent.front();
    const u32 head = s.piece_at(max(s.seq, tcb.snd.una));
    if (!(s.sacked >> head & 1)) return;
    if (tcb.snd.una >= f.walked) {
        lose_all(room, tcb, true);
        f.walked = tcb.snd.max;
        f.reneged = true;
        a.lost = f.lost;
        return;
    }
    s.sacked &= ~(u64{1} << head);
    f.sacked -= bytes_above(s, head, tcb.snd.una);
    --f.sacked_pieces;
    lose(f, s, head, tcb.snd.una, a);
}

// RFC 6675 5 [RFC6675:2]: over when all that was sent before it is acknowledged.
void enter(Room& room, Tcb& tcb, Flight& f, u32 flight_before, u32 sacked_before) {
    remember_for_undo(tcb, f);
    prr_begin(f, flight_before, sacked_before);
    // RFC 3168 6.1.2: a mark of the same flight has reduced it already, unless by its share alone.
    if (!tcb.marked || algorithm_of(room, tcb).wants_marks()) {
        tcb.ssthresh = congestion_reduced(room, tcb, f, CongestionSignal::Loss);
        say_reduced(tcb);
    }
    tcb.marked = false;
    tcb.recover = tcb.snd.max;
    tcb.set(k_recovery);
    tell_window(room, tcb, "a loss: recovery");
}

void leave(Room& room, Tcb& tcb, Flight& f) {
    tcb.clear(k_recovery);
    if (!algorithm_of(room, tcb).rules_recovery())
        tcb.cwnd = std::max<u32>(tcb.ssthresh, tcb.send_mss);
    rack_recovery_ended(f);
    congestion_recovered(room, tcb, f);
    tell_window(room, tcb, "recovery is over");
}

CongestionAck what_it_told(Room& room, const Tcb& tcb, Flight& f, const AckSample& a, u32 acked) {
    CongestionAck ack;
    // The ACK of a hole covers what had arrived long ago.
    const bool repaired = tcb.has(k_recovery | k_after_timeout);
    ack.acked = repaired ? std::min(a.delivered, acked) : acked;
    // RFC 3465 2.3 [RFC5681:3]: a segment for an ACK, where pacing does not spread more.
    if (tcb.has(k_after_timeout) && f.pace.ns_per_mib == 0)
        ack.acked = std::min<u32>(ack.acked, tcb.send_mss);
    ack.delivered = a.delivered;
    ack.lost = a.lost;
    ack.marked = std::min(f.marked, a.delivered);
    f.marked -= ack.marked;
    ack.rtt_us = a.resent ? 0 : a.rtt_us;
    ack.in_recovery = tcb.has(k_recovery);
    ack.rate = delivery_rate(room, f, a);
    ack.lost_in_flight = a.lost_in_flight;
    ack.lost_since = a.lost == 0 ? 0 : static_cast<u32>(f.delivery.lost) - a.lost_before;
    return ack;
}

// Recovery begins, goes on or ends; true: cwnd may grow.
bool recover(Room& room, Tcb& tcb, Flight& f, const AckSample& a, u32 flight_before,
             u32 sacked_before) {
    const bool ended = tcb.has(k_recovery) && tcb.snd.una >= tcb.recover;
    if (ended) leave(room, tcb, f);
    if (!tcb.has(k_recovery | k_after_timeout) && f.lost != 0)
        enter(room, tcb, f, flight_before, sacked_before);
    const bool waits = tcb.marked && !algorithm_of(room, tcb).wants_marks();
    if (!tcb.has(k_recovery)) return a.advanced && !waits;
    if (!algorithm_of(room, tcb).rules_recovery()) prr_update(room, tcb, f, a);
    return false;
}

}  // namespace

void reduce_window(Room& room, Tcb& tcb, std::string_view why) {
    Flight& f = *flight_of(room, tcb);
    tcb.ssthresh = congestion_reduced(room, tcb, f, CongestionSignal::Loss);
    if (!algorithm_of(room, tcb).rules_recovery()) tcb.cwnd = std::min(tcb.cwnd, tcb.ssthresh);
    congestion_recovered(room, tcb, f);
    tell_window(room, tcb, why);
}

void flight_acknowledged(Room& room, Tcb& tcb, Flight& f, const Segment& seg, Seq before) {
    AckSample a;
    a.advanced = tcb.snd.una != before;
    const u32 flight_before = static_cast<u32>(tcb.snd.max - before);
    const u32 sacked_before = f.sacked;
    if (a.advanced) {
        take_cumulative(room, tcb, f, before, seg, a);
        // RFC 6298 3 [RFC6298:3]: of what was sent once; else as timestamps tell.
        if (a.rtt_us != 0 && !a.resent)
            rtt_sample(room, tcb, a.rtt_us);
        else
            measure_rtt(room, tcb, seg);
    }
    if (seg.has_sack()) take_sack_blocks(room, tcb, f, seg, a);
    take_reneging(room, tcb, f, a);
    rack_learn_dsack(tcb, f, a);
    take_probe_answer(room, tcb, f, a);
    rack_detect_losses(room, tcb, f, a);
    f.full_until = max(f.full_until, before);  // left behind by 2^31 bytes it would lie
    const bool limited =
        before < f.full_until || (tcb.cwnd < tcb.ssthresh && flight_before >= tcb.cwnd / 2);
    const CongestionAck ack = what_it_told(room, tcb, f, a, static_cast<u32>(tcb.snd.una - before));
    const bool spurious = undo_if_spurious(room, tcb, f, seg, a);
    const bool grows = !spurious && recover(room, tcb, f, a, flight_before, sacked_before);
    if (grows || algorithm_of(room, tcb).rules_recovery())
        congestion_acknowledged(room, tcb, f, ack, limited);
    set_pace(room, tcb, f);
}

void reordering_timeout(Room& room, Tcb& tcb, Flight& f) {
    AckSample a;
    rack_detect_losses(room, tcb, f, a);
    if (f.lost != 0 && !tcb.has(k_recovery | k_after_timeout))
        enter(room, tcb, f, tcb.flight_size(), f.sacked);
    if (tcb.has(k_recovery) && !algorithm_of(room, tcb).rules_recovery())
        prr_update(room, tcb, f, a);
    set_pace(room, tcb, f);
    choose_loss_timer(room, tcb, f);
    want_output(room, tcb);
}

}  // namespace tern::tcp
