// One shard: the parts of core put together, in one place. The five verbs are in receive.cc,
// advance.cc and transmit.cc.
#include "core/stack/inside.hh"

namespace tern {

Stack::Inside::Inside(const StackConfig& config)
    : budget(config.memory_limit), own_pool(budget),
      cx(config.seed, config.limits, config.steering),
      inet((cx.budget = &budget, cx.pool = config.pool ? config.pool : &own_pool,
            cx.observer = config.observer, cx)),
      tcp_room(cx, inet), udp_room(cx, inet), tcp(tcp_room), udp(udp_room) {}

Stack::Stack(const StackConfig& config) : inside_(new Inside(config)) {
    static_assert(alignof(Inside) == 64);
}
Stack::~Stack() = default;
Stack::Stack(Stack&&) noexcept = default;

Result<Interface> Stack::add_interface(const InterfaceConfig& config) {
    TERN_TRY(const u8 index, inside_->inet.add_interface(config));
    return Interface{index};
}
Result<void> Stack::add_address(Interface i, Cidr address, Probe probe) {
    return inside_->inet.add_address(i.index, address, probe == Probe::Yes);
}
Result<void> Stack::remove_address(Interface i, IpAddress address) {
    return inside_->inet.remove_address(i.index, address);
}
Result<void> Stack::add_prefix(Interface i, Cidr prefix, Arp arp) {
    return inside_->inet.add_prefix(i.index, prefix, arp == Arp::Answer);
}
Result<void> Stack::remove_prefix(Interface i, Cidr prefix) {
    return inside_->inet.remove_prefix(i.index, prefix);
}
Result<void> Stack::clear_interface(Interface i) { return inside_->inet.clear_interface(i.index); }
Result<void> Stack::add_route(Cidr destination, Interface i, std::optional<IpAddress> gateway) {
    return inside_->inet.add_route(destination, i.index, gateway);
}
Result<void> Stack::add_neighbor(Interface i, IpAddress address, MacAddress mac) {
    return inside_->inet.add_neighbor(i.index, address, mac);
}
void Stack::flush_neighbors() { inside_->inet.flush_neighbors(); }

Tcp& Stack::tcp() { return inside_->tcp; }
Udp& Stack::udp() { return inside_->udp; }
Result<void> Stack::send_echo(IpAddress to, u16 identifier, u16 sequence,
                              std::span<const std::byte> data) {
    return inside_->inet.send_echo(to, identifier, sequence, data);
}
std::optional<EchoReply> Stack::next_echo_reply() { return inside_->inet.next_echo_reply(); }

PacketPool& Stack::pool() { return *inside_->cx.pool; }
const Counters& Stack::counters() const { return inside_->cx.counters; }
u64 Stack::memory_used() const { return inside_->budget.used(); }
void Stack::set_observer(Observer* observer) { inside_->cx.observer = observer; }
std::optional<BrokenInvariant> Stack::broken_invariant() const {
    return tcp::broken_invariant(inside_->tcp_room);
}
void Stack::set_header_prediction(bool on) { inside_->tcp_room.header_prediction = on; }

std::optional<Event> Stack::next_event() {
    if (auto e = inside_->tcp_room.next_event()) return e;
    if (auto e = inside_->udp_room.next_event()) return e;
    return inside_->inet.next_event();
}

}  // namespace tern
