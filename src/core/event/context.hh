// Context: what the parts of one stack share. One object per stack, passed by reference.
#pragma once

#include "core/base/random.hh"
#include "core/base/siphash.hh"
#include "tern/limits.hh"
#include "tern/packet_batch.hh"
#include "tern/stack.hh"
#include "tern/trace.hh"

namespace tern {

struct Context {
    Instant now{};  // the `now` of the verb that is running
    Observer* observer = nullptr;
    u32 note = 0;  // number of the event that explains the packet in hand
    MemoryBudget* budget = nullptr;
    PacketPool* pool = nullptr;
    Limits limits;
    Random random;
    Counters counters;
    Steering steering;

    Context(u64 seed, const Limits& l, const Steering& s) : limits(l), random(seed), steering(s) {}

    // A packet died. `interface` 0: it never had one.
    void drop(DropReason reason, u8 interface) {
        ++counters.drops[static_cast<u8>(reason)];
        if (observer) [[unlikely]]
            observer->on_drop({.at = now, .note = note, .reason = reason, .interface = interface});
    }
    // Marks `packet` with the reason why it is sent; TCP has its own richer event.
    void sent(Packet& packet, SendReason reason) {
        if (observer) [[unlikely]] {
            packet->note = ++note;
            observer->on_packet_sent(
                {.at = now, .note = note, .reason = reason, .length = packet.size()});
        }
    }
};

}  // namespace tern
