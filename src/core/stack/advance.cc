// Due timers, in deadline order within each room.
#include "core/stack/inside.hh"

namespace tern {

void Stack::advance(Instant now) {
    Inside& in = *inside_;
    in.begin(now);
    in.inet.advance();
    while (auto hop = in.inet.next_unreachable()) in.tcp_room.unreachable(*hop);
    in.tcp_room.advance();
}

Instant Stack::next_deadline() const {
    return std::min(inside_->inet.next_deadline(), inside_->tcp_room.next_deadline());
}

}  // namespace tern
