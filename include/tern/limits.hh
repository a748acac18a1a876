// Every bound of a stack, each with its reason.
#pragma once

#include "tern/export.hh"
#include "tern/int.hh"
#include "tern/time.hh"

namespace tern TERN_API {

// For a whole stack; they do not change after it is made.
struct Limits {
    // Bytes of stream that may wait in one connection, each way, at first; 1 MiB fills 800 Mbit/s x
    // 10 ms. They pin more memory than that, because they pin whole slots: src/core/tcp/README.md
    // says how much. The ceiling of the stack bounds all of it. To send, so many may wait beside
    // what is in flight; more than the cache holds makes every byte dearer.
    u32 tcp_send_buffer = 512u << 10;
    u32 tcp_receive_buffer = 1u << 20;
    // Bytes to which a connection that needs more may grow them by itself, while a quarter of the
    // ceiling and what is free of it allow; 32 MiB fill 1 Gbit/s x 250 ms. Our SYN's window scale
    // is for this size. At or below the two sizes above: nothing grows.
    u32 tcp_send_buffer_max = 32u << 20;
    u32 tcp_receive_buffer_max = 32u << 20;
    u32 tcp_out_of_order_runs = 256;  // behind holes: bounds the slots pinned there
    u32 tcp_connections = 1u << 24;
    u32 tcp_time_waits = 1u << 24;                // above it the oldest leaves early
    u16 tcp_initial_window_segments = 10;         // RFC 6928
    u16 tcp_min_mss = 64;                         // a peer's MSS below costs CPU (CVE-2019-11479)
    Duration tcp_msl = std::chrono::seconds(30);  // Linux waits 60 s in all, as we do
    Duration tcp_rto_initial = std::chrono::seconds(1);     // RFC 6298 2.1
    Duration tcp_rto_min = std::chrono::milliseconds(200);  // docs/decisions/0003-rto-minimum.md
    Duration tcp_rto_max = std::chrono::seconds(120);
    Duration tcp_delayed_ack = std::chrono::milliseconds(40);  // below RFC 9293's 500 ms
    u8 tcp_r1_retransmissions = 3;                             // RFC 9293 [SHLD-10]
    Duration tcp_r2 = std::chrono::seconds(924);               // data: as Linux; at least 100 s
    Duration tcp_r2_syn = std::chrono::seconds(180);           // RFC 9293 [MUST-23]
    // What a peer's user timeout option can make of R2 (RFC 5482 3.1: L_LIMIT, U_LIMIT).
    Duration tcp_user_timeout_min = std::chrono::seconds(100);  // RFC 9293 [SHLD-11]
    Duration tcp_user_timeout_max = std::chrono::hours(1);
    u8 tcp_syn_ack_retries = 7;  // RFC 9293 [MUST-23]: 3 minutes
    // RFC 7413: a cookie of ours is good for once to twice this long; at least 1 s.
    Duration tcp_fast_open_key_life = std::chrono::hours(12);
    // How long a fast open that ended by RST counts for ListenOptions::fast_open.
    Duration tcp_fast_open_reset_hold = std::chrono::seconds(60);
    // How long a server that did not answer one, or has no cookies, is opened the usual way.
    Duration tcp_fast_open_retry = std::chrono::hours(1);
    // How long a host is spared SYNs with the flags of ECN, or AccECN options, after they were seen
    // to be swallowed on the way to it (RFC 9768 3.1.4.1, 3.2.3.2.2); then one tries again.
    Duration tcp_ecn_retry = std::chrono::hours(1);
    // Orphans: connections that the application has released and whose peer has not acknowledged
    // everything, or not closed (docs/decisions/0025-orphans.md). Their number; above it one goes
    // by RST, at first one that waits for the peer's FIN alone, otherwise the one whose peer has
    // made no progress for the longest time. 2^18 is the most that Linux sets by itself.
    u32 tcp_orphans = 1u << 18;
    // An orphan whose peer takes less than tcp_orphan_progress bytes in this time ends by RST,
    // whether probes of its closed window are answered or not. Linux needs about 205 s. The bytes
    // are 82 a second: a peer that takes one now and then would hold the rest for months.
    Duration tcp_orphan_timeout = std::chrono::seconds(200);
    u32 tcp_orphan_progress = 16u << 10;
    // When memory is exhausted, orphans without progress for so long go at once, oldest first; at
    // most tcp_orphan_timeout.
    Duration tcp_orphan_grace = std::chrono::seconds(10);
    u32 tcp_challenges_per_second = 10;  // per connection, RFC 5961 7
    // Until a segment is tried again that found no memory or no route.
    Duration tcp_starved_retry = std::chrono::milliseconds(100);
    bool tcp_pacing = true;  // a window leaves over a round trip, not in one burst
    Duration tcp_override = std::chrono::milliseconds(200);  // RFC 9293 3.8.6.2.1: 0.1 to 1 s

    u32 neighbors = 4096;
    u32 neighbor_waiting_packets = 16;  // RFC 1122 2.3.2.2 asks for at least one
    u32 interface_queue_packets = 4096;
    u32 icmp_errors_per_second = 1000;  // with a burst of 50, jittered (CVE-2020-25705)
    u16 ephemeral_port_first = 32768;
    u16 ephemeral_port_last = 60999;
};

}  // namespace tern
