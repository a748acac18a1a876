// TCP's user interface: the calls of RFC 9293 3.9.1 on handles. All calls return at once; what
// happens later is told by Stack::next_event(). A handle belongs to its stack's thread.
//
// Life of a handle: connect() or accept() gives it, release() ends it, exactly once. Between,
// the connection may have died (reset, time-out): the handle stays good for status(), for
// receive() of what had arrived in order before, and for release(). What is not read counts as
// memory until then.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tern/address.hh"
#include "tern/congestion.hh"
#include "tern/export.hh"
#include "tern/result.hh"
#include "tern/slice.hh"
#include "tern/trace.hh"

namespace tern TERN_API {

// A handle; false: none. It is never used again for another connection.
struct TcpConnection {
    Index index = 0;
    u32 generation = 0;
    explicit operator bool() const { return index != 0; }
    friend bool operator==(const TcpConnection&, const TcpConnection&) = default;
};

// A handle; false: none.
struct TcpListener {
    Index index = 0;
    u32 generation = 0;
    explicit operator bool() const { return index != 0; }
    friend bool operator==(const TcpListener&, const TcpListener&) = default;
};

// What an Event says about a connection; several may come in one event.
enum TcpEventBits : u16 {
    Connected = 1,     // OPEN is done
    Readable = 2,      // data arrived since the last receive() that returned WouldBlock
    Writable = 4,      // room in the send queue after a send() that was short
    PeerClosed = 8,    // FIN arrived: receive() will say EndOfStream after the data
    Closed = 16,       // the connection is over; Event::error says why (None: orderly)
    Urgent = 32,       // the urgent pointer appeared or advanced (RFC 9293 [MUST-32])
    SoftError = 64,    // status().soft_error: ICMP error, or R1 retransmissions (RFC 9293 3.9.1.8)
    Acceptable = 128,  // listener: accept() will give a connection
};

// Explicit congestion notification: routers mark packets instead of dropping them, and the receiver
// tells the sender. It works when both ends agree to it in the handshake.
enum class Ecn : u8 {
    Off,
    Accept,    // not asked for; a peer that asks for either form gets it
    Classic,   // asked for: RFC 3168, told once a round trip
    Accurate,  // asked for: RFC 9768, every mark counted; else what the peer can do
};

// Per connection; a listener hands its own to the connections it accepts.
struct TcpOptions {
    bool no_delay = false;    // true: no Nagle (RFC 9293 [MUST-17])
    bool keep_alive = false;  // RFC 9293 [MUST-25]: off unless asked for
    Duration keep_alive_idle = std::chrono::hours(2);
    Duration keep_alive_interval = std::chrono::seconds(75);
    u8 keep_alive_probes = 9;
    // R2: how long the peer may leave everything unanswered. Duration::max(): never. Default:
    // Limits, and then the peer's wish, see below. One that is given here also bounds how long the
    // peer may take nothing: behind a closed window it counts from the last byte that the peer
    // took, though each probe is answered (as TCP_USER_TIMEOUT does on Linux; RFC 9293 3.9.1.1).
    std::optional<Duration> user_timeout{};
    // RFC 5482: tell the peer our user timeout, and let the peer's change ours within Limits. Not
    // changed: one that is set above.
    bool user_timeout_option = false;
    u8 ttl = 64;  // 1..255
    // 0..63; set it before the first byte: a change in mid-connection may reorder segments
    // (RFC 9293 3.9.1.9 [SHLD-23]).
    u8 dscp = 0;
    // Bytes, at most 2^30; 0: as Limits say, and growing with the connection's need. A size that
    // is given here stays. The receive buffer's is taken at the handshake.
    u32 send_buffer = 0;
    u32 receive_buffer = 0;
    bool urgent_inline = false;      // true: urgent bytes stay in the stream (RFC 6093)
    bool report_soft_errors = true;  // RFC 9293 [SHLD-20]
    bool timestamps = true;          // offered in SYN
    bool window_scale = true;
    bool sack = true;               // announce that we understand SACK blocks
    u16 max_segment = 0;            // 0: from the MTU; otherwise an upper bound on MSS
    std::string_view congestion{};  // congestion control by name; empty: cubic
    // Settled by the handshake. An algorithm that wants marks ("dctcp") turns Accept into Accurate.
    Ecn ecn = Ecn::Accept;
    Duration linger_fin_wait_2 = std::chrono::seconds(60);  // after release() only
    // After an RST from the peer, or a time-out, receive() first gives what had arrived in order
    // and then the error, as sockets do. False: such bytes are dropped (RFC 9293 3.10.7.4). abort()
    // always drops them.
    bool read_after_reset = true;
};

// For Tcp::listen(). Values outside their range give InvalidArgument.
struct ListenOptions {
    // Of several that cover an address the most specific one gets its connections.
    LocalEndpoint local{};   // port 0: choose one; without an address: every one
    u32 backlog = 128;       // connections waiting for accept()
    u32 syn_backlog = 1024;  // embryos; above it SYN cookies
    bool syn_cookies = true;
    bool reuse_address = false;  // may take a port that old connections still hold in TIME-WAIT
    // RFC 7413: how many connections may have given us data while their handshake is not over; 0:
    // off. accept() hands such a connection out in SYN-RECEIVED, and what it sends leaves at once.
    // Only for applications to which a request may come twice: a SYN can be duplicated.
    u32 fast_open = 0;
    TcpOptions options = {};
    u64 user = 0;  // comes back in events
};

// For Tcp::connect(). Values outside their range give InvalidArgument.
struct ConnectOptions {
    std::optional<IpAddress> local_address{};  // RFC 9293 [MUST-43]
    u16 local_port = 0;                        // 0: RFC 6056
    bool reuse_address = false;
    // RFC 7413: what is sent before the next transmit() travels in SYN, up to one segment, when the
    // server has given us a cookie before; otherwise SYN asks for one. The bytes may reach the
    // server's application twice.
    bool fast_open = false;
    TcpOptions options = {};
    u64 user = 0;
};

// What holds the next new byte back.
enum class LimitedBy : u8 {
    Application,       // nothing: all that was given has left, or Nagle waits for more
    SendBuffer,        // all that was given has left, and the application wants to give more
    ReceiveWindow,     // the peer's
    CongestionWindow,  // cwnd
    Pacing,
};
// In words, for people.
constexpr std::string_view name_of(LimitedBy l) {
    constexpr std::string_view names[] = {"application", "send buffer", "receive window",
                                          "congestion window", "pacing"};
    return names[static_cast<u8>(l)];
}

// RFC 9293 3.9.1.6: STATUS, and what engineers ask next.
struct TcpStatus {
    State state = State::Closed;
    FlowId flow;
    Error error = Error::None;       // why it is over
    Error soft_error = Error::None;  // the last soft error; reading clears it
    u32 snd_una, snd_nxt, snd_wnd, iss;
    u32 rcv_nxt, rcv_wnd, irs;
    u32 cwnd, ssthresh, flight;  // bytes
    u32 send_mss;                // Eff.snd.MSS, bytes
    u64 unsent, unacknowledged;  // bytes in the send queue
    u64 readable;                // bytes in the receive queue
    u64 out_of_order;            // bytes behind a hole
    Duration srtt, rttvar, rto;
    u32 retransmissions;  // segments sent again
    u32 backoff;          // expirations of RTO since the last new ACK
    bool timestamps, sack, window_scale;
    u8 snd_wind_shift, rcv_wind_shift;
    Ecn ecn;           // as agreed: Off, Classic or Accurate
    bool ecn_capable;  // our data may be marked
    // Accurate: packets that arrived with a mark, and packets of ours that did, as the peer tells.
    u32 marks_received, marks_told;
    bool in_recovery;
    bool urgent_pending;  // urgent data not read yet
    u64 urgent_ahead;     // bytes from the reading point to the urgent mark

    // Bytes of stream since the handshake.
    u64 bytes_acked;          // of ours, acknowledged
    u64 bytes_received;       // of the peer's, in order
    u64 bytes_retransmitted;  // of ours, sent again
    u32 lost, sacked;         // bytes in flight that are marked so; 0 without SACK
    bool reordering_seen;     // by RACK, within the last second of activity (RFC 8985)
    Duration min_rtt;         // of this activity; 0: unknown
    u64 delivery_rate;        // bytes per second that arrive at the peer; 0: unknown
    u64 pacing_rate;          // bytes per second; 0: unknown or not paced
    LimitedBy limited_by;

    // Bytes: what may wait now, and the most that tuning would make of it (the same when fixed).
    u32 send_buffer, send_buffer_max;
    u32 receive_buffer, receive_buffer_max;
    Duration receive_rtt;  // as the receiver's tuning measures it; 0: unknown

    Duration user_timeout;                        // R2 in force; Duration::max(): never
    std::optional<Duration> peer_user_timeout;    // as the peer's option says (RFC 5482)
    bool fast_open;                               // data in SYN was taken (RFC 7413)
    std::optional<Duration> time_left[k_timers];  // by Timer; none: it does not run
    // Until it fires.
    std::optional<Duration> left(Timer t) const { return time_left[static_cast<u8>(t)]; }

    TcpOptions options;  // as the application gave them
};

namespace tcp {
struct TERN_LOCAL Room;  // the stack's inside
}

// The calls; Stack::tcp() gives it. A connection that is not in use gives
// NoSuchConnection, a listener Aborted.
class Tcp {
public:
    // Makes `algorithm` known by its name; it must outlive the stack. InvalidArgument: no name, or
    // too much state. AlreadyExists. OutOfMemory: sixteen are known.
    Result<void> add_congestion_control(const CongestionControl& algorithm);

    // Passive OPEN. PortInUse, AddressNotAvailable, OutOfMemory. NotSupported: every address of
    // IPv6 alone, which tern does not speak yet.
    Result<TcpListener> listen(const ListenOptions& options);
    // The next established connection. WouldBlock; Aborted after close_listener().
    Result<TcpConnection> accept(TcpListener listener);
    // With the port that was chosen. Aborted after close_listener().
    Result<LocalEndpoint> local_endpoint(TcpListener listener) const;
    // Embryos and connections not yet accepted are reset.
    Result<void> close_listener(TcpListener listener);

    // Active OPEN: SYN goes out at the next transmit(). InvalidAddress (broadcast, multicast,
    // any, port 0), NoRoute, AddressNotAvailable, PortInUse, NoPortFree, OutOfMemory.
    Result<TcpConnection> connect(Endpoint remote, const ConnectOptions& options = {});

    // SEND: copies as much as the send queue has room for and returns how much; WouldBlock when
    // it has none (Writable follows). Closing after close(); Reset, TimedOut, ... when over.
    Result<std::size_t> send(TcpConnection c, std::span<const std::byte> bytes);
    // The same without a copy. All or nothing; on error `slice` is untouched.
    Result<void> send(TcpConnection c, Slice& slice);
    // Sends `bytes` as urgent data: the urgent pointer will point behind the last one. For TELNET
    // and its like only: new applications should not use it (RFC 9293 3.8.5 [SHLD-13]).
    Result<std::size_t> send_urgent(TcpConnection c, std::span<const std::byte> bytes);

    // A hint for applications that are about to serve many among millions: it starts to fetch the
    // connection into the cache, and does nothing else. Say it for some dozens, then make the calls
    // for them.
    void prefetch(TcpConnection c) const;

    // RECEIVE: WouldBlock, EndOfStream (FIN), Reset, ...; the last two after the bytes that came
    // before (TcpOptions::read_after_reset). Reading stops at an urgent mark.
    Result<std::size_t> receive(TcpConnection c, std::span<std::byte> into);
    // The same without a copy: the next bytes where they arrived, never none.
    Result<Slice> receive(TcpConnection c);
    // The one out-of-band byte when not urgent_inline; WouldBlock when there is none.
    Result<std::byte> receive_urgent(TcpConnection c);
    // SIOCATMARK: the next byte to read is the urgent mark.
    Result<bool> at_mark(TcpConnection c) const;

    // CLOSE: FIN after the queued data; receiving goes on until the peer's FIN.
    Result<void> close(TcpConnection c);
    // ABORT: RST, queues are dropped. The handle still wants release().
    Result<void> abort(TcpConnection c);
    // Gives the handle up, as close(2) does: unread data turns FIN into RST (RFC 9293 [SHLD-3]).
    // What waits to be sent still leaves; a peer that does not take it in time loses the rest
    // (Limits::tcp_orphan_timeout).
    void release(TcpConnection c);

    Result<TcpStatus> status(TcpConnection c);  // STATUS
    // As they are now; a buffer size of 0 means that it is tuned.
    Result<TcpOptions> options(TcpConnection c) const;
    // At any time; what the handshake settles is not changed after it. InvalidArgument: nothing was
    // changed. OutOfMemory.
    Result<void> set_options(TcpConnection c, const TcpOptions& options);
    // What Event::user says from now on.
    Result<void> set_user(TcpConnection c, u64 user);

    // How many: connections with a full record, embryos, TIME-WAITs, listeners; and, of the
    // connections, those that were released and are not over.
    struct Count {
        u32 connections, embryos, time_waits, listeners, orphans;
    };
    Count count() const;  // now

private:
    friend class Stack;
    explicit Tcp(tcp::Room& room) : room_(&room) {}
    tcp::Room* room_;
};

}  // namespace tern
