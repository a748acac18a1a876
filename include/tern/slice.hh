// Slice: a shared view of received bytes, or of bytes to send. Move-only; share() makes a second
// view of the same memory. It pins the whole buffer it lies in until it is released.
#pragma once

#include "tern/export.hh"
#include "tern/packet_batch.hh"

namespace tern TERN_API {

// A handle that owns one view, or none.
class Slice {
public:
    Slice() = default;
    // The view is the packet's.
    explicit Slice(Packet packet) : packet_(std::move(packet)) {}

    explicit operator bool() const { return bool(packet_) && packet_.size() > 0; }
    std::size_t size() const { return packet_ ? packet_.size() : 0; }
    // Valid while the slice lives.
    std::span<const std::byte> bytes() const {
        return packet_ ? std::span<const std::byte>(packet_.bytes()) : std::span<const std::byte>{};
    }
    // n <= size().
    void remove_prefix(u32 n) { packet_.pull(n); }
    // Empty when the memory ceiling refuses a view.
    Slice share() const { return packet_ ? Slice{packet_.share()} : Slice{}; }
    // Gives the view away; the slice is empty afterwards.
    Packet into_packet() && { return std::move(packet_); }

private:
    Packet packet_;
};

}  // namespace tern
