// ICMP errors. Ours: about what (RFC 1122 3.2.2), how much of it (RFC 1812 4.3.2.3), how often
// (CVE-2020-25705). Those of others: whom they are about.
#pragma once

#include <array>

#include "core/base/siphash.hh"
#include "core/event/context.hh"
#include "core/inet/token_bucket.hh"
#include "core/inet/values.hh"
#include "core/wire/icmpv4.hh"

namespace tern::inet::v4 {

// A packet to send, and how; without a packet there is nothing to send.
struct Answer {
    Packet packet;
    Outgoing outgoing;
};

// Makes our errors, and rations them: all together, and by whom they go to. Asks nothing of anybody
// but the stack's clock, chance, memory and limits.
class IcmpErrors {
public:
    explicit IcmpErrors(Context& context) : context_(&context), key_(context.random.key()) {}

    // About `packet` (view from its IP header, as it arrived), unless RFC 1122 3.2.2 or the ration
    // forbids it, or memory is exhausted.
    Answer make(u8 type, u8 code, const Packet& packet, const Arrival& arrival);

private:
    bool may_send_to(const IpAddress& whom);

    Context* context_;
    SipKey key_;
    TokenBucket all_;
    std::array<TokenBucket, 64> by_host_{};  // by a keyed hash of it
};

// Fills protocol, local, remote and seq of `error` from a packet that we sent, of which at least
// the IPv4 header and eight more bytes are there. False: it is not such a packet.
bool read_quote(std::span<const std::byte> quoted, IcmpError& error);

// An error that has arrived; the transports check the rest: whether the flow lives, and (RFC 5927
// 4.1) the sequence number.
DropReason read_error(const wire::IcmpMessage& message, const Arrival& arrival, IcmpError& error);

}  // namespace tern::inet::v4
