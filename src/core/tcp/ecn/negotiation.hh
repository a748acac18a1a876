// Who agrees to what: the flags of SYN and SYN-ACK (RFC 3168 6.1.1 [RFC3168:1], RFC 9768 3.1
// [RFC9768:1], RFC 9293 3.8.2 [SHLD-8]).
#pragma once

#include "tern/int.hh"
#include "tern/tcp.hh"

namespace tern::tcp {

// RFC 9768 3.1.1, table 2 and 3.2.2.1, table 3: the IP-ECN field of a SYN or SYN-ACK, told back in
// three bits.
u8 told_back(u8 field);
// The IP-ECN field that three bits tell back (table 4 [RFC9768:2]); 0xff: 001, 101 and 111 are not
// in use, nor is 000.
u8 field_told_back(u8 ace);

// The flags of a SYN that asks for this, when so many have left already.
u16 flags_of_syn(Ecn asked, u32 retries);
// What we agree to: `ours` is wanted here, and a SYN has these flags.
Ecn answer_to_syn(Ecn ours, u16 syn_flags);
// What a SYN-ACK with these flags agrees to, to who has asked.
Ecn agreed_by(u16 syn_ack_flags, Ecn asked);
// SYN-ACKs with flags; the ones after them go without (RFC 9768 3.2.3.2.2 [RFC9768:6]).
inline constexpr u32 k_syn_acks_that_agree = 2;
// The same SYN, retransmitted: does it ask for another kind than the first? Then the handshake is
// over.
bool mixes_ecn(Ecn ours, Ecn first, u16 syn_flags);

}  // namespace tern::tcp
