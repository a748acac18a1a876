// StoryPrinter: what a stack did, as packet lines with their reasons; the story that a failing
// script tells.
#pragma once

#include <deque>
#include <string>

#include "lab/trace/numbers.hh"
#include "lab/trace/reasons.hh"

namespace tern::trace {

class StoryPrinter final : public Observer {
public:
    struct Options {
        Instant start{};          // printed as 0.000000
        std::size_t lines = 400;  // only the last ones are kept
        bool windows = false;     // tell each move of cwnd and of the windows
        bool timers = true;       // tell timers that fire
    };
    StoryPrinter() = default;
    explicit StoryPrinter(const Options& options) : options_(options) {}

    void on_frame(const FrameEvent& e) override;
    void on_segment_sent(const SegmentSentEvent& e) override {
        reasons_.sent(e);
        holds_.sent(e);
    }
    void on_hold(const HoldEvent& e) override;
    void on_segment_arrived(const SegmentArrivedEvent& e) override;
    void on_packet_sent(const PacketSentEvent& e) override { reasons_.sent(e); }
    void on_drop(const DropEvent& e) override;
    void on_state(const StateEvent& e) override;
    void on_timer(const TimerEvent& e) override;
    void on_window(const WindowEvent& e) override;

    // A line of the teller's own, such as a call of the application.
    void remark(Instant at, std::string text);
    std::string text() const;
    Numbers& numbers() { return numbers_; }
    const Reasons& reasons() const { return reasons_; }

private:
    struct Entry {
        Instant at;
        char mark;         // '<', '>', or ' '
        std::string line;  // what it was
        std::string why;   // why, or what came of it
        u32 note;
    };
    void add(Entry entry);
    Entry* arrival(u32 note);

    Options options_;
    Numbers numbers_;
    Reasons reasons_;
    HoldNews holds_;
    std::deque<Entry> entries_;
    u64 forgotten_ = 0;
};

}  // namespace tern::trace
