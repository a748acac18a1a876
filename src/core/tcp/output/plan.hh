// What should leave next, decided without changing anything: may_send() makes a Plan, the segment
// is built, and commit() then changes the connection. What cannot leave yet is in Waits.
#pragma once

#include <array>

#include "core/base/seq.hh"
#include "tern/trace.hh"

namespace tern::tcp {

struct Plan {
    bool send = false;
    Seq seq;
    u32 len = 0;
    u16 flags = 0;
    SendReason reason = SendReason::Unknown;
    bool head_only = false;  // sent again out of its turn: SND.NXT stays where it is
    u32 asked_by = 0;        // TcbFlags, which commit() clears
};

// What a plan has left to wait, and what will look after it.
struct Waits {
    struct Held {
        HoldReason why;
        u32 bytes;
    };
    enum class Window : u8 { Open, Persist, Override };

    std::array<Held, 3> held;  // for whoever watches
    u8 held_count = 0;
    Window window = Window::Open;
    bool fills_cwnd = false;  // RFC 7661 4.1 [RFC7661:1]: what is in flight now has filled it
    u32 moot = 0;             // TcbFlags that ask for nothing any more
    i64 pace_ns = 0;          // so much too early

    bool any() const {
        return (held_count | static_cast<u8>(window) | u8{fills_cwnd}) != 0 || moot != 0 ||
               pace_ns != 0;
    }
    void hold(HoldReason why, u32 bytes) {
        if (held_count < held.size()) held[held_count++] = {why, bytes};
    }
};

}  // namespace tern::tcp
