// Two stacks and a cable between them in virtual time, with a ladder that watches both.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>

#include "tern/ladder.hh"
#include "tern/stack.hh"

namespace tern::tools {

struct PairOptions {
    Duration delay = std::chrono::milliseconds(20);  // one way
    std::set<u64> drop;                              // packets of the story, counted from 1
    LadderOptions ladder;
};

class Pair {
public:
    explicit Pair(const PairOptions& options);
    ~Pair();
    Pair(const Pair&) = delete;

    // Lives on until `done` says so, or nothing is left to happen; false: at_most has passed.
    bool run_until(const std::function<bool()>& done, Duration at_most);
    void run_for(Duration d);
    // What was drawn so far is forgotten; packets are counted, and dropped, from here on.
    void begin_story();
    // The server's application listens; once, and again does nothing.
    void listen();
    void remark(std::string text) { ladder.remark(now, std::move(text)); }

    static constexpr u16 k_port = 80;
    static Endpoint server_endpoint(u16 port = k_port) { return {Ipv4Address{10, 0, 0, 2}, port}; }

    Instant now{};
    MemoryBudget budget;
    PacketPool pool;
    Ladder ladder;
    Stack client, server;
    TcpConnection client_end, server_end;  // the latter is accepted by itself
    u16 client_events = 0, server_events = 0;
    u64 packets = 0, dropped = 0;  // of the story

private:
    struct Frame {
        Instant due;
        bool to_server;
        Packet packet;
    };
    Stack make_stack(Ipv4Address address, u64 seed, Observer& observer);
    bool step(Instant until);
    void exchange();
    void carry(Stack& from, bool to_server);
    void events();

    PairOptions options_;
    bool story_ = false, listens_ = false;
    TcpListener listener_;
    std::deque<Frame> cable_;  // one delay for all: in the order of arrival
    static constexpr Interface k_wire{1};
};

}  // namespace tern::tools
