// What an ICMP error means to a transport and its application: the one table for TCP and UDP, so
// that both tell the same. RFC 792, RFC 1122 3.2.2.1, 4.1.3.3 and 4.2.3.9, RFC 1812 5.2.7.1;
// docs/decisions/0030-meaning-of-icmp-errors.md says where the rest comes from.
#pragma once

#include <array>

#include "tern/result.hh"

namespace tern::inet {

struct IcmpMeaning {
    Error error = Error::None;
    // Hard: trying again is no use. It ends a connection that is being opened, and never one that
    // stands, for anybody could send it (RFC 5927 5.2); soft ones are told and change nothing.
    bool hard_for_tcp = false;
    // Hard: the next call on a connected socket returns it instead of doing its work. A soft one is
    // told by the event alone.
    bool hard_for_udp = false;
};

namespace meaning {

inline constexpr IcmpMeaning soft(Error e) { return {e, false, false}; }
inline constexpr IcmpMeaning hard(Error e) { return {e, true, true}; }

// Destination Unreachable by its code.
inline constexpr std::array k_unreachable = {
    soft(Error::NetworkUnreachable),                  // 0: network
    soft(Error::HostUnreachable),                     // 1: host
    hard(Error::Refused),                             // 2: protocol
    hard(Error::Refused),                             // 3: port
    IcmpMeaning{Error::MessageTooLong, false, true},  // 4: would have to be cut, and must not be
    soft(Error::NetworkUnreachable),                  // 5: source route failed
    hard(Error::NetworkUnreachable),                  // 6: network unknown
    hard(Error::HostUnreachable),                     // 7: host unknown
    hard(Error::HostUnreachable),                     // 8: source host isolated
    hard(Error::NetworkUnreachable),                  // 9: network prohibited by administration
    hard(Error::HostUnreachable),                     // 10: host prohibited by administration
    soft(Error::NetworkUnreachable),                  // 11: network, for this type of service
    soft(Error::HostUnreachable),                     // 12: host, for this type of service
    hard(Error::HostUnreachable),                     // 13: communication prohibited
    hard(Error::HostUnreachable),                     // 14: host precedence violation
    hard(Error::HostUnreachable),                     // 15: precedence cutoff
};

}  // namespace meaning

// Of Destination Unreachable, Time Exceeded or Parameter Problem, with any code.
constexpr IcmpMeaning meaning_of_icmp(u8 type, u8 code) {
    constexpr u8 unreachable = 3, parameter_problem = 12;
    if (type == unreachable && code < meaning::k_unreachable.size())
        return meaning::k_unreachable[code];
    if (type == unreachable) return meaning::soft(Error::NetworkUnreachable);
    // RFC 9293 3.9.2.2: soft to TCP. A datagram like the one that was refused fails again.
    if (type == parameter_problem) return {Error::HostUnreachable, false, true};
    return meaning::soft(Error::HostUnreachable);  // time exceeded: a loop, or a TTL too small
}

}  // namespace tern::inet
