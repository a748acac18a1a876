// Which addresses are ours: single ones, and all of a prefix (accept-any). Of either family.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "core/base/prefix.hh"
#include "core/inet/address/source_table.hh"
#include "tern/result.hh"

namespace tern::inet {

struct OwnAddress {
    IpAddress ip;
    Prefix subnet;
    u32 order = 0;       // of two equal sources the one that was added first
    bool usable = true;  // false: the claim on it is not decided yet
};

class OwnAddresses {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        // The bits of the longest prefix that a route to `to` has; 0: there is none.
        virtual u8 route_bits(const IpAddress& to) const = 0;

    protected:
        ~Surroundings() = default;
    };

    explicit OwnAddresses(const Surroundings& surroundings) : surroundings_(&surroundings) {}

    // Interfaces are numbered from 1; the calls below want one that is there.
    void add_interface() { interfaces_.emplace_back(); }
    // InvalidAddress: no host has it. AlreadyExists: on this interface, or on another one.
    Result<void> add(u8 interface, const Cidr& address, bool usable);
    // AddressNotAvailable: it is not there.
    Result<void> remove(u8 interface, const IpAddress& ip);
    // Takes all away, prefixes too.
    void clear(u8 interface);
    void make_usable(u8 interface, const IpAddress& ip);
    // `answer`: neighbours may ask for its addresses. InvalidAddress: bits behind the prefix are
    // set. AlreadyExists: it overlaps another one.
    Result<void> add_prefix(u8 interface, const Cidr& prefix, bool answer);
    Result<void> remove_prefix(u8 interface, const Cidr& prefix);  // AddressNotAvailable
    // What owns() remembers may be wrong now.
    void routes_changed() { ++generation_; }

    // A single address, usable or not; null: there is none.
    const OwnAddress* find(u8 interface, const IpAddress& ip) const;
    // As a usable address, or in a prefix.
    bool owns(u8 interface, const IpAddress& ip) const {
        const Owned& lately = lately_[place_of(ip)];
        if (lately == Owned{ip, generation_, interface}) [[likely]]
            return true;
        return look_up(interface, ip);
    }
    u8 interface_of(const IpAddress& ip) const;  // that owns it; 0: none does
    bool is_ours(const IpAddress& ip) const { return interface_of(ip) != 0; }
    // Ours, and neighbours may know it.
    bool answers(u8 interface, const IpAddress& ip) const;
    bool has_usable_ipv4(u8 interface) const;
    // Of a subnet of ours on this interface, or on any one.
    bool is_subnet_broadcast(u8 interface, const IpAddress& ip) const;
    bool is_subnet_broadcast(const IpAddress& ip) const;
    // The longest subnet of ours with usable addresses that `to` is in, of the interface `only`
    // unless that is 0.
    struct Place {
        u8 interface = 0;
        u8 bits = 0;
    };
    std::optional<Place> subnet_of(const IpAddress& to, u8 only = 0) const;
    // An address of ours for a packet to `to`, which goes to `hop` first.
    std::optional<IpAddress> source(u8 interface, const IpAddress& to, const IpAddress& hop) const {
        return at(interface).sources.choose(to, hop);
    }

private:
    // All addresses are ours.
    struct OwnPrefix {
        Prefix prefix;
        bool answer = true;
    };
    struct Subnet {
        Prefix prefix;
        u32 addresses = 0, usable = 0;
        bool has_broadcast(const IpAddress& ip) const;
    };
    struct OfInterface {
        std::vector<OwnAddress> addresses;  // in the order of addresses
        std::vector<OwnPrefix> prefixes;    // disjoint; by family, in the order of addresses
        std::vector<Subnet> subnets;        // with more than one address; they are few
        SourceTable<> sources;              // the usable ones
    };
    // Found lately: each packet that leaves asks.
    struct Owned {
        IpAddress ip;
        u32 generation = 0;
        u8 interface = 0;
        friend bool operator==(const Owned&, const Owned&) = default;
    };

    const OfInterface& at(u8 interface) const { return interfaces_[interface - 1u]; }
    OfInterface& at(u8 interface) { return interfaces_[interface - 1u]; }
    static u32 place_of(const IpAddress& ip) {
        constexpr u64 spread = 0x9e3779b97f4a7c15;
        return static_cast<u32>(((ip.high() ^ ip.low()) * spread) >> 58);
    }
    bool look_up(u8 interface, const IpAddress& ip) const;
    bool owns_by_prefix(u8 interface, const IpAddress& ip) const;
    const OwnPrefix* prefix_with(u8 interface, const IpAddress& ip) const;
    bool is_single_anywhere(const IpAddress& ip) const;
    void count_in_subnet(OfInterface& i, const OwnAddress& own, int addresses, int usable);

    const Surroundings* surroundings_;
    std::vector<OfInterface> interfaces_;
    u32 orders_ = 0;
    u32 generation_ = 1;
    mutable std::array<Owned, 64> lately_{};
};

}  // namespace tern::inet
