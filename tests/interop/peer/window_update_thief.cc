#include "peer/window_update_thief.hh"

#include <optional>

namespace tern::peer {

namespace {

struct Seen {
    u8 flags;
    u16 window;
};

// The TCP header of an Ethernet frame without VLAN tag, if there is one.
std::optional<Seen> tcp_of(std::span<const std::byte> frame) {
    constexpr std::size_t k_ethernet = 14, k_ipv4_least = 20, k_tcp_least = 20;
    if (frame.size() < k_ethernet + k_ipv4_least + k_tcp_least) return std::nullopt;
    const auto byte = [&](std::size_t at) { return static_cast<u8>(frame[at]); };
    if (byte(12) != 0x08 || byte(13) != 0x00 || byte(k_ethernet + 9) != 6) return std::nullopt;
    const std::size_t tcp = k_ethernet + (byte(k_ethernet) & 15u) * 4u;
    if (frame.size() < tcp + k_tcp_least) return std::nullopt;
    return Seen{byte(tcp + 13), static_cast<u16>(byte(tcp + 14) << 8 | byte(tcp + 15))};
}

}  // namespace

Fate WindowUpdateThief::judge(From direction, std::span<const std::byte> frame) {
    constexpr u8 k_syn = 2, k_rst = 4;
    const auto seen = tcp_of(frame);
    if (over_ || !seen || (seen->flags & (k_syn | k_rst)) != 0) return Fate::AsOptionsSay;
    if (direction != from_) {
        if (stolen_ > 0) {
            ++probes_;
            over_ = true;
        }
        return Fate::AsOptionsSay;
    }
    if (seen->window == 0) closed_ = true;
    if (!closed_ || seen->window == 0) return Fate::AsOptionsSay;
    ++stolen_;
    return Fate::Drop;
}

}  // namespace tern::peer
