// Prints what the stack does, one line an event, on standard error.
#pragma once

#include <cstdio>
#include <string>

#include "tern/trace.hh"

namespace tern::peer {

class TraceLines final : public Observer {
public:
    void on_segment_sent(const SegmentSentEvent& e) override {
        stamp(e.at);
        std::fprintf(stderr, "> %s seq %u len %u ack %u win %u cwnd %u flight %u %s: %s\n",
                     flags(e.flags).c_str(), e.seq - e.iss, e.length,
                     e.irs != 0 ? e.ack - e.irs : e.ack, e.window, e.cwnd, e.flight,
                     e.flow.remote.to_string().c_str(), std::string(name_of(e.reason)).c_str());
    }
    void on_segment_arrived(const SegmentArrivedEvent& e) override {
        stamp(e.at);
        std::fprintf(stderr, "< %s seq %u len %u ack %u win %u %s: %s -> %s %s\n",
                     flags(e.flags).c_str(), e.irs != 0 ? e.seq - e.irs : e.seq, e.length,
                     e.iss != 0 ? e.ack - e.iss : e.ack, e.window,
                     e.flow.remote.to_string().c_str(), std::string(name_of(e.before)).c_str(),
                     std::string(name_of(e.after)).c_str(),
                     e.drop == DropReason::None ? "" : std::string(name_of(e.drop)).c_str());
    }
    void on_packet_sent(const PacketSentEvent& e) override {
        stamp(e.at);
        std::fprintf(stderr, "> %u bytes: %s\n", e.length, std::string(name_of(e.reason)).c_str());
    }
    void on_drop(const DropEvent& e) override {
        stamp(e.at);
        std::fprintf(stderr, "x %s\n", std::string(name_of(e.reason)).c_str());
    }
    void on_state(const StateEvent& e) override {
        stamp(e.at);
        std::fprintf(stderr, "= %s -> %s by %s, %s\n", std::string(name_of(e.from)).c_str(),
                     std::string(name_of(e.to)).c_str(), std::string(name_of(e.cause)).c_str(),
                     e.flow.remote.to_string().c_str());
    }
    void on_timer(const TimerEvent& e) override {
        if (e.what != TimerEvent::What::Fired) return;
        stamp(e.at);
        std::fprintf(stderr, "! timer %s\n", std::string(name_of(e.timer)).c_str());
    }

private:
    static void stamp(Instant at) {
        const auto us = at.time_since_epoch().count() / 1000;
        std::fprintf(stderr, "%lld.%06lld ", static_cast<long long>(us / 1'000'000),
                     static_cast<long long>(us % 1'000'000));
    }
    static std::string flags(u16 bits) {
        std::string text;
        constexpr char k_names[] = "FSRP.UEC";
        for (unsigned i = 0; i < 8; ++i)
            if ((bits >> i & 1) != 0) text += k_names[i];
        return text;
    }
};

}  // namespace tern::peer
