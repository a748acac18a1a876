// What an ACK means for a connection with SACK: RFC 8985 finds the losses, RFC 9937 says how fast
// to repair them.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

AckInHand in_hand(const Room& room, const Tcb& tcb, const Segment& seg) {
    return {.una = tcb.snd.una,
            .max = tcb.snd.max,
            .recover = tcb.recover,
            .now_us = room.now_us(),
            .has_echo = tcb.has(k_timestamps) && seg.has_timestamps,
            .ts_now = room.ts_clock(tcb.ts_offset),
            .ts_ecr = seg.ts_ecr};
}

void remember_for_undo(Tcb& tcb, Flight& f) {
    f.undo.begin(tcb.snd.una, tcb.window.cwnd(), tcb.window.ssthresh(),
                 f.board.may_walk(tcb.snd.una));
}

// RFC 6675 5 [RFC6675:2]: over when all that was sent before it is acknowledged.
void enter(Room& room, Tcb& tcb, Flight& f, u32 flight_before, u32 sacked_before) {
    remember_for_undo(tcb, f);
    f.prr.begin(flight_before - sacked_before);
    // RFC 3168 6.1.2: a mark of the same flight has reduced it already, unless by its share alone.
    if (!tcb.marked || algorithm_of(room, tcb).wants_marks()) {
        congestion_reduced(room, tcb, f, CongestionSignal::Loss);
        say_reduced(tcb);
    }
    tcb.marked = false;
    tcb.recover = tcb.snd.max;
    tcb.set(k_recovery);
    tell_window(room, tcb, "a loss: recovery");
}

void leave(Room& room, Tcb& tcb, Flight& f) {
    tcb.clear(k_recovery);
    if (!algorithm_of(room, tcb).rules_recovery()) tcb.window.end_recovery(tcb.send_mss);
    f.rack.recovery_ended();
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
    const u64 lost = f.board.lost_ever();
    ack.rate = f.delivery.acknowledged(a, room.now_us(), lost, f.rack.min_rtt_us());
    ack.lost_in_flight = a.lost_in_flight;
    ack.lost_since = a.lost == 0 ? 0 : static_cast<u32>(lost) - a.lost_before;
    return ack;
}

void pay_out(Tcb& tcb, Flight& f, const AckSample& a) {
    const auto cwnd = f.prr.acknowledged({.delivered = a.delivered,
                                          .pipe = pipe(tcb, &f),
                                          .ssthresh = tcb.window.ssthresh(),
                                          .mss = tcb.send_mss,
                                          .safe = a.advanced && a.lost == 0});
    if (cwnd) tcb.window.recover(*cwnd);
}

// Recovery begins, goes on or ends; true: cwnd may grow.
bool recover(Room& room, Tcb& tcb, Flight& f, const AckSample& a, u32 flight_before,
             u32 sacked_before) {
    const bool ended = tcb.has(k_recovery) && tcb.snd.una >= tcb.recover;
    if (ended) leave(room, tcb, f);
    if (!tcb.has(k_recovery | k_after_timeout) && f.board.lost() != 0)
        enter(room, tcb, f, flight_before, sacked_before);
    const bool waits = tcb.marked && !algorithm_of(room, tcb).wants_marks();
    if (!tcb.has(k_recovery)) return a.advanced && !waits;
    if (!algorithm_of(room, tcb).rules_recovery()) pay_out(tcb, f, a);
    return false;
}

bool undo_if_spurious(Room& room, Tcb& tcb, Flight& f, const AckInHand& ack, const AckSample& a) {
    const Undo::Repair repair = tcb.has(k_after_timeout) ? Undo::Repair::AfterTimeout
                                : tcb.has(k_recovery)    ? Undo::Repair::Losses
                                                         : Undo::Repair::Nothing;
    if (!f.undo.spurious(ack, a, repair)) return false;
    tcb.window.undo(f.undo.cwnd(), f.undo.ssthresh());
    tcb.clear(k_recovery | k_after_timeout);
    f.board.lose_nothing(tcb.snd.una, tcb.snd.max);
    f.rack.saw_reordering();
    congestion_undone(room, tcb, f);
    tell_window(room, tcb, "nothing was lost: cwnd and ssthresh as before");
    return true;
}

void probe_repaired_loss(Room& room, Tcb& tcb, Flight& f) {
    congestion_reduced(room, tcb, f, CongestionSignal::Loss);
    if (!algorithm_of(room, tcb).rules_recovery()) tcb.window.limit_to_ssthresh();
    congestion_recovered(room, tcb, f);
    tell_window(room, tcb, "the probe has repaired a loss");
}

void detect_losses(Room& room, Tcb& tcb, Flight& f, AckSample& a) {
    f.reordering_wait = false;
    if (!f.board.was_overtaken(f.rack)) return;
    const Rack::Query query{.now_us = room.now_us(),
                            .srtt_us = tcb.rtt.srtt_us(),
                            .sacked_pieces = f.board.sacked_pieces(),
                            .recovering = tcb.has(k_recovery)};
    const auto wait = f.board.judge(f.rack, query, tcb.snd.una, room.resent_times, a);
    f.reordering_wait = wait.has_value();
    if (wait) f.reordering_at = room.tick_after(std::chrono::microseconds(*wait));
}

}  // namespace

void sack_acknowledged(Room& room, Tcb& tcb, Flight& f, const Segment& seg, Seq before) {
    AckSample a;
    a.advanced = tcb.snd.una != before;
    const u32 flight_before = static_cast<u32>(tcb.snd.max - before);
    const u32 sacked_before = f.board.sacked();
    const AckInHand ack = in_hand(room, tcb, seg);
    if (a.advanced) {
        f.board.take_cumulative(ack, before, f.rack, room.resent_times, a);
        // RFC 6298 3 [RFC6298:3]: of what was sent once; else as timestamps tell.
        if (a.rtt_us != 0 && !a.resent)
            rtt_sample(room, tcb, a.rtt_us);
        else
            measure_rtt(room, tcb, seg);
    }
    if (seg.has_sack()) {
        const wire::TcpOptions& o = seg.options();
        f.board.take_sack_blocks(ack, std::span(o.sack).first(o.sack_count), tcb.send_mss, f.rack,
                                 room.resent_times, a);
        f.undo.learn_dsack(a);
    }
    if (f.board.take_reneging(tcb.snd.una, tcb.snd.max, a)) f.probe.forget();
    f.rack.learn_dsack(a, tcb.snd.una, tcb.snd.nxt);
    if (f.probe.repaired_loss(ack, a)) probe_repaired_loss(room, tcb, f);
    detect_losses(room, tcb, f, a);
    f.full_until = max(f.full_until, before);  // left behind by 2^31 bytes it would lie
    const u32 cwnd = tcb.window.cwnd();
    const bool limited =
        before < f.full_until || (tcb.window.in_slow_start() && flight_before >= cwnd / 2);
    const CongestionAck told =
        what_it_told(room, tcb, f, a, static_cast<u32>(tcb.snd.una - before));
    const bool spurious = undo_if_spurious(room, tcb, f, ack, a);
    const bool grows = !spurious && recover(room, tcb, f, a, flight_before, sacked_before);
    if (grows || algorithm_of(room, tcb).rules_recovery())
        congestion_acknowledged(room, tcb, f, told, limited);
    set_pace(room, tcb, f);
}

void reordering_timeout(Room& room, Tcb& tcb, Flight& f) {
    AckSample a;
    detect_losses(room, tcb, f, a);
    if (f.board.lost() != 0 && !tcb.has(k_recovery | k_after_timeout))
        enter(room, tcb, f, tcb.flight_size(), f.board.sacked());
    if (tcb.has(k_recovery) && !algorithm_of(room, tcb).rules_recovery()) pay_out(tcb, f, a);
    set_pace(room, tcb, f);
    choose_loss_timer(room, tcb, f);
    want_output(room, tcb);
}

void loss_timeout(Tcb& tcb, Flight& f) {
    if (!tcb.has(k_recovery | k_after_timeout)) remember_for_undo(tcb, f);
    // Without SACK the question is not asked at all.
    f.undo.timeout(tcb.has(k_after_timeout));
}

}  // namespace tern::tcp
