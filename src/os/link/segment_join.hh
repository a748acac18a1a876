// Neighbours of one TCP/IPv4 flow that leave together become one super-segment again, as generic
// receive offload does: for a device, one call then stands for many. Segments whose sums do not
// hold stay apart, so that damage is not healed.
#pragma once

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern {

class SegmentJoin {
public:
    // `to` takes super-segments and completes checksums.
    SegmentJoin(PacketBatch& to, Medium medium) : to_(&to), medium_(medium) {}
    // In order; what cannot be joined goes on as it is.
    void add(Packet p);
    // The last ones go on too. Call it before the batch is used.
    void finish();

private:
    struct Segment {
        u32 ip = 0, tcp = 0, payload = 0, end = 0;  // offsets from the first byte of the frame
        u32 seq = 0;
        u8 flags = 0;
    };
    bool read(const Packet& p, Segment& segment) const;
    bool continues(const Packet& p, const Segment& s) const;
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

}  // namespace tern
