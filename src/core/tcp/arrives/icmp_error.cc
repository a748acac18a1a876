// RFC 9293 3.9.2.2 with the caution of RFC 5927: an ICMP error is believed only when it quotes
// something in flight, and a synchronized connection is never killed by it.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// Whose segment the error quotes; 0: nobody's.
Handle<Tcb> find_tcb(const Room& room, const inet::IcmpError& e) {
    const FlowKey key(e.local.address, e.local.port, e.remote.address, e.remote.port);
    return room.flows
        .find(key.hash(room.table_key),
              [&](FlowEntry entry) { return entry.tcb() && room.tcbs[entry.tcb()].key == key; })
        .tcb();
}

}  // namespace

void Room::icmp_error(const inet::IcmpError& e) {
    const Handle<Tcb> i = find_tcb(*this, e);
    if (i == 0) return cx.drop(DropReason::IcmpNoFlow, 0);  // [MUST-54]
    Tcb& tcb = tcbs[i];
    // RFC 5927 4.1 [RFC5927:1].
    const Seq seq{e.seq};
    if (!(tcb.snd.una <= seq && seq < tcb.snd.max)) return cx.drop(DropReason::IcmpNotInFlight, 0);
    const inet::IcmpMeaning meaning = inet::meaning_of_icmp(e.type, e.code);
    // [SHLD-26]: hard errors end an opening connection; RFC 5927 5.2: afterwards they are soft.
    if (meaning.hard_for_tcp && tcb.state == State::SynSent)
        return finish(*this, i, Cause::IcmpHardError, meaning.error);
    soft_error(*this, tcb, meaning.error);  // [MUST-47] [MUST-56] [SHLD-25]
}

// The neighbour did not answer (RFC 1122 2.4): whose segment waited for it should know. We have
// asked it ourselves, so nobody can have forged that: a connection that is being opened ends, as it
// does on other systems; one that stands waits for R2, for its neighbour may come back.
void Room::undelivered(const inet::IcmpError& e) {
    const Handle<Tcb> i = find_tcb(*this, e);
    if (i == 0) return;
    if (tcbs[i].state == State::SynSent)
        return finish(*this, i, Cause::TimedOut, Error::HostUnreachable);
    soft_error(*this, tcbs[i], Error::HostUnreachable);
}

}  // namespace tern::tcp
