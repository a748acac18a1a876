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

}  // namespace

void Room::icmp_error(const inet::IcmpError& e) {
    const FlowKey key(e.local.address, e.local.port, e.remote.address, e.remote.port);
    const u32 value = flows.find(key.hash(table_key), [&](u32 v) {
        return kind_of(v) == RecordKind::Tcb && tcbs[index_of(v)].key == key;
    });
    if (value == 0) return cx.drop(DropReason::IcmpNoFlow, 0);  // [MUST-54]
    const Index i = index_of(value);
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

void Room::unreachable(const IpAddress& next_hop) {
    // The neighbour did not answer: who is opening a connection through it should know.
    tcbs.for_each([&](Index i) {
        Tcb& tcb = tcbs[i];
        if (!tcb.has(k_detached) && tcb.key.remote_address() == next_hop)
            soft_error(*this, tcb, Error::HostUnreachable);
    });
}

}  // namespace tern
