#include "lab/sim/odd_peer.hh"

#include <algorithm>

#include "core/base/checksum.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"

namespace tern::sim {

std::string_view name_of(Oddity oddity) {
    constexpr std::string_view names[] = {"renege", "divide-acks", "shrink-window", "close-window"};
    return names[static_cast<u8>(oddity)];
}

struct TcpView {
    wire::Ipv4Header ip;
    wire::TcpHeader tcp;
    wire::TcpOptions options{};
    u32 payload = 0;

    bool has(u16 flags) const { return (tcp.flags & flags) != 0; }
    // Says nothing but how far it is.
    bool is_ack() const { return payload == 0 && (tcp.flags & ~u16{wire::Psh}) == wire::Ack; }
    u32 ports(bool inbound) const {
        return inbound ? u32{tcp.destination_port} << 16 | tcp.source_port
                       : u32{tcp.source_port} << 16 | tcp.destination_port;
    }
};

namespace {

constexpr u32 k_parts = 4;  // of a divided acknowledgement
constexpr u32 k_renege_once_in = 8;
constexpr u32 k_told_at_most = 4;  // then the block is taken back

// Nothing for anything but whole TCP segments; what a wire has damaged passes as it is.
std::optional<TcpView> view_of(const Packet& packet) {
    const std::span<const std::byte> bytes = packet.bytes();
    const auto ip = wire::parse_ipv4(bytes);
    if (!ip || ip->protocol != static_cast<u8>(wire::IpProtocol::Tcp) || ip->is_fragment())
        return {};
    const auto segment = bytes.subspan(ip->header_length, ip->total_length - ip->header_length);
    const auto tcp = wire::parse_tcp(segment);
    if (!tcp) return {};
    TcpView v{*ip, *tcp};
    const auto options =
        segment.subspan(wire::k_tcp_header, tcp->header_length - wire::k_tcp_header);
    wire::parse_tcp_options(options, v.options);
    v.payload = static_cast<u32>(segment.size()) - tcp->header_length;
    return v;
}

u16 checksum_of(const wire::Ipv4Header& ip, std::span<const std::byte> segment) {
    const u32 sum = checksum_pseudo(IpAddress(ip.source), IpAddress(ip.destination), ip.protocol,
                                    static_cast<u32>(segment.size()));
    return checksum_finish(checksum_add(sum, segment));
}

// The same segment with another header of the same length; its options and payload stay.
Packet with_header(const Packet& packet, const TcpView& v, wire::TcpHeader tcp) {
    Packet copy = packet->pool->copy_of(packet.bytes());
    if (!copy) return copy;
    const auto segment = copy.bytes().subspan(v.ip.header_length);
    tcp.checksum = 0;
    wire::emit_tcp(tcp, segment.data());
    const u16 sum = checksum_of(v.ip, segment);
    std::memcpy(segment.data() + 16, &sum, sizeof sum);
    return copy;
}

// An acknowledgement with these SACK blocks, and the time stamps that it had.
Packet with_blocks(const Packet& packet, const TcpView& v,
                   std::span<const wire::SackBlock> blocks) {
    std::array<std::byte, wire::k_ipv4_header + wire::k_tcp_header_max> bytes{};
    const auto segment = std::span{bytes}.subspan(wire::k_ipv4_header);
    wire::TcpHeader tcp = v.tcp;
    tcp.checksum = 0;
    const u32 length = wire::emit_tcp_options({.timestamps = v.options.has_timestamps,
                                               .ts_val = v.options.ts_val,
                                               .ts_ecr = v.options.ts_ecr,
                                               .sack = blocks},
                                              segment.data() + wire::k_tcp_header);
    tcp.header_length = static_cast<u8>(wire::k_tcp_header + length);
    wire::emit_tcp(tcp, segment.data());
    const u16 sum = checksum_of(v.ip, segment.first(tcp.header_length));
    std::memcpy(segment.data() + 16, &sum, sizeof sum);
    wire::Ipv4Header ip = v.ip;
    ip.total_length = static_cast<u16>(wire::k_ipv4_header + tcp.header_length);
    wire::emit_ipv4(ip, bytes.data());
    return packet->pool->copy_of(std::span{bytes}.first(ip.total_length));
}

}  // namespace

void OddPeer::leaving(Packet packet, const Pass& on) {
    const auto view = view_of(packet);
    if (!view) return on(std::move(packet));
    if (view->has(wire::Syn)) sack_in_use_ = view->options.sack_permitted;
    sack_in_use_ |= view->options.sack_count > 0;
    if (!odd_ || view->has(wire::Syn | wire::Rst)) return on(std::move(packet));
    switch (oddity_) {
        case Oddity::Renege: return tell_reneged(std::move(packet), *view, on);
        case Oddity::DivideAcks: return divide(std::move(packet), *view, on);
        case Oddity::ShrinkWindow:
        case Oddity::CloseWindow: return shrink(std::move(packet), *view, on);
    }
}

void OddPeer::arriving(Packet packet, const Pass& on) {
    const auto view = odd_ && oddity_ == Oddity::Renege ? view_of(packet) : std::nullopt;
    if (view && drops(*view)) return;
    on(std::move(packet));
}

// One that moves forward by several bytes becomes some that move forward by a part each.
void OddPeer::divide(Packet packet, const TcpView& v, const Pass& on) {
    const u32 ports = v.ports(false);
    const Seq before = std::exchange(last_ack_, v.tcp.ack);
    const bool known = std::exchange(ack_ports_, ports) == ports;
    const u32 step = known && before < v.tcp.ack ? v.tcp.ack - before : 0;
    if (!v.is_ack() || step < k_parts || v.options.sack_count > 0) return on(std::move(packet));
    for (u32 part = 1; part < k_parts; ++part) {
        wire::TcpHeader tcp = v.tcp;
        tcp.ack = before + step / k_parts * part;
        if (Packet p = with_header(packet, v, tcp)) on(std::move(p));
    }
    fault_.struck = true;
    on(std::move(packet));
}

void OddPeer::shrink(Packet packet, const TcpView& v, const Pass& on) {
    wire::TcpHeader tcp = v.tcp;
    tcp.window = oddity_ == Oddity::CloseWindow
                     ? u16{0}
                     : static_cast<u16>(random_.below(u32{v.tcp.window} / 2 + 1));
    if (tcp.window == v.tcp.window || !v.has(wire::Ack)) return on(std::move(packet));
    Packet p = with_header(packet, v, tcp);
    if (!p) return on(std::move(packet));
    fault_.struck = true;
    on(std::move(p));
}

// Two segments that follow each other: the first is lost, so that the second, which is dropped as
// well, can be told as lying behind a hole.
bool OddPeer::drops(const TcpView& v) {
    if (v.payload == 0 || v.has(wire::Syn | wire::Fin | wire::Rst)) return false;
    const u32 ports = v.ports(true);
    const Seq end = v.tcp.seq + v.payload;
    if (!reneged_) {
        if (!sack_in_use_ || random_.below(k_renege_once_in) != 0) return false;
        reneged_ = Reneged{ports, v.tcp.seq, end, end};
        return true;
    }
    if (reneged_->dropped || reneged_->ports != ports || v.tcp.seq != reneged_->from) return false;
    reneged_->to = end;
    return reneged_->dropped = true;
}

void OddPeer::tell_reneged(Packet packet, const TcpView& v, const Pass& on) {
    if (!reneged_ || reneged_->ports != v.ports(false) || !v.has(wire::Ack))
        return on(std::move(packet));
    const bool over = reneged_->lost < v.tcp.ack || reneged_->told == k_told_at_most;
    if (over) reneged_.reset();
    if (over || !reneged_->dropped || !v.is_ack()) return on(std::move(packet));
    std::array<wire::SackBlock, 4> blocks{};
    blocks[0] = {reneged_->from, reneged_->to};
    const u32 more = std::min<u32>(v.options.sack_count, v.options.has_timestamps ? 2 : 3);
    std::copy_n(v.options.sack.begin(), more, blocks.begin() + 1);
    Packet p = with_blocks(packet, v, std::span{blocks}.first(1 + more));
    if (!p) return on(std::move(packet));
    ++reneged_->told;
    fault_.struck = true;
    on(std::move(p));
}

}  // namespace tern::sim
