// Two stacks of one thread that share a pool, and the link between them: what one transmits the
// other receives, by handle. Checksums are computed by the sender and verified by the receiver.
#pragma once

#include "options.hh"
#include "tern/stack.hh"

namespace tern::bench {

class Pair {
    MemoryBudget budget_;
    PacketPool pool_;

public:
    // `most`: how many connections may stand at once, TIME-WAITs included.
    explicit Pair(const Options& options, u64 most = 1);
    Pair(const Pair&) = delete;

    Stack client, server;

    // One batch each way, each followed by the receiver's events; timers every k_steps_per_tick
    // steps. False: nobody had anything to send.
    template <class OnServer, class OnClient>
    bool step(OnServer&& on_server, OnClient&& on_client) {
        if (steps_++ % k_steps_per_tick == 0) tick();
        const bool forward = client_to_server();
        while (const auto e = server.next_event()) on_server(*e);
        const bool backward = server_to_client();
        while (const auto e = client.next_event()) on_client(*e);
        return forward || backward;
    }
    // The clock of both stacks. A step takes as long as it does, but a machine's pause
    // counts little, unless set_step() said otherwise.
    Instant now() const { return now_; }
    void set_step(Duration simulated) { simulated_step_ = simulated; }

    // The servers' addresses and ports, and the clients' addresses: connection n uses the nth
    // combination, so that one pair of addresses never runs out of ports.
    void listen(const ListenOptions& options = {});
    Result<TcpConnection> connect(u64 n, const ConnectOptions& options = {});

    u64 data_frames() const { return data_frames_; }  // from the client, with payload
    u64 frames() const { return frames_; }            // both ways, super-segments as one
    u64 acks() const { return acks_; }                // from the server
    // Nothing was dropped on the way; retransmissions are none.
    void require_clean() const;

    static constexpr u16 k_server_ports = 64;
    // 64,000 ports at 64 server ports each: 4 million connections an address.
    static constexpr u64 k_most_per_address = 2'000'000;

private:
    static constexpr u64 k_steps_per_tick = 16;

    void tick();
    bool client_to_server();
    bool server_to_client();

    Interface client_side_, server_side_;
    u64 client_addresses_;
    Instant now_{std::chrono::hours(1)};
    Duration simulated_step_{0};
    Stopwatch watch_;
    double ticked_ = 0;  // on the watch
    u64 steps_ = 0, data_frames_ = 0, frames_ = 0, acks_ = 0;
};

}  // namespace tern::bench
