// What the files of this room share: the one object behind Inet.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/inet/inet.hh"
#include "core/inet/neighbor/cache.hh"
#include "core/inet/ring.hh"
#include "core/inet/route/table.hh"
#include "core/inet/token_bucket.hh"
#include "core/wire/arp.hh"
#include "core/wire/frame.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ipv4.hh"

namespace tern::inet {

// An address of ours, and how far the claim on it has come (RFC 5227).
struct OwnAddress {
    enum class Claim : u8 { Probing, Announcing, Settled };

    Ipv4Address ip;
    u8 prefix_length = 32;
    Claim claim = Claim::Settled;
    bool probed = false;  // was claimed by probing; such an address is given up when contested
    u8 sent = 0;          // probes, then announcements
    Instant next = Instant::max();
    Instant contested_at = Neighbor::k_never;

    bool usable() const { return claim != Claim::Probing; }
    bool same_subnet(Ipv4Address other) const {
        return ((ip.value ^ other.value) & mask_of(prefix_length)) == 0;
    }
    // RFC 3021: with 31 or 32 bits there is no broadcast address.
    bool is_subnet_broadcast(Ipv4Address other) const {
        return prefix_length < 31 && other.value == (ip.value | ~mask_of(prefix_length));
    }
};

// All addresses of a prefix are ours (accept-any).
struct OwnPrefix {
    u32 network = 0;
    u8 length = 0;
    bool answer_arp = true;

    u32 last() const { return network | ~mask_of(length); }
    bool contains(Ipv4Address ip) const { return ip.value >= network && ip.value <= last(); }
};

struct InterfaceState {
    InterfaceConfig config;
    std::vector<OwnAddress> addresses;  // in the order in which they were added
    std::vector<OwnPrefix> prefixes;    // disjoint, in the order of networks
    Chain queue;
    u32 conflicts = 0;                       // RFC 5227 2.1.1
    Instant claimed_at = Neighbor::k_never;  // when probing began last

    // Made from the addresses whenever they change, so that no packet walks all of them.
    std::vector<u32> by_ip;           // places in `addresses`, in the order of ip
    std::vector<OwnAddress> subnets;  // one address of each; usable ones are preferred
    void addresses_changed();

    const OwnAddress* own(Ipv4Address ip) const;
    OwnAddress* own(Ipv4Address ip);
    const OwnPrefix* prefix_of(Ipv4Address ip) const;
    u32 link_header() const { return wire::link_header_length(config.medium, config.vlan); }
    bool is_subnet_broadcast(Ipv4Address ip) const {
        for (const OwnAddress& a : subnets)
            if (a.is_subnet_broadcast(ip)) return true;
        return false;
    }
};

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

struct PendingEcho {
    Ipv4Address to;
    u16 identifier = 0;
    u16 sequence = 0;
    bool open = false;
    bool to_group = false;  // anybody may answer
};

struct Inet::Inside {
    explicit Inside(Context& c);

    Context& context;
    std::vector<std::unique_ptr<InterfaceState>> interfaces;  // Index - 1
    std::array<InterfaceState*, 256> by_index{};              // the same, without arithmetic
    RouteTable routes;
    WaitingShare waiting;  // for neighbours
    u64 queue_share;       // bytes that the queue of an interface may hold
    NeighborCache neighbors;
    u32 epoch = 1;  // 24 bits
    // Who spoke to which address of ours lately, and was let in: the same answer until the tables
    // change, however many addresses there are.
    struct LetIn {
        Ipv4Address source, destination;
        u32 epoch = 0;
        u8 interface = 0;
        friend bool operator==(const LetIn&, const LetIn&) = default;
    };
    std::array<LetIn, 64> let_in{};
    // Ways found lately, so that many short connections to a few hosts share the search.
    struct LatelyFound {
        Ipv4Address to;
        u8 only = 0;  // the interface of the source
        Way way;
    };
    std::array<LatelyFound, 64> lately_found{};
    PacketIds ids;
    Ring<Event, 64> events;
    Ring<IcmpError, 64> undelivered;
    // ICMP errors of ours: all of them, and by (keyed hash of) whom they go to.
    TokenBucket errors;
    std::array<TokenBucket, 64> errors_to{};
    SipKey errors_key;
    std::array<PendingEcho, 64> echoes{};
    u32 next_echo = 0;
    Chain echo_replies;
    Instant claims_due = Instant::max();  // no claim has anything to do before
    bool echo_event_waits = false;        // at most one, or it would push out others

    InterfaceState& at(u8 interface) const {
        InterfaceState* const found = by_index[interface];
        check(found != nullptr);
        return *found;
    }
    bool has(u8 interface) const { return by_index[interface] != nullptr; }
    u8 count() const { return static_cast<u8>(interfaces.size()); }
    // Whoever keeps a Way must look again.
    void tables_changed() { epoch = (epoch + 1) & 0xff'ffff; }
    void addresses_changed(u8 interface) {
        at(interface).addresses_changed();
        tables_changed();
    }

    // input.cc, v4/input.cc
    Arrived link_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error);
    Arrived ipv4_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error);
    DropReason check_addresses(u8 interface, const wire::Ipv4Header& header, Arrival& arrival);
    Arrived dropped(Packet& packet, DropReason reason, u8 interface);

    // neighbor/arp.cc
    void arp_input(u8 interface, Packet& packet);
    bool merge(u8 interface, const wire::ArpPacket& arp, bool to_us, bool link_broadcast);
    Handle<Neighbor> neighbor_for(u8 interface, Ipv4Address address, bool known);
    void send_arp(u8 interface, const wire::ArpPacket& arp, const MacAddress& to,
                  SendReason reason);
    void act(Handle<Neighbor> neighbor, Ask ask);
    void ask_for(const Neighbor& neighbor, const MacAddress& to);
    void release_waiting(Handle<Neighbor> neighbor);
    void give_up_waiting(Handle<Neighbor> neighbor);

    // address/claims.cc
    void start_claim(u8 interface, OwnAddress& address);
    // True: the packet was about who owns an address of ours, and is done with.
    bool check_conflict(u8 interface, const wire::ArpPacket& arp);
    void contested(u8 interface, OwnAddress& address);
    void lose_claim(u8 interface, Ipv4Address ip);
    void lose_address(u8 interface, Ipv4Address ip);
    void announce(u8 interface, Ipv4Address ip, SendReason reason);
    void tell_address(u8 interface, Ipv4Address ip, Error error);
    void advance_claim(u8 interface, OwnAddress& address);
    void advance_claims();
    void find_claims_due();

    // output.cc
    struct Hop {
        u8 interface = 0;
        Ipv4Address next;  // the destination, or a gateway
    };
    const PacketDescriptor* send(Packet packet, const Outgoing& outgoing, Way& way);
    Result<void> find_way(Ipv4Address to, Ipv4Address source, Way& way);
    Result<void> search_way(Ipv4Address to, u8 only, Way& way);
    std::optional<Hop> next_hop(Ipv4Address to, u8 only = 0) const;
    u8 interface_of(Ipv4Address source) const;
    bool is_group(Ipv4Address to) const;  // more than one host
    const OwnAddress* source_on(u8 interface, Ipv4Address to, Ipv4Address hop) const;
    bool owns(u8 interface, Ipv4Address ip) const;  // as an address, or in a prefix
    bool owns_by_prefix(u8 interface, Ipv4Address ip) const;
    bool is_ours(Ipv4Address ip) const;  // on any interface
    void push_ipv4(Packet& packet, const Outgoing& outgoing);
    void push_link(u8 interface, Packet& packet, const MacAddress& to, wire::EtherType type);
    const PacketDescriptor* to_group(Packet packet, const Outgoing& outgoing, Way& way);
    void wait_for(Handle<Neighbor> neighbor, Packet packet);
    void drop_waiting(Neighbor& n, DropReason reason);
    bool may_grow(const Chain& queue, const PacketDescriptor& by) const;
    const PacketDescriptor* enqueue(u8 interface, Packet packet);
    const PacketDescriptor* drop_outgoing(const Packet& packet, DropReason reason, u8 interface);

    // v4/icmp_input.cc, v4/icmp_error.cc
    Arrived icmp_input(Packet& packet, const Arrival& arrival, IcmpError& error);
    DropReason error_input(const wire::IcmpMessage& message, const Arrival& arrival,
                           IcmpError& error);
    void answer_echo(Packet packet, const Arrival& arrival);
    DropReason take_echo_reply(Packet& packet, const wire::IcmpMessage& message,
                               const Arrival& arrival);
    void send_error(u8 type, u8 code, const Packet& packet, const Arrival& arrival);
};

// Fills protocol, local, remote and seq of `error` from a packet that we sent, of which at least
// the IPv4 header and eight more bytes are there. False: it is not such a packet.
bool read_quote(std::span<const std::byte> quoted, IcmpError& error);

// The destination of what Ethernet carries to an IPv4 group (RFC 1112 6.4).
MacAddress multicast_mac(Ipv4Address group);

}  // namespace tern::inet
