// What holds of every record between two calls, whatever the peer, the application and the network
// have done. Scripts, the simulator, the explorer and the fuzzers ask after every segment; nothing
// else does, for the answer walks all that the records hold.
#include "core/packet/chain_invariant.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// The first thing that does not hold; empty: everything does.
using Broken = std::string_view;

Broken of_numbers(const Room& room, const Tcb& tcb) {
    if (tcb.snd.nxt < tcb.snd.una) return "SND.NXT is behind SND.UNA";
    if (tcb.snd.max < tcb.snd.nxt) return "SND.NXT is ahead of the highest number sent";
    if (tcb.rcv.edge() < tcb.rcv.nxt()) return "RCV.NXT is ahead of the right edge of the window";
    const u32 fin = tcb.has(k_fin_queued) ? 1 : 0;
    if (data_end(room, tcb) + fin < tcb.snd.max) return "more was sent than the send queue held";
    return {};
}

// RCV.BUFF bounds what waits and what is offered together, but for what advertise() rounds up.
Broken of_window(const Room& room, const Tcb& tcb) {
    const u64 waiting =
        tcb.receive_queue != 0 ? room.receive_queues[tcb.receive_queue].waiting() : 0;
    const u32 unit = 1u << tcb.rcv_wind_shift;
    const u64 rounding = tcb.rcv.buffer() / (unit > 128 ? 2 : 8) + unit;
    if (waiting + tcb.rcv_wnd() > tcb.rcv.buffer() + rounding)
        return "what waits and what is offered exceed RCV.BUFF";
    return {};
}

Broken of_timers(const Tcb& tcb) {
    const bool looked_after =
        is_set(tcb, Deadline::Retransmission) || tcb.has(k_starved | k_on_ready);
    if (tcb.snd.una != tcb.snd.max && !looked_after) return "no timer for what is outstanding";
    if (tcb.has(k_persist) && !looked_after) return "no timer for a closed window";
    return {};
}

Broken of_send_queue(const Room& room, const Tcb& tcb) {
    if (tcb.send_queue == 0) return {};
    const SendQueue& q = room.send_queues[tcb.send_queue];
    const bool syn_open = tcb.state == State::SynSent || tcb.state == State::SynReceived;
    if (q.base != (syn_open ? tcb.snd.iss + 1 : tcb.snd.una))
        return "the send queue does not begin at SND.UNA";
    if (auto b = broken_chain(q.chain); !b.empty()) return b;
    if (q.cursor == nullptr) return {};
    Seq at = q.base;
    for (const PacketDescriptor* d = q.chain.front(); d != nullptr; d = d->next) {
        // What was acknowledged of the buffer has moved its beginning.
        if (d == q.cursor) return q.cursor_seq == at ? Broken{} : "the send cursor's number is off";
        at += d->end - d->begin;
    }
    return "the send cursor points at no buffer of the queue";
}

Broken of_receive_queue(const Room& room, const Tcb& tcb) {
    if (tcb.receive_queue == 0) return {};
    const ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    if (auto b = broken_chain(q.text()); !b.empty()) return b;
    return q.holes().broken(room.runs, tcb.rcv.nxt(), tcb.rcv.edge());
}

struct FlightSums {
    u32 sacked = 0, lost = 0, sacked_pieces = 0;
};

// In its own words: what the tests count as the work of recovery is recovery's alone.
void add(FlightSums& sums, const Sent& s, Seq una) {
    for (u32 i = s.seq < una ? s.piece_at(una) : 0; i < s.pieces; ++i) {
        const u64 bit = u64{1} << i;
        const u32 bytes = static_cast<u32>(s.end_of(i) - max(s.start_of(i), una));
        if (s.sacked & bit) {
            sums.sacked += bytes;
            ++sums.sacked_pieces;
        }
        if (s.lost & bit) sums.lost += bytes;
    }
}

Broken of_flight(const Room& room, const Tcb& tcb) {
    const Flight* f = flight_of(room, tcb);
    if (f == nullptr) return {};
    FlightSums sums;
    for (u32 n = 0; n < f->board.records(); ++n) {
        const Sent& s = f->board.record(n);
        if ((s.sacked & s.lost) != 0) return "a piece is both SACKed and lost";
        if (s.end() <= tcb.snd.una) return "a flight record lies before SND.UNA";
        if (n > 0 && f->board.record(n - 1).end() != s.seq) return "a gap between flight records";
        add(sums, s, tcb.snd.una);
    }
    if (f->board.empty()) {
        const bool syn_alone = tcb.state == State::SynReceived && tcb.flight_size() == 1;
        if (tcb.snd.una != tcb.snd.max && !syn_alone) return "what is outstanding has no record";
    } else {
        if (f->board.record(f->board.records() - 1).end() != tcb.snd.max)
            return "the flight records do not end at the highest number sent";
        const Seq first = tcb.state == State::SynReceived ? tcb.snd.iss + 1 : tcb.snd.una;
        if (first < f->board.record(0).seq) return "the flight records do not begin at SND.UNA";
    }
    if (sums.sacked != f->board.sacked() || sums.sacked_pieces != f->board.sacked_pieces())
        return "the sum of what is SACKed is not what the records say";
    if (sums.lost != f->board.lost()) return "the sum of what is lost is not what the records say";
    return {};
}

Broken of_connection(const Room& room, const Tcb& tcb) {
    if (tcb.has(k_detached) || tcb.state == State::Closed) return {};
    for (const Broken b :
         {of_numbers(room, tcb), of_window(room, tcb), of_timers(tcb), of_send_queue(room, tcb),
          of_receive_queue(room, tcb), of_flight(room, tcb)})
        if (!b.empty()) return b;
    return {};
}

u32 length_of_accept_queue(const Room& room, const Listener& l) {
    u32 n = 0;
    for (Handle<Tcb> i = l.accept_head; i != 0 && n <= l.accept_count; i = room.tcbs[i].event_next)
        ++n;
    return n;
}

// What listeners count of connections and embryos.
Broken of_listeners(const Room& room) {
    u64 embryos = 0, waiting = 0;
    Broken broken;
    room.listeners.for_each([&](Handle<Listener> i) {
        const Listener& l = room.listeners[i];
        if (l.generation == 0) return;
        embryos += l.embryos;
        waiting += l.accept_count;
        if (length_of_accept_queue(room, l) != l.accept_count)
            broken = "an accept queue's count is not its length";
    });
    if (!broken.empty()) return broken;
    if (embryos > room.embryos.in_use()) return "listeners count embryos that do not exist";
    u64 marked = 0;
    room.tcbs.for_each(
        [&](Handle<Tcb> i) { marked += room.tcbs[i].has(k_waits_for_accept) ? 1 : 0; });
    if (waiting != marked) return "a connection waits for accept() in no queue";
    return {};
}

// What the tables and the queues by age count.
Broken of_tables(const Room& room) {
    u64 attached = 0, aging = 0;
    room.tcbs.for_each([&](Handle<Tcb> i) { attached += room.tcbs[i].has(k_detached) ? 0 : 1; });
    for (const AgeList<Embryo>& ages : room.embryo_ages) aging += ages.count;
    if (aging != room.embryos.in_use()) return "an embryo will never expire";
    if (room.time_wait_ages.count != room.time_waits.in_use()) return "a TIME-WAIT will never end";
    if (room.flows.size() != attached + aging + room.time_waits.in_use())
        return "the flow table does not hold what exists";
    return {};
}

}  // namespace

std::optional<BrokenInvariant> broken_invariant(const Room& room) {
    std::optional<BrokenInvariant> found;
    room.tcbs.for_each([&](Handle<Tcb> i) {
        if (found) return;
        if (auto b = of_connection(room, room.tcbs[i]); !b.empty())
            found = {room.tcbs[i].key.id(), b};
    });
    if (found) return found;
    for (const Broken b : {of_listeners(room), of_tables(room)})
        if (!b.empty()) return BrokenInvariant{{}, b};
    return std::nullopt;
}

}  // namespace tern::tcp
