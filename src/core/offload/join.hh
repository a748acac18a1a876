// Packets of one flow that leave together become one again: for a device, one call then stands for
// many.
#pragma once

#include "core/wire/frame.hh"
#include "core/wire/udp.hh"
#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern::offload {

// Neighbours of one TCP flow become a super-segment, as generic receive offload (GRO) makes them.
// Only what says the same is joined, and only segments whose sums hold, so that damage is not
// healed; cut_segments() makes the same packets of it again.
class Gro {
public:
    // `to` takes super-segments and completes checksums.
    Gro(PacketBatch& to, Medium medium) : to_(&to), medium_(medium) {}
    // In order; what cannot be joined goes on as it is.
    void add(Packet p);
    // The last ones go on too. Call it before the batch is used.
    void finish();

private:
    struct Segment {
        u32 ip = 0, tcp = 0, payload = 0, end = 0;  // offsets from the first byte of the frame
        u32 seq = 0;
        u16 flags = 0;
        wire::IpView view;
    };
    bool read(const Packet& p, Segment& segment) const;
    bool continues(const Packet& p, const Segment& s) const;
    bool same_headers(const Packet& p, const Segment& s) const;
    bool append(const Packet& p, const Segment& s);
    bool begin_super();

    PacketBatch* to_;
    Medium medium_;
    Packet first_;  // alone, or the packet that is being made of several
    Segment at_;
    u32 size_ = 0;      // of the payload of each segment but the last
    u32 segments_ = 0;  // 0: first_ is empty or cannot be joined with anything
    bool closed_ = false;
};

// The most datagrams that the kernel takes in one (Linux: UDP_MAX_SEGMENTS of 6.2).
inline constexpr u32 k_datagrams_most = 64;
// What join_headers() writes at most.
inline constexpr u32 k_datagram_headers_most =
    wire::link_header_most(Medium::Ethernet) + wire::k_ipv6_header + wire::k_udp_header;

// How many packets of `batch`, from `first` on, could leave as one super-datagram; 1: it goes
// alone.
u32 datagrams_together(const PacketBatch& batch, u32 first, Medium medium);
// The headers of these together, for the first one's; returns their length.
u32 join_headers(const PacketDescriptor& first, u32 payload_of_all, Medium medium, std::byte* to);

}  // namespace tern::offload
