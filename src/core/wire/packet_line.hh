// The one notation (docs/packet-line.md): packetdrill's segment line, printed and parsed.
//   "< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>"
#pragma once

#include <array>
#include <expected>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"

namespace tern::wire {

// A parsed line. Sequence numbers are relative to the initial ones of each direction.
struct PacketLine {
    bool has_direction = false;
    bool outbound = false;  // '>' from the stack under test, '<' to it
    bool has_time = false;
    i64 time_ns = 0;  // "+100ms": how long after the line before
    bool has_mark = false;
    u8 mark = 0;    // the IP-ECN field: [noecn] [ect1] [ect0] [ce]
    u16 flags = 0;  // S F R P U E W A(AE) and "." for ACK
    u32 seq = 0;
    u32 seq_end = 0;
    u32 length = 0;  // must be seq_end - seq
    bool has_ack = false;
    u32 ack = 0;
    bool has_window = false;
    u32 window = 0;  // as on the wire
    bool has_urgent = false;
    u32 urgent = 0;            // the field's value
    bool has_options = false;  // "<...>" was given, perhaps empty
    bool has_mss = false;
    u16 mss = 0;
    bool sack_permitted = false;
    bool has_window_scale = false;
    u8 window_scale = 0;
    bool has_timestamps = false;
    u32 ts_val = 0;
    u32 ts_ecr = 0;
    u8 sack_count = 0;
    std::array<std::array<u32, 2>, 4> sack{};
    u8 acc_ecn_order = 0xff;  // 0xff: no AccECN option
    u8 acc_ecn_count = 0;
    std::array<u32, 3> acc_ecn{};

    friend bool operator==(const PacketLine&, const PacketLine&) = default;
};

// As in an AccECN option of order 0; order 1 is the other way round. RFC 9768 3.2.3.
inline constexpr std::array<std::string_view, 3> k_acc_ecn_names = {"e0b", "ceb", "e1b"};
constexpr std::string_view acc_ecn_name(u8 order, std::size_t i) {
    return k_acc_ecn_names[order == 0 ? i : 2 - i];
}
inline constexpr std::array<std::string_view, 4> k_mark_names = {"noecn", "ect1", "ect0", "ce"};

// The error reads "column 12: seq range and length disagree"; columns count from 1.
std::expected<PacketLine, std::string> try_parse_line(std::string_view text);

// What a segment looks like as a line. Sequence and acknowledgement numbers (and SACK blocks,
// which speak of the same bytes as the acknowledgement) count from the two initial numbers.
PacketLine line_of(const TcpHeader& header, const TcpOptions& options, u32 payload_length,
                   Seq seq_base, Seq ack_base);

// What is not there is not printed; parsing the text gives the same line again.
std::string print_line(const PacketLine& line);
std::string print_line(const TcpHeader& header, const TcpOptions& options, u32 payload_length,
                       Seq seq_base, Seq ack_base);

}  // namespace tern::wire

#include "core/wire/packet_line_parser.hh"

namespace tern::wire {

#ifdef __cpp_exceptions
// For literals, in constant expressions: a wrong line does not compile, and the compiler shows
// the reason as the argument of fail(). At run time it throws std::invalid_argument instead.
constexpr PacketLine parse_line(std::string_view text) {
    LineParser parser{text};
    if (!parser.run()) throw std::invalid_argument{parser.message()};
    return parser.line();
}
#endif

// A literal line: Line l = "> S. 0:0(0) ack 1 win 65535"; parsed by the compiler.
class Line {
public:
    template <std::size_t N>
    consteval Line(const char (&literal)[N]) : text_(literal, N - 1) {
        LineParser parser{text_};
        parser.run();  // does not return from a wrong line
        packet_ = parser.line();
    }
    constexpr std::string_view text() const { return text_; }
    constexpr const PacketLine& packet() const { return packet_; }

private:
    std::string_view text_;
    PacketLine packet_;
};

}  // namespace tern::wire
