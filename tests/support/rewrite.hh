// A TCP segment that a test has changed on its way, with its checksum right again.
#pragma once

#include <cstring>
#include <span>

#include "core/base/checksum.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"

namespace tern::test {

inline void rewrite(std::span<std::byte> segment, wire::TcpHeader tcp, const wire::Ipv4Header& ip) {
    tcp.checksum = 0;
    wire::emit_tcp(tcp, segment.data());
    const u32 sum = checksum_pseudo(IpAddress(ip.source), IpAddress(ip.destination), 6,
                                    static_cast<u32>(segment.size()));
    const u16 field = checksum_finish(checksum_add(sum, segment));
    std::memcpy(segment.data() + 16, &field, sizeof field);
}

}  // namespace tern::test
