// Two link ends joined in one process: what one end transmits the other receives, by handle, in
// order, at once. No system call and no clock, so it is the wire of simulations and benchmarks.
#pragma once

#include <memory>

#include "tern/link.hh"

namespace tern {

struct VirtualWireOptions {
    u32 mtu = 1500;
    Medium medium = Medium::Ethernet;
    std::string name_a = "wire:a";
    std::string name_b = "wire:b";
    MacAddress mac_a{{0x02, 0, 0, 0, 0, 0x0a}};
    MacAddress mac_b{{0x02, 0, 0, 0, 0, 0x0b}};
    bool transmit_checksum = false;  // memory does not corrupt: sums may be left out
    bool segmentation = false;       // super-segments cross the wire in one piece
    u32 queue_packets = 1024;        // per direction, rounded up to a power of two; then tail drop
    u16 vlan = 0;
};

// Both ends belong to one thread. Frames of the receiver's pool move without a copy, frames of
// another pool are copied into it. Frames on the wire belong to the sender's pool: destroy the
// wire, or clear() it, before the pools.
class VirtualWire {
public:
    explicit VirtualWire(const VirtualWireOptions& options = {});
    ~VirtualWire();
    VirtualWire(VirtualWire&&) noexcept;
    VirtualWire& operator=(VirtualWire&&) noexcept;

    Link& a();
    Link& b();
    void clear();  // drops what is under way in both directions

private:
    class End;
    std::unique_ptr<End> a_, b_;
};

}  // namespace tern
