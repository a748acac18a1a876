// RFC 1122 4.1.3.5 and 4.1.4 for matching, RFC 6056 for choosing.
#include "core/udp/ports.hh"

namespace tern::udp {

Ports::Ports(Context& context, Pool<Socket>& sockets)
    : context_(&context), sockets_(&sockets), key_(context.random.key()), ports_(*context.budget),
      by_number_(*context.budget, HashOfPort{this}), connected_(*context.budget, HashOfFlow{this}) {
}

Handle<Ports::Port> Ports::find_port(u16 number) const {
    return by_number_.find(hash(number),
                           [&](Handle<Port> i) { return ports_[i].number == number; });
}

Handle<Socket> Ports::find_connected(const Endpoint& local, const Endpoint& remote) const {
    if (connected_.size() == 0) return 0;
    return find_flow(key_of(local, remote));
}

Handle<Socket> Ports::find_flow(const FlowKey& key) const {
    return connected_.find(key.hash(key_),
                           [&](Handle<Socket> i) { return key_of((*sockets_)[i]) == key; });
}

Handle<Socket> Ports::find(const Endpoint& local, const Endpoint& remote) const {
    if (const Handle<Socket> i = find_connected(local, remote)) return i;
    Handle<Socket> best;
    for (Handle<Socket> i = first_on(local.port); i != 0; i = (*sockets_)[i].port_next) {
        const LocalAddress& at = (*sockets_)[i].local.address;
        if (!at.covers(local.address)) continue;
        if (at.one() != nullptr) return i;
        const bool better =
            best == 0 || at.specificity() > (*sockets_)[best].local.address.specificity();
        if (better) best = i;
    }
    return best;
}

// Two sockets clash when a datagram could be for either; both may agree to that.
bool Ports::taken(const Socket& socket) const {
    const LocalEndpoint& local = socket.local;
    if (socket.connected && connected_.size() != 0 && find_flow(key_of(socket)) != 0) return true;
    for (Handle<Socket> i = first_on(local.port); i != 0; i = (*sockets_)[i].port_next) {
        const Socket& s = (*sockets_)[i];
        if (s.local.address.overlaps(local.address) && !(s.reuse_address && socket.reuse_address))
            return true;
    }
    return false;
}

Handle<Ports::Port> Ports::port_for(u16 number) {
    if (const Handle<Port> found = find_port(number)) return found;
    const Handle<Port> p = ports_.allocate();
    if (p == 0) return 0;
    ports_[p].number = number;
    if (by_number_.insert(hash(number), p)) return p;
    ports_.free(p);
    return 0;
}

void Ports::leave_port(Handle<Port> port) {
    if (ports_[port].sockets != 0) return;
    by_number_.erase(hash(ports_[port].number), port);
    ports_.free(port);
}

Result<void> Ports::add(Handle<Socket> socket) {
    Socket& s = (*sockets_)[socket];
    if (!at_home(s.local.port) || taken(s)) return std::unexpected(Error::PortInUse);
    const Handle<Port> p = port_for(s.local.port);
    if (p == 0) return std::unexpected(Error::OutOfMemory);
    if (s.connected && !connected_.insert(key_of(s).hash(key_), socket)) {
        leave_port(p);
        return std::unexpected(Error::OutOfMemory);
    }
    Port& port = ports_[p];
    ++port.sockets;
    if (s.connected) return {};
    s.port_next = port.first;
    if (port.first != 0) (*sockets_)[port.first].port_prev = socket;
    port.first = socket;
    return {};
}

void Ports::remove(Handle<Socket> socket) {
    const Socket& s = (*sockets_)[socket];
    const Handle<Port> p = find_port(s.local.port);
    check(p != 0);
    if (s.connected) {
        connected_.erase(key_of(s).hash(key_), socket);
    } else {
        (s.port_prev != 0 ? (*sockets_)[s.port_prev].port_next : ports_[p].first) = s.port_next;
        if (s.port_next != 0) (*sockets_)[s.port_next].port_prev = s.port_prev;
    }
    --ports_[p].sockets;
    leave_port(p);
}

// Does what arrives for this port come to this stack (tern/steering.hh)?
bool Ports::at_home(u16 port) const {
    const Steering& s = context_->steering;
    return !s.owns_port(port) || s.home_of_udp({{}, port}, {}) == s.shard;
}

// RFC 6056 3.3.2 [RFC6056:1, RFC8085:1]: a new draw after each miss; only a crowded range is
// searched in order. A port that nobody has comes first; a connected socket may share one.
Result<u16> Ports::choose(const Socket& socket) const {
    const u32 first = context_->limits.ephemeral_port_first;
    const u32 count = context_->limits.ephemeral_port_last - first + 1;
    constexpr u32 draws = 16;
    for (u32 n = 0; n < draws; ++n) {
        const u16 port = static_cast<u16>(first + context_->random.below(count));
        if (at_home(port) && find_port(port) == 0) return port;
    }
    const u32 start = context_->random.below(count);
    for (const bool share : {false, true}) {
        for (u32 n = 0; n < count; ++n) {
            Socket wanted;
            wanted.local = {socket.local.address, static_cast<u16>(first + (start + n) % count)};
            wanted.remote = socket.remote;
            wanted.connected = socket.connected;
            if (!at_home(wanted.local.port)) continue;
            if (share ? socket.connected && !taken(wanted) : find_port(wanted.local.port) == 0)
                return wanted.local.port;
        }
    }
    return std::unexpected(Error::NoPortFree);
}

}  // namespace tern::udp
