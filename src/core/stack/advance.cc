// Due timers, in deadline order within each part.
#include "core/stack/inside.hh"
#include "core/wire/ipv4.hh"

namespace tern {

void Stack::advance(Instant now) {
    Inside& in = *inside_;
    in.begin(now);
    in.inet.advance();
    while (const auto error = in.inet.next_undelivered()) {
        if (error->protocol == static_cast<u8>(wire::IpProtocol::Tcp))
            in.tcp_room.undelivered(*error);
        else if (error->protocol == static_cast<u8>(wire::IpProtocol::Udp))
            in.udp_room.undelivered(*error);
    }
    in.tcp_room.advance();
}

Instant Stack::next_deadline() const {
    return std::min(inside_->inet.next_deadline(), inside_->tcp_room.next_deadline());
}

}  // namespace tern
