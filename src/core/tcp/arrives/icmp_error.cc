// RFC 9293 3.9.2.2 with the caution of RFC 5927: an ICMP error is believed only when it quotes
// something in flight, and a synchronized connection is never killed by it.
#include "core/tcp/room.hh"

namespace tern {

namespace {

// Destination Unreachable: network, host, ... as soft errors; protocol and port as hard ones.
Error meaning(const inet::IcmpError& e, bool& hard) {
    hard = false;
    if (e.type != 3) return Error::NetworkUnreachable;  // time exceeded, parameter problem
    switch (e.code) {
        case 2:
        case 3: hard = true; return Error::Refused;
        case 1:
        case 7:
        case 10:
        case 12: return Error::HostUnreachable;
        case 4: return Error::MessageTooLong;
        case 9:
        case 13: return Error::PermissionDenied;
        default: return Error::NetworkUnreachable;
    }
}

// Whose segment the error quotes; 0: nobody's.
Index find_tcb(const Room& room, const inet::IcmpError& e) {
    const FlowKey key(e.local.address, e.local.port, e.remote.address, e.remote.port);
    return index_of(room.flows.find(key.hash(room.table_key), [&](u32 v) {
        return kind_of(v) == RecordKind::Tcb && room.tcbs[index_of(v)].key == key;
    }));
}

}  // namespace

void Room::icmp_error(const inet::IcmpError& e) {
    const Index i = find_tcb(*this, e);
    if (i == 0) return cx.drop(DropReason::IcmpNoFlow, 0);  // [MUST-54]
    Tcb& tcb = tcbs[i];
    // RFC 5927 4.1 [RFC5927:1].
    const Seq seq{e.seq};
    if (!(tcb.snd.una <= seq && seq < tcb.snd.max)) return cx.drop(DropReason::IcmpNotInFlight, 0);
    bool hard;
    const Error error = meaning(e, hard);
    // [SHLD-26]: hard errors end an opening connection; RFC 5927 5.2: afterwards they are soft.
    if (hard && tcb.state == State::SynSent) return finish(*this, i, Cause::IcmpHardError, error);
    soft_error(*this, tcb, error);  // [MUST-47] [MUST-56] [SHLD-25]
}

// The neighbour did not answer (RFC 1122 2.4): whose segment waited for it should know.
void Room::undelivered(const inet::IcmpError& e) {
    if (const Index i = find_tcb(*this, e)) soft_error(*this, tcbs[i], Error::HostUnreachable);
}

}  // namespace tern
