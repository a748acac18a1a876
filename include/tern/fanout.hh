// Fanout: one observer that tells several.
#pragma once

#include <initializer_list>
#include <vector>

#include "tern/export.hh"
#include "tern/trace.hh"

namespace tern TERN_API {

// Passes each event on before the call returns. On the thread of the stack that it observes.
class Fanout final : public Observer {
public:
    Fanout() = default;
    // As add() for each.
    Fanout(std::initializer_list<Observer*> all) {
        for (Observer* o : all) add(o);
    }
    // Null is allowed and adds nobody. Observers are told in the order of add().
    void add(Observer* observer) {
        if (observer != nullptr) all_.push_back(observer);
    }
    // Not from within an event. One that was not added is no error.
    void remove(Observer* observer) { std::erase(all_, observer); }
    bool empty() const { return all_.empty(); }

    void on_frame(const FrameEvent& e) override {
        for (Observer* o : all_) o->on_frame(e);
    }
    void on_segment_sent(const SegmentSentEvent& e) override {
        for (Observer* o : all_) o->on_segment_sent(e);
    }
    void on_hold(const HoldEvent& e) override {
        for (Observer* o : all_) o->on_hold(e);
    }
    void on_segment_arrived(const SegmentArrivedEvent& e) override {
        for (Observer* o : all_) o->on_segment_arrived(e);
    }
    void on_packet_sent(const PacketSentEvent& e) override {
        for (Observer* o : all_) o->on_packet_sent(e);
    }
    void on_drop(const DropEvent& e) override {
        for (Observer* o : all_) o->on_drop(e);
    }
    void on_state(const StateEvent& e) override {
        for (Observer* o : all_) o->on_state(e);
    }
    void on_timer(const TimerEvent& e) override {
        for (Observer* o : all_) o->on_timer(e);
    }
    void on_window(const WindowEvent& e) override {
        for (Observer* o : all_) o->on_window(e);
    }

private:
    std::vector<Observer*> all_;
};

}  // namespace tern
