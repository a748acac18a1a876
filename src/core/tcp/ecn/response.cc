// The sender: what the peer tells of marks, and what that does to the window. RFC 3168 6.1.2: once
// a round trip as if a packet were lost. RFC 9768 3.2.2.5.2: how many an ACK stands for.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What an AccECN option says beyond the one before it.
struct Told {
    bool known = false;  // ECEB was there, or left off because it never moved
    u32 bytes = 0;       // newly marked
};

// The difference of 24-bit counters; 0 for an option that was overtaken.
u32 moved(u32 now, u32 before) {
    const u32 by = (now - before) & 0xffffff;
    return by < 0x800000 ? by : 0;
}

Told read_option(AccEcn& a, const Segment& seg) {
    const wire::TcpOptions& o = seg.options();
    if (o.acc_ecn_order == 0xff) return {};
    if (!a.option_seen) learn_option_test(o, a);
    if (a.option_bad || o.acc_ecn_count == 0) return {};
    Told told{true, 0};
    if (o.acc_ecn_count >= 2) told.bytes = moved(o.acc_ecn[1], a.told.ceb);
    a.told.ceb += told.bytes;
    return told;
}

u32 pieces(const Tcb& tcb, u32 bytes) { return (bytes + tcb.send_mss - 1) / tcb.send_mss; }

// 3.2.2.5.2 [RFC9768:4]: three bits may have wrapped if the ACK is for that many. Without options
// the safest case: as often as what it acknowledges allows.
u32 safest(u32 least, u32 acked) { return acked > least ? acked - ((acked - least) & 7) : least; }

// Bytes of ours that an ACK of an Accurate connection tells to have met congestion.
u32 accurate_marks(Room& room, Tcb& tcb, const Segment& seg) {
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    option_acknowledged(a.path, seg);
    const u8 ace = wire::ace_of(seg.flags);
    // 3.2.2.4 [RFC9768:3]: the counter began at 5.
    if (!std::exchange(a.heard, true) && ace == 0) {
        a.deaf = true;
        tcb.ect = false;
    }
    if (a.deaf) return 0;
    const u32 acked = pieces(tcb, static_cast<u32>(seg.ack - tcb.snd.una));
    u32 packets = (ace - a.told.cep) & 7;
    const Told told = read_option(a, seg);
    if (!told.known) {
        if (!a.option_seen || a.option_bad) packets = safest(packets, acked);
        a.told.cep += packets;
        const u32 bytes = packets * tcb.send_mss;
        a.ahead += bytes;
        return bytes;
    }
    // 3.2.3.2.5: bytes were marked and no packet was.
    if (told.bytes > 0 && packets == 0 && acked < 8) tcb.ect = false;
    const u32 at_least = told.bytes / tcb.send_mss;
    if (at_least > packets) packets += (at_least - packets) & ~7u;
    a.told.cep += packets;
    const u32 counted = std::min(std::exchange(a.ahead, 0), told.bytes);
    return told.bytes - counted;
}

void reduce(Room& room, Tcb& tcb) {
    Flight* f = flight_of(room, tcb);
    ++room.cx.counters.tcp_mark_reductions;
    if (f != nullptr)
        congestion_reduced(room, tcb, *f, CongestionSignal::Mark);
    else
        tcb.window.halve_for_mark(tcb.send_mss);
    if (f == nullptr || !algorithm_of(room, tcb).rules_recovery()) tcb.window.limit_to_ssthresh();
    say_reduced(tcb);
    tcb.marked = true;
    tcb.recover = tcb.snd.max;
    tell_window(room, tcb, "a congestion mark");
}

}  // namespace

// 3.2.3.2.4: an option whose first counters are zero was zeroed on its way.
void learn_option_test(const wire::TcpOptions& o, AccEcn& a) {
    if (o.acc_ecn_order == 0xff) return;
    a.option_seen = true;
    a.option_bad =
        (o.acc_ecn_count >= 1 && o.acc_ecn[0] == 0) || (o.acc_ecn_count == 3 && o.acc_ecn[2] == 0);
}

void take_marks(Room& room, Tcb& tcb, const Segment& seg) {
    // The segment that says CWR lies behind `recover`: until it is acknowledged, ECE is an echo.
    if (tcb.marked && seg.ack > tcb.recover) tcb.marked = false;
    if (tcb.ecn == Ecn::Off || seg.ack < tcb.snd.una) return;
    u32 bytes = 0;
    if (tcb.ecn == Ecn::Accurate)
        bytes = accurate_marks(room, tcb, seg);
    else if (seg.has(wire::Ece))
        bytes = std::max<u32>(static_cast<u32>(seg.ack - tcb.snd.una), 1);
    if (bytes == 0) return;
    if (Flight* f = flight_of(room, tcb)) f->marked += bytes;
    // [RFC3168:3]: once for each flight, whatever told of the congestion.
    if (tcb.marked || tcb.has(k_recovery | k_after_timeout) || tcb.snd.una == tcb.snd.max) return;
    reduce(room, tcb);
}

}  // namespace tern::tcp
