// What the tests saw: when TERN_SEEN_DIR is set, lines "drop REASON", "send REASON", "hold REASON",
// "timer TIMER WHAT" and "transition FROM CAUSE TO" go to seen-<program>.txt there, and
// scripts/check_seen.py compares them with all there are.
#pragma once

#include <errno.h>  // program_invocation_short_name

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "tern/stack.hh"
#include "tern/trace.hh"

namespace tern::test {

// Each line is written once per process.
inline void write_seen(const std::string& line) {
    static std::set<std::string> written;
    static std::ofstream file = [] {
        std::ofstream out;
        if (const char* folder = std::getenv("TERN_SEEN_DIR")) {
            const std::string program = program_invocation_short_name;
            out.open(std::string(folder) + "/seen-" + program + ".txt", std::ios::app);
        }
        return out;
    }();
    if (file.is_open() && written.insert(line).second) file << line << std::endl;
}

inline void note_drop(DropReason reason) { write_seen("drop " + std::string(name_of(reason))); }

// Every drop reason that was counted.
inline void note_drops(const Counters& counters) {
    for (u32 r = 1; r < k_drop_reason_count; ++r)
        if (counters.drops[r] != 0) note_drop(static_cast<DropReason>(r));
}

inline void note_send(SendReason reason) { write_seen("send " + std::string(name_of(reason))); }

inline void note_hold(HoldReason reason) { write_seen("hold " + std::string(name_of(reason))); }

inline void note_timer(Timer timer, TimerEvent::What what) {
    constexpr const char* words[] = {" Set", " Cancelled", " Fired"};
    write_seen("timer " + std::string(name_of(timer)) + words[static_cast<u8>(what)]);
}

inline void note_transition(std::string_view from, std::string_view cause, std::string_view to) {
    std::string line = "transition ";
    line.append(from).append(" ").append(cause).append(" ").append(to);
    write_seen(line);
}

// Notes all that a stack tells.
class Seen : public Observer {
public:
    void on_drop(const DropEvent& e) override { note_drop(e.reason); }
    void on_segment_arrived(const SegmentArrivedEvent& e) override {
        if (e.drop != DropReason::None) note_drop(e.drop);
    }
    void on_segment_sent(const SegmentSentEvent& e) override { note_send(e.reason); }
    void on_packet_sent(const PacketSentEvent& e) override { note_send(e.reason); }
    void on_hold(const HoldEvent& e) override { note_hold(e.reason); }
    void on_timer(const TimerEvent& e) override { note_timer(e.timer, e.what); }
    void on_state(const StateEvent& e) override {
        note_transition(name_of(e.from), name_of(e.cause), name_of(e.to));
    }
};

}  // namespace tern::test
