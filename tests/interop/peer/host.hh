// A host: one Stack on one TAP, perhaps with a bad network in between, and the time.
#pragma once

#include <memory>
#include <string>

#include "os/link/impair.hh"
#include "os/link/tun_tap.hh"
#include "peer/reply.hh"
#include "peer/window_update_thief.hh"
#include "tern/stack.hh"

namespace tern::peer {

struct HostOptions {
    TapOptions tap;
    std::string address = "10.0.0.2/24";
    std::string gateway;
    bool impair = false;
    ImpairOptions impairments;
    StackConfig stack;
    bool header_prediction = true;
};

// "loss=0.01,dup=0.01,reorder=0.05,corrupt=0.01,delay=5,jitter=2,rate=10000000,drop=3:4"; times
// in milliseconds.
ImpairDirection impairments_of(const std::string& text);

Instant now();

class Host {
public:
    // Exits with a message when the TAP cannot be opened.
    explicit Host(const HostOptions& options);

    Stack& stack() { return *stack_; }
    Interface interface() const { return interface_; }
    int fd() const { return link_->fd(); }

    void receive(Instant now);   // packets in, timers
    void transmit(Instant now);  // packets out, until there are none
    Instant next_deadline() const;

    void change(ImpairDirection outbound, ImpairDirection inbound);
    void steal_window_updates(WindowUpdateThief::From from);
    Reply counters() const;

private:
    std::unique_ptr<Link> tap_;
    std::unique_ptr<Stack> stack_;  // its pool outlives what Impair holds
    std::unique_ptr<WindowUpdateThief> thief_;
    std::unique_ptr<Impair> impair_;
    Link* link_ = nullptr;
    Interface interface_;
};

}  // namespace tern::peer
