// Trains: what a sender sent in one go arrives in one go, and is one segment to header prediction.
// If that does not want it, or an observer is to hear of each, the segments go one by one.
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

bool same_hosts(const inet::Arrival& a, const inet::Arrival& b) {
    if (&a == &b) return true;
    return a.source == b.source && a.destination == b.destination && a.interface == b.interface &&
           a.tos == b.tos && a.broadcast == b.broadcast;
}

// Ports, SEG.ACK, flags but PSH, SEG.WND and options.
bool same_header(const std::byte* a, const std::byte* b, u32 length) {
    using checksum_detail::load_native;
    const u32 psh = static_cast<u32>(wire::Psh) << 16;
    u32 differ = load_native<u32>(a) ^ load_native<u32>(b);
    differ |= load_native<u32>(a + 8) ^ load_native<u32>(b + 8);
    differ |= (load32(a + 12) ^ load32(b + 12)) & ~psh;
    for (u32 at = wire::k_tcp_header; at < length; at += 4)
        differ |= load_native<u32>(a + at) ^ load_native<u32>(b + at);
    return differ == 0;
}

Handle<Tcb> connection_of(Room& room, const Segment& seg) {
    u64 hash = 0;
    return record_of(room, seg.key(), hash).tcb();
}

bool predicted_whole(Room& room, Segment& first, Chain& rest, u32 len) {
    const Handle<Tcb> i = connection_of(room, first);
    // What runs out on the way is for each segment to find out.
    if (i == 0 || room.cx.pool->scarce()) return false;
    const u32 own = std::exchange(first.len, len);
    const u32 count = 1 + rest.count();
    first.more = &rest;
    if (predicted(room, i, first)) {
        room.cx.counters.tcp_predicted += count;
        room.cx.counters.tcp_joined += count - 1;
        return true;
    }
    first.len = own;
    first.more = nullptr;
    return false;
}

bool has_push(const std::byte* tcp) { return (static_cast<u8>(tcp[13]) & wire::Psh) != 0; }

Segment behind(const Segment& s, Seq seq, Packet packet) {
    Segment next;
    next.seq = seq;
    next.ack = s.ack;
    next.up = seq;
    next.len = packet ? packet.size() : 0;
    next.wnd = s.wnd;
    next.flags = s.flags;
    next.source_port = s.source_port;
    next.destination_port = s.destination_port;
    next.has_timestamps = s.has_timestamps;
    next.ts_val = s.ts_val;
    next.ts_ecr = s.ts_ecr;
    next.arrival = s.arrival;
    next.packet = std::move(packet);
    return next;
}

}  // namespace

bool begins_train(const Room& room, const Segment& seg) {
    constexpr u16 any = wire::Psh | wire::k_ecn_flags;
    constexpr u8 ce = 3;  // each mark counts
    return seg.len > 0 && (seg.flags & ~any) == wire::Ack && seg.others == nullptr &&
           (seg.arrival->tos & ce) != ce && room.header_prediction && room.cx.observer == nullptr;
}

void begin_train(Room& room, Segment& seg) {
    Room::Train& t = room.train;
    t.open = true;
    t.len = seg.len;
    if (seg.arrival != &t.arrival) t.arrival = *seg.arrival;
    t.first = std::move(seg);
    t.first.arrival = &t.arrival;
    t.first.pushed = t.first.has(wire::Psh) ? segment_bytes(t.first.packet) : 0;
}

bool joins_train(Room& room, Packet& packet, const inet::Arrival& arrival) {
    Room::Train& t = room.train;
    if (!same_hosts(arrival, t.arrival)) return false;
    const PacketDescriptor& first = *t.first.packet;
    const u32 header = first.begin - first.transport;
    if (packet.size() <= header) return false;
    const std::byte* at = packet.data();
    if (load32(at + 4) != (t.first.seq + t.len).value) return false;
    if (!same_header(at, first.slot + first.transport, header)) return false;
    if (!intact(packet, arrival)) return false;
    packet.pull(header);
    if (has_push(at)) t.first.pushed = std::max(t.first.pushed, segment_bytes(packet));
    packet->payload_sum_known = false;
    t.len += packet.size();
    t.rest.push_back(std::move(packet));
    return true;
}

void Room::end_train() {
    if (!train.open) return;
    train.open = false;
    Segment first = std::move(train.first);
    Chain rest = std::move(train.rest);
    if (rest.empty()) return segment_arrives(*this, first);
    if (predicted_whole(*this, first, rest, train.len)) return;
    const u32 header = first.packet->begin - first.packet->transport;
    Segment pattern = behind(first, first.seq, {});
    pattern.flags &= static_cast<u16>(~wire::Psh);
    Seq next = first.seq + first.len;
    segment_arrives(*this, first);
    while (!rest.empty()) {
        Segment seg = behind(pattern, next, rest.pop_front());
        if (has_push(seg.packet.data() - header)) seg.flags |= wire::Psh;
        next += seg.len;
        segment_arrives(*this, seg);
    }
}

}  // namespace tern::tcp
