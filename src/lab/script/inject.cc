// From a line to the bytes of a packet, and into the stack.
#include <cstring>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ipv4.hh"
#include "lab/script/inside.hh"

namespace tern::script {

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Payload byte n of the line lies at this offset of the stream: SYN takes the number before it.
u64 stream_offset(const wire::PacketLine& line) {
    return (line.flags & wire::Syn) != 0 ? line.seq : u64{line.seq} - 1;
}

std::string option_bytes(const wire::PacketLine& line, const Flow& flow, Instant now,
                         const trace::Numbers::Direction& stack_side) {
    wire::TcpOptionsToSend o;
    std::array<wire::SackBlock, 4> sack;
    for (u8 i = 0; i < line.sack_count; ++i)
        sack[i] = {Seq{line.sack[i][0] + stack_side.initial},
                   Seq{line.sack[i][1] + stack_side.initial}};
    o.sack = {sack.data(), line.sack_count};
    if (line.has_mss) o.mss = line.mss;
    if (line.has_window_scale) o.window_scale = line.window_scale;
    o.sack_permitted = line.sack_permitted;
    const bool by_itself = !line.has_timestamps && flow.timestamps();
    o.timestamps = line.has_timestamps || by_itself;
    if (line.has_timestamps) {
        o.ts_val = line.ts_val;
        o.ts_ecr = line.ts_ecr;
        if ((line.flags & wire::Ack) != 0 && stack_side.time_known)
            o.ts_ecr += stack_side.first_time;
    } else if (by_itself) {
        o.ts_val = static_cast<u32>(milliseconds_of(now));  // the script starts at 1000
        o.ts_ecr = flow.last_ts_val;
    }
    o.acc_ecn_order = line.acc_ecn_order;
    o.acc_ecn_count = line.acc_ecn_count;
    o.acc_ecn = line.acc_ecn;
    std::string out(wire::k_tcp_header_max, '\0');
    out.resize(wire::emit_tcp_options(o, reinterpret_cast<std::byte*>(out.data())));
    return out;
}

std::string payload_bytes(const wire::PacketLine& line, const Twist& twist) {
    if (twist.payload) return *twist.payload;
    return pattern(false, stream_offset(line), line.length);
}

void complete_tcp_checksum(std::span<std::byte> segment, Ipv4Address from, Ipv4Address to,
                           bool bad) {
    const u32 pseudo =
        checksum_pseudo(IpAddress{from}, IpAddress{to}, 6, static_cast<u32>(segment.size()));
    u16 sum = checksum_finish(checksum_add(pseudo, segment));
    if (bad) sum ^= 0x5555;
    std::memcpy(segment.data() + wire::k_tcp_checksum_at, &sum, sizeof sum);
}

}  // namespace

Packet Script::build(const wire::PacketLine& line, const Twist& twist, Where at) {
    Inside& in = *inside_;
    Flow& flow = *in.flow;
    if (line.has_direction && line.outbound) fail("inject() wants a line with '<'", at);
    if (line.has_window) flow.peer_window = static_cast<u16>(line.window);
    if ((line.flags & wire::Syn) != 0) flow.peer_offers_timestamps = line.has_timestamps;

    const auto& stack_side = in.from_stack(flow);
    std::string options =
        twist.options ? *twist.options : option_bytes(line, flow, in.now, stack_side);
    options.resize((options.size() + 3) / 4 * 4, '\0');
    const std::string payload = payload_bytes(line, twist);
    if (payload.size() != line.length) fail("the twist's payload has another length", at);

    wire::TcpHeader tcp;
    tcp.source_port = flow.remote_port;
    tcp.destination_port = flow.local_port;
    tcp.seq = Seq{line.seq + in.from_peer(flow).initial};
    if (line.has_ack) tcp.ack = Seq{line.ack + stack_side.initial};
    tcp.flags = line.flags;
    tcp.window = flow.peer_window;
    tcp.urgent = static_cast<u16>(line.has_urgent ? line.urgent : 0);
    tcp.header_length = static_cast<u8>(wire::k_tcp_header + options.size());

    const u32 segment = static_cast<u32>(tcp.header_length + payload.size());
    wire::Ipv4Header ip;
    ip.total_length = static_cast<u16>(wire::k_ipv4_header + segment);
    ip.tos = static_cast<u8>(twist.tos | line.mark);
    ip.ttl = twist.ttl;
    ip.dont_fragment = true;
    ip.protocol = static_cast<u8>(wire::IpProtocol::Tcp);
    ip.source = twist.source.value_or(k_peer_address);
    ip.destination = twist.destination.value_or(k_stack_address);

    Packet p = in.pool->allocate(ip.total_length);
    if (!p) fail("the pool has no packet left for the script", at);
    std::byte* to = p.append(ip.total_length);
    wire::emit_ipv4(ip, to);
    to += wire::k_ipv4_header;
    wire::emit_tcp(tcp, to);
    std::memcpy(to + wire::k_tcp_header, options.data(), options.size());
    std::memcpy(to + tcp.header_length, payload.data(), payload.size());
    complete_tcp_checksum({to, segment}, ip.source, ip.destination, twist.bad_checksum);
    return p;
}

void Script::deliver(PacketBatch&& batch) {
    Inside& in = *inside_;
    in.stack->receive(in.now, in.interface, std::move(batch));
    run_until(in.now);
}

Instant Script::time_of(const wire::PacketLine& line) const {
    return inside_->now + Duration{line.has_time ? line.time_ns : 0};
}

void Script::inject(const Line& line, const Twist& twist) {
    start();
    run_until(time_of(line.fields()));
    PacketBatch batch;
    batch.push(build(line.fields(), twist, line.where()));
    deliver(std::move(batch));
}

void Script::inject_together(std::initializer_list<Line> lines) {
    start();
    PacketBatch batch;
    for (const Line& line : lines) {
        if (batch.empty()) run_until(time_of(line.fields()));
        batch.push(build(line.fields(), {}, line.where()));
    }
    deliver(std::move(batch));
}

void Script::inject_raw(std::span<const std::byte> ip_packet) {
    run_until(inside_->now);
    PacketBatch batch;
    batch.push(inside_->pool->copy_of(ip_packet));
    deliver(std::move(batch));
}

void Script::icmp(const Icmp& icmp, Where at) {
    run_until(inside_->now);
    Inside& in = *inside_;
    Flow& flow = *in.flow;
    if (icmp.quote_bytes > wire::k_tcp_header) fail("icmp() quotes at most 20 bytes of TCP", at);
    // The packet of ours that the error is about.
    std::string quote(wire::k_ipv4_header + wire::k_tcp_header, '\0');
    std::byte* to = reinterpret_cast<std::byte*>(quote.data());
    wire::Ipv4Header ours;
    ours.total_length = static_cast<u16>(quote.size());
    ours.dont_fragment = true;
    ours.protocol = static_cast<u8>(wire::IpProtocol::Tcp);
    ours.source = k_stack_address;
    ours.destination = k_peer_address;
    wire::emit_ipv4(ours, to);
    wire::TcpHeader tcp;
    tcp.source_port = flow.local_port;
    tcp.destination_port = flow.remote_port;
    tcp.seq = Seq{in.from_stack(flow).initial + icmp.seq};
    tcp.flags = wire::Ack;
    wire::emit_tcp(tcp, to + wire::k_ipv4_header);
    quote.resize(wire::k_ipv4_header + icmp.quote_bytes);

    const u32 message = static_cast<u32>(wire::k_icmp_header + quote.size());
    wire::Ipv4Header ip;
    ip.total_length = static_cast<u16>(wire::k_ipv4_header + message);
    ip.protocol = static_cast<u8>(wire::IpProtocol::Icmp);
    ip.source = icmp.from.value_or(k_peer_address);
    ip.destination = k_stack_address;
    std::string bytes(ip.total_length, '\0');
    to = reinterpret_cast<std::byte*>(bytes.data());
    wire::emit_ipv4(ip, to);
    to += wire::k_ipv4_header;
    std::memcpy(to + wire::k_icmp_header, quote.data(), quote.size());
    wire::emit_icmp(icmp.type, icmp.code, icmp.mtu, {to, message});
    inject_raw(bytes_of(bytes));
}

}  // namespace tern::script
