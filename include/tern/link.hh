// Link: what carries frames. Implement it to write your own driver, or wrap another one.
// One virtual call per batch, never per packet. A link belongs to one thread.
#pragma once

#include <string>

#include "tern/address.hh"
#include "tern/export.hh"
#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern TERN_API {

// What a link is and can; it does not change while the link lives.
struct LinkFacts {
    std::string name{};                // for messages: "tap:tern0"
    std::string details = {};          // how it works, for people: "queue 0, native XDP, copy mode"
    Medium medium = Medium::Ethernet;  // what its frames begin with
    MacAddress mac = {};               // our address on it (a suggestion to the stack)
    u32 mtu = 1500;                    // largest IP packet
    bool transmit_checksum = false;    // takes ChecksumState::Partial and completes it
    bool segmentation = false;         // takes packets with gso_size (TSO4)
    u16 vlan = 0;                      // the interface on it lives in this VLAN (0: untagged)
    u64 memory = 0;                    // bytes that it holds besides packets; count as the stack's
};

// What a link has done since it was opened; they only grow.
struct LinkCounters {
    u64 received_packets = 0, received_bytes = 0;
    u64 sent_packets = 0, sent_bytes = 0;
    u64 receive_refused = 0;  // frames lost because the pool gave no buffer
    u64 send_refused = 0;     // frames that the device did not take
    u64 device_unread = 0;    // dropped by the device: we did not read fast enough
    u64 device_untaken = 0;   // dropped by the device behind it, after it took them
    u64 too_long = 0;         // frames longer than the link's buffers, either way
    u64 handed_over = 0;      // frames that came here and are at home in another shard
    u64 handover_lost = 0;    // of these, lost because the other shard did not keep up
    u64 system_calls = 0;
};

// A driver. All calls come from the thread of its runtime.
class Link {
public:
    virtual ~Link() = default;
    // Asked before the first packet; the reference stays valid.
    virtual const LinkFacts& facts() const = 0;
    // Appends what has arrived, as far as `into` has room. Never blocks.
    virtual void receive(Instant now, PacketPool& pool, PacketBatch& into) = 0;
    // Takes every packet of the batch. What the device refuses is counted and dropped.
    virtual void transmit(Instant now, PacketBatch&& batch) = 0;
    // When receive() or transmit() has work though nothing new arrives (a delayed frame).
    virtual Instant next_deadline() const { return Instant::max(); }
    // A descriptor that polls readable when receive() has something; -1: none.
    virtual int fd() const { return -1; }
    // True: the device is gone and does not come back. Asked now and then while the descriptor is
    // ready; a link whose descriptor has an error and nothing to read from then on need not say it.
    virtual bool gone() { return false; }
    virtual LinkCounters counters() const { return {}; }  // zeros: it counts nothing
};

}  // namespace tern
