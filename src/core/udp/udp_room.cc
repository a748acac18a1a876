// Sockets open and close, and tell what happened: one event a socket, in turn.
#include "core/udp/udp_room.hh"

#include "core/udp/inside.hh"

namespace tern {

namespace {

// Is `remote` somebody that a socket with these options may send to?
bool may_send_to(const inet::Inet& inet, const Endpoint& remote, bool broadcast) {
    if (remote.port == 0 || remote.address.is_unspecified()) return false;
    return broadcast || !inet.is_broadcast_address(remote.address);
}

udp::Socket socket_of(const UdpOptions& options) {
    udp::Socket s;
    s.local = options.local;
    s.may_broadcast = options.broadcast;
    s.reuse_address = options.reuse_address;
    s.ttl = options.ttl;
    s.tos = static_cast<u8>(options.dscp << 2);
    s.queue_limit = options.receive_queue;
    s.user = options.user;
    return s;
}

}  // namespace

UdpRoom::UdpRoom(Context& context, inet::Inet& inet) : inside_(new Inside(context, inet)) {}

UdpRoom::~UdpRoom() { delete inside_; }

Result<UdpSocket> UdpRoom::open(const UdpOptions& options) {
    Inside& in = *inside_;
    if (options.ttl == 0 || options.dscp > 63) return std::unexpected(Error::InvalidArgument);
    udp::Socket socket = socket_of(options);
    const LocalAddress& at = options.local.address;
    if (at == LocalAddress{Families::Ipv6}) return std::unexpected(Error::NotSupported);
    if (at.one() != nullptr && !in.inet.is_local_address(*at.one()))
        return std::unexpected(Error::AddressNotAvailable);
    if (options.remote) {
        if (!may_send_to(in.inet, *options.remote, options.broadcast))
            return std::unexpected(Error::InvalidAddress);
        socket.remote = *options.remote;
        socket.connected = true;
        IpAddress source = at.or_unspecified();
        if (at.is_every()) {
            if (!at.covers(socket.remote.address)) return std::unexpected(Error::InvalidAddress);
            TERN_TRY(source, in.inet.source_for(socket.remote.address));
        }
        socket.local.address = source;
        if (auto way = in.inet.find_way(socket.remote.address, source, socket.way); !way)
            return std::unexpected(way.error());
        if (!in.inet.is_source_on(socket.way, source)) return std::unexpected(Error::NoRoute);
    }
    if (socket.local.port == 0) {
        TERN_TRY(socket.local.port, in.ports.choose(socket));
    }
    const Handle<udp::Socket> i = in.sockets.allocate();
    if (i == 0) return std::unexpected(Error::OutOfMemory);
    socket.generation = ++in.generation;
    in.sockets[i] = std::move(socket);
    if (auto added = in.ports.add(i); !added) {
        in.sockets.free(i);
        return std::unexpected(added.error());
    }
    return UdpSocket{i.index, in.generation};
}

Result<LocalEndpoint> UdpRoom::local_endpoint(UdpSocket s) const {
    const udp::Socket* socket = inside_->find(s);
    if (socket == nullptr) return std::unexpected(Error::NoSuchConnection);
    return socket->local;
}

void UdpRoom::close(UdpSocket s) {
    if (inside_->find(s) == nullptr) return;
    const Handle<udp::Socket> i(s.index);
    inside_->forget_events(i);
    inside_->ports.remove(i);
    inside_->sockets.free(i);
}

// A socket stands in the line once, however much happens; whoever was served goes to its end.
void UdpRoom::Inside::tell(Handle<udp::Socket> socket, u16 bits) {
    udp::Socket& s = sockets[socket];
    const bool waits = s.event_bits != 0;
    s.event_bits |= bits;
    if (waits) return;
    s.event_prev = event_last;
    s.event_next = 0;
    (event_last != 0 ? sockets[event_last].event_next : event_first) = socket;
    event_last = socket;
}

void UdpRoom::Inside::forget_events(Handle<udp::Socket> socket) {
    udp::Socket& s = sockets[socket];
    if (s.event_bits == 0) return;
    (s.event_prev != 0 ? sockets[s.event_prev].event_next : event_first) = s.event_next;
    (s.event_next != 0 ? sockets[s.event_next].event_prev : event_last) = s.event_prev;
    s.event_bits = 0;
}

std::optional<Event> UdpRoom::next_event() {
    Inside& in = *inside_;
    const Handle<udp::Socket> i = in.event_first;
    if (i == 0) return {};
    udp::Socket& s = in.sockets[i];
    const Error soft = std::exchange(s.soft, Error::None);
    const Event event{.kind = Event::Kind::Udp,
                      .index = i.index,
                      .generation = s.generation,
                      .bits = s.event_bits,
                      .error = s.pending != Error::None ? s.pending : soft,
                      .user = s.user};
    in.forget_events(i);
    return event;
}

}  // namespace tern
