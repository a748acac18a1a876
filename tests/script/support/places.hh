// A stack in each state of RFC 9293 3.3.2, reached by an ordinary conversation; and segments made
// at run time, for tables of cases.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "lab/script/on_gtest.hh"

namespace tern::script {

// SYN-RECEIVED is two places: out of LISTEN, and out of SYN-SENT when both sides opened at once.
enum class Place : u8 {
    Closed,
    Listen,
    SynSent,
    Embryo,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
};
inline constexpr std::array k_places{Place::Closed,   Place::Listen,      Place::SynSent,
                                     Place::Embryo,   Place::SynReceived, Place::Established,
                                     Place::FinWait1, Place::FinWait2,    Place::CloseWait,
                                     Place::Closing,  Place::LastAck,     Place::TimeWait};
// Those in which both sides know the sequence numbers and an application holds the connection.
inline constexpr std::array k_synchronized{Place::Established, Place::FinWait1, Place::FinWait2,
                                           Place::CloseWait,   Place::Closing,  Place::LastAck};

// What go_to() ends with, counted from the SYN of each direction.
struct Standing {
    const char* name;
    State state;
    u32 rcv_nxt, snd_una, snd_nxt;
};
constexpr Standing standing(Place p) {
    constexpr Standing all[] = {
        {"CLOSED", State::Closed, 0, 0, 0},
        {"LISTEN", State::Listen, 0, 0, 0},
        {"SYN-SENT", State::SynSent, 0, 0, 1},
        {"SYN-RECEIVED (passive)", State::SynReceived, 1, 0, 1},
        {"SYN-RECEIVED (active)", State::SynReceived, 1, 0, 1},
        {"ESTABLISHED", State::Established, 1, 1, 1},
        {"FIN-WAIT-1", State::FinWait1, 1, 1, 2},
        {"FIN-WAIT-2", State::FinWait2, 1, 2, 2},
        {"CLOSE-WAIT", State::CloseWait, 2, 1, 1},
        {"CLOSING", State::Closing, 2, 1, 2},
        {"LAST-ACK", State::LastAck, 2, 1, 2},
        {"TIME-WAIT", State::TimeWait, 2, 2, 2},
    };
    return all[static_cast<u8>(p)];
}

inline void go_to(Script& t, Place place) {
    switch (place) {
        case Place::Closed: t.flow(t.setup.server_port, t.setup.client_port); return;
        case Place::Listen: t.listen(); return;
        case Place::SynSent:
            t.connect();
            t.expect("> S 0:0(0)");
            return;
        case Place::Embryo:
            t.listen();
            t.inject("< S 0:0(0) win 65535 <mss 1460>");
            t.expect("> S. 0:0(0) ack 1");
            return;
        case Place::SynReceived:
            go_to(t, Place::SynSent);
            t.inject("< S 0:0(0) win 65535 <mss 1460>");
            t.expect("> S. 0:0(0) ack 1");
            return;
        case Place::Established: t.passive_open(); return;
        case Place::FinWait1:
        case Place::FinWait2:
        case Place::Closing:
            t.passive_open();
            t.app.close();
            t.expect("> F. 1:1(0) ack 1");
            if (place == Place::FinWait2) t.inject("< . 1:1(0) ack 2");
            if (place != Place::Closing) return;
            t.inject("< F. 1:1(0) ack 1");
            t.expect("> . 2:2(0) ack 2");
            return;
        case Place::CloseWait:
        case Place::LastAck:
            t.passive_open();
            t.inject("< F. 1:1(0) ack 1");
            t.expect("> . 1:1(0) ack 2");
            if (place == Place::CloseWait) return;
            t.app.close();
            t.expect("> F. 1:1(0) ack 2");
            return;
        case Place::TimeWait: t.active_close(); return;
    }
}

// A segment of the peer.
struct Seg {
    u16 flags = wire::Ack;
    u32 seq = 0;
    u32 len = 0;
    u32 ack = 0;
    u16 urg = 0;
};
inline Line line_of(const Seg& s, Where at = Where::current()) {
    wire::PacketLine l;
    l.has_direction = true;
    l.flags = s.flags;
    l.seq = s.seq;
    l.seq_end = s.seq + s.len;
    l.length = s.len;
    l.has_ack = (s.flags & wire::Ack) != 0;
    l.ack = l.has_ack ? s.ack : 0;
    l.has_urgent = (s.flags & wire::Urg) != 0;
    l.urgent = l.has_urgent ? s.urg : 0;
    return line(wire::print_line(l), at);
}

// What the stack answers to `s`, at this instant: nothing, or one segment. More is a failure.
inline std::optional<wire::PacketLine> answer_to(Script& t, const Seg& s,
                                                 Where at = Where::current()) {
    t.inject(line_of(s, at));
    const auto answer = t.next();
    if (answer && t.waiting() > 0) t.fail("more than one answer", at);
    return answer;
}

// A TCP header off the wire, in absolute numbers; `packet` begins at its IPv4 header.
struct RawTcp {
    u16 source_port, destination_port;
    u32 seq, ack;
    u16 flags, window, urgent;
    std::string options;
    u8 ttl, tos;
};
inline RawTcp raw_tcp(std::string_view packet) {
    const auto byte = [&](std::size_t i) { return static_cast<u8>(packet.at(i)); };
    const auto word = [&](std::size_t i) { return static_cast<u16>(byte(i) << 8 | byte(i + 1)); };
    const auto number = [&](std::size_t i) { return u32{word(i)} << 16 | word(i + 2); };
    const std::size_t tcp = std::size_t{byte(0)} % 16 * 4;
    const std::size_t header = std::size_t{byte(tcp + 12)} / 16 * 4;
    return {.source_port = word(tcp),
            .destination_port = word(tcp + 2),
            .seq = number(tcp + 4),
            .ack = number(tcp + 8),
            .flags = static_cast<u16>(word(tcp + 12) & 0x1ff),
            .window = word(tcp + 14),
            .urgent = word(tcp + 18),
            .options = std::string{packet.substr(tcp + 20, header - 20)},
            .ttl = byte(8),
            .tos = byte(1)};
}

// What an option says, in a block of options; none: it is not there.
inline std::optional<std::string> option_in(const std::string& options, u8 wanted) {
    for (std::size_t at = 0; at < options.size();) {
        const u8 kind = static_cast<u8>(options[at]);
        const u8 length = kind == 1 ? u8{1} : static_cast<u8>(options.at(at + 1));
        if (kind == wanted) return options.substr(at + 2, length - 2u);
        at += length;
    }
    return std::nullopt;
}

// A script of its own for one case of a table.
template <class Body>
void one_case(const std::string& name, Body body, Where at = Where::current()) {
    SCOPED_TRACE(name);
    Script t;
    body(t);
    if (const std::string wrong = t.finish(); !wrong.empty()) t.fail(name + ": " + wrong, at);
}

}  // namespace tern::script
