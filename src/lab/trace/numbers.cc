// See RFC 9293 3.4 for the numbers and RFC 7323 3.2 for the timestamps that are made relative.
#include "lab/trace/numbers.hh"

namespace tern::trace {

namespace {

// More flows than this are a flood of SYNs; the oldest numbers are of no use to a reader.
constexpr std::size_t k_directions_max = 65536;

void copy_options(const wire::TcpOptions& from, wire::PacketLine& line) {
    line.has_options = true;
    line.has_mss = from.has_mss;
    line.mss = from.mss;
    line.sack_permitted = from.sack_permitted;
    line.has_window_scale = from.has_window_scale;
    line.window_scale = from.window_scale;
    line.has_timestamps = from.has_timestamps;
    line.sack_count = from.sack_count;
    line.acc_ecn_order = from.acc_ecn_order;
    line.acc_ecn_count = from.acc_ecn_count;
    line.acc_ecn = from.acc_ecn;
}

void learn(const FrameView& v, Numbers::Direction& ours, Numbers::Direction& theirs) {
    const bool reset = v.tcp.has(wire::Rst);
    if (v.tcp.has(wire::Syn) && !ours.fixed) {
        ours.known = true;
        ours.initial = v.tcp.seq.value;
    } else if (!ours.known && !reset) {
        ours.known = true;
        ours.initial = v.tcp.seq.value - 1;
    }
    if (!theirs.known && v.tcp.has(wire::Ack) && !reset) {
        theirs.known = true;
        theirs.initial = v.tcp.ack.value - 1;
    }
    if (v.options.has_timestamps && !ours.time_known) {
        ours.time_known = true;
        ours.first_time = v.options.ts_val;
    }
}

}  // namespace

Numbers::Direction& Numbers::direction(const Endpoint& source, const Endpoint& destination) {
    if (directions_.size() > k_directions_max) directions_.clear();
    return directions_[{std::pair{source.address, source.port},
                        std::pair{destination.address, destination.port}}];
}

wire::PacketLine Numbers::line_of(const FrameView& v) {
    Direction& theirs = direction(v.destination, v.source);
    Direction& ours = direction(v.source, v.destination);
    learn(v, ours, theirs);
    wire::PacketLine line;
    line.mark = v.ecn;
    line.has_mark = line.mark != 0;
    line.flags = v.tcp.flags;
    line.seq = v.tcp.seq.value - ours.initial;
    line.length = v.length();
    line.seq_end = line.seq + line.length;
    line.has_ack = v.tcp.has(wire::Ack);
    if (line.has_ack) line.ack = v.tcp.ack.value - theirs.initial;
    line.has_window = true;
    line.window = v.tcp.window;
    line.has_urgent = v.tcp.has(wire::Urg);
    line.urgent = v.tcp.urgent;
    if (v.tcp.header_length == wire::k_tcp_header) return line;
    copy_options(v.options, line);
    line.ts_val = v.options.ts_val - ours.first_time;
    // RFC 7323 3.2: the field is valid, and so relative, with ACK only.
    line.ts_ecr = v.options.ts_ecr;
    if (line.has_ack && theirs.time_known) line.ts_ecr -= theirs.first_time;
    for (u8 i = 0; i < line.sack_count; ++i) {
        line.sack[i] = {v.options.sack[i].left.value - theirs.initial,
                        v.options.sack[i].right.value - theirs.initial};
    }
    return line;
}

}  // namespace tern::trace
