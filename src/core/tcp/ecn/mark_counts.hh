// What RFC 9768 3.2 counts of marks.
#pragma once

#include "core/wire/tcp_options.hh"
#include "tern/int.hh"

namespace tern::tcp {

// The IP-ECN field (RFC 3168 5).
inline constexpr u8 k_not_ect = 0, k_ect_1 = 1, k_ect_0 = 2, k_ce = 3;

// r.cep, r.e0b, r.ceb and r.e1b. The initial values tell a zeroed field from a true one.
class MarkCounts {
public:
    static constexpr u32 k_first_cep = 5;

    // Packets with this IP-ECN field, and the bytes of their text.
    void arrived(u8 field, u32 packets, u32 bytes);
    u32 cep() const { return cep_; }                   // packets marked CE
    u32 marked() const { return cep_ - k_first_cep; }  // since the beginning
    u32 bytes() const { return e0b_ + ceb_ + e1b_; }   // the sum moves when any of them does
    // As an AccECN option, 24 bits of each.
    void put(wire::TcpOptionsToSend& o) const;

private:
    u32 cep_ = k_first_cep;
    u32 e0b_ = 1, ceb_ = 0, e1b_ = 1;  // bytes by mark
};

}  // namespace tern::tcp
