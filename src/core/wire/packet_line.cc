// Prints lines, and reads them at run time.
#include "core/wire/packet_line.hh"

#include <charconv>

#include "core/base/assert.hh"

namespace tern::wire {

namespace {

struct FlagLetter {
    u16 flag;
    char letter;
};
constexpr FlagLetter k_letters[] = {{Syn, 'S'}, {Fin, 'F'}, {Rst, 'R'}, {Psh, 'P'}, {Urg, 'U'},
                                    {Ece, 'E'}, {Cwr, 'W'}, {Ae, 'A'},  {Ack, '.'}};

void append(std::string& text, u64 value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append(digits, static_cast<std::size_t>(end - digits));
}

void append(std::string& text, std::string_view words, u64 value) {
    text += words;
    append(text, value);
}

// In the largest unit that needs no fraction.
void append_time(std::string& text, u64 ns) {
    struct Unit {
        u64 size;
        std::string_view name;
    };
    constexpr Unit units[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
    text += '+';
    if (ns == 0) {
        text += '0';
        return;
    }
    for (const Unit& unit : units) {
        if (ns % unit.size != 0) continue;
        append(text, ns / unit.size);
        text += unit.name;
        return;
    }
}

void append_flags(std::string& text, u16 flags) {
    const std::size_t before = text.size();
    for (const FlagLetter& f : k_letters)
        if (flags & f.flag) text += f.letter;
    if (text.size() == before) text += '-';
}

void append_sack(std::string& text, const PacketLine& line) {
    text += "sack";
    for (std::size_t i = 0; i < line.sack_count; ++i) {
        append(text, " ", line.sack[i][0]);
        append(text, ":", line.sack[i][1]);
    }
}

void append_acc_ecn(std::string& text, const PacketLine& line) {
    text += line.acc_ecn_order == 0 ? "ECN0" : "ECN1";
    for (std::size_t i = 0; i < line.acc_ecn_count; ++i) {
        text += ' ';
        text += acc_ecn_name(line.acc_ecn_order, i);
        append(text, " ", line.acc_ecn[i]);
    }
}

void append_options(std::string& text, const PacketLine& line) {
    text += " <";
    const std::size_t begin = text.size();
    const auto comma = [&] {
        if (text.size() > begin) text += ',';
    };
    if (line.has_mss) append(text, "mss ", line.mss);
    if (line.sack_permitted) {
        comma();
        text += "sackOK";
    }
    if (line.has_timestamps) {
        comma();
        append(text, "TS val ", line.ts_val);
        append(text, " ecr ", line.ts_ecr);
    }
    if (line.has_window_scale) {
        comma();
        append(text, "wscale ", line.window_scale);
    }
    if (line.sack_count > 0) {
        comma();
        append_sack(text, line);
    }
    if (line.acc_ecn_order != 0xff) {
        comma();
        append_acc_ecn(text, line);
    }
    text += '>';
}

}  // namespace

void wrong_packet_line(const char*) { check_failed(); }

std::expected<PacketLine, std::string> try_parse_line(std::string_view text) {
    LineParser parser{text};
    if (!parser.run()) return std::unexpected(parser.message());
    return parser.line();
}

PacketLine line_of(const TcpHeader& header, const TcpOptions& options, u32 payload_length,
                   Seq seq_base, Seq ack_base) {
    PacketLine line;
    line.flags = header.flags;
    line.seq = (header.seq - seq_base.value).value;
    line.seq_end = line.seq + payload_length;
    line.length = payload_length;
    line.has_ack = header.has(Ack);
    if (line.has_ack) line.ack = (header.ack - ack_base.value).value;
    line.has_window = true;
    line.window = header.window;
    line.has_urgent = header.has(Urg);
    if (line.has_urgent) line.urgent = header.urgent;
    line.has_options = header.header_length > k_tcp_header;
    line.has_mss = options.has_mss;
    line.mss = options.mss;
    line.sack_permitted = options.sack_permitted;
    line.has_window_scale = options.has_window_scale;
    line.window_scale = options.window_scale;
    line.has_timestamps = options.has_timestamps;
    line.ts_val = options.ts_val;
    line.ts_ecr = options.ts_ecr;
    line.sack_count = options.sack_count;
    for (std::size_t i = 0; i < options.sack_count; ++i)
        line.sack[i] = {(options.sack[i].left - ack_base.value).value,
                        (options.sack[i].right - ack_base.value).value};
    line.acc_ecn_order = options.acc_ecn_order;
    line.acc_ecn_count = options.acc_ecn_count;
    line.acc_ecn = options.acc_ecn;
    return line;
}

std::string print_line(const PacketLine& line) {
    std::string text;
    if (line.has_time) {
        append_time(text, static_cast<u64>(line.time_ns));
        text += ' ';
    }
    if (line.has_direction) text += line.outbound ? "> " : "< ";
    if (line.has_mark) text.append("[").append(k_mark_names[line.mark]).append("] ");
    append_flags(text, line.flags);
    append(text, " ", line.seq);
    append(text, ":", line.seq_end);
    append(text, "(", line.length);
    text += ')';
    if (line.has_ack) append(text, " ack ", line.ack);
    if (line.has_window) append(text, " win ", line.window);
    if (line.has_urgent) append(text, " urg ", line.urgent);
    if (line.has_options) append_options(text, line);
    return text;
}

std::string print_line(const TcpHeader& header, const TcpOptions& options, u32 payload_length,
                       Seq seq_base, Seq ack_base) {
    return print_line(line_of(header, options, payload_length, seq_base, ack_base));
}

}  // namespace tern::wire
