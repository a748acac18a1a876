// An IPv4 packet leaves: its header, and where on a link a group is (RFC 791, RFC 1112). Asks
// nothing of anybody.
#pragma once

#include "core/base/siphash.hh"
#include "core/inet/values.hh"
#include "tern/packet_batch.hh"

namespace tern::inet::v4 {

// IDs of packets that may be fragmented: a keyed permutation of a counter. So none repeats within
// 65536 packets (RFC 6864 4.2 [RFC6864:1]), and none can be guessed from another one.
class PacketIds {
public:
    explicit PacketIds(const SipKey& key) : key_(key) {}
    u16 next();

private:
    SipKey key_;
    u16 count_ = 0;
};

class Output {
public:
    explicit Output(const SipKey& key) : ids_(key) {}
    // In front of `packet`, whose view begins at the transport header.
    void push_header(Packet& packet, const Outgoing& outgoing);

private:
    PacketIds ids_;
};

// The destination of what Ethernet carries to a group (RFC 1112 6.4).
MacAddress multicast_mac(Ipv4Address group);

}  // namespace tern::inet::v4
