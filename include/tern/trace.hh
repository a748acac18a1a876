// The event log: every segment, drop, state change, timer and window move is one typed event with
// its cause; what moves with every segment is told with the segment, as TimerEvent and WindowEvent
// say. Derive from Observer and hand it to a Stack; everything that tells what the stack did
// (ladder, capture, counters, tests) reads these calls and nothing else.
#pragma once

#include <span>
#include <string_view>

#include "tern/address.hh"
#include "tern/drop_reason.hh"
#include "tern/export.hh"
#include "tern/medium.hh"
#include "tern/time.hh"

namespace tern TERN_API {

// RFC 9293 3.3.2.
enum class State : u8 {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
};

// As RFC 9293 writes it: "SYN-SENT".
constexpr std::string_view name_of(State s) {
    constexpr std::string_view names[] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                          "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                          "CLOSING",     "LAST-ACK",   "TIME-WAIT"};
    return names[static_cast<u8>(s)];
}

// clang-format off
// Why a packet was sent.
#define TERN_SEND_REASONS(X) \
    X(Unknown,            "no reason recorded") \
    X(OpenActive,         "the application called OPEN: ask for a connection") \
    X(OpenAnswer,         "answer to SYN: agree, and tell our own initial sequence number") \
    X(OpenCookie,         "answer to SYN without keeping state: its number is a cookie") \
    X(OpenConfirm,        "third step: without it a stale SYN would look like ours") \
    X(OpenSimultaneous,   "both sides sent SYN: answer the peer's") \
    X(OpenWithData,       "SYN with a cookie: the first bytes need not wait (RFC 7413)") \
    X(OpenAnswerData,     "answer to SYN whose cookie is ours: its bytes are taken (RFC 7413)") \
    X(OpenRetry,          "SYN was not answered within RTO: ask again") \
    X(OpenAnswerRetry,    "SYN-ACK was not confirmed within RTO: answer again") \
    X(OpenAnswerAgain,    "the same SYN came again: our SYN-ACK may have been lost") \
    X(OpenWithoutEcn,     "SYN that asked for ECN was refused: ask again without") \
    X(OpenAfterReset,     "the peer held an old connection that our RST ends: ask again at once") \
    X(Data,               "new data, inside the peer's window and cwnd") \
    X(DataLast,           "new data that empties the send queue: PSH") \
    X(DataOverride,       "small data after the silly-window override timer") \
    X(RetransmitTimeout,  "no ACK within RTO: the oldest byte again, cwnd to one segment") \
    X(RetransmitAfterTimeout, "sent before the RTO, and not acknowledged: again, as cwnd grows") \
    X(RetransmitLost,     "what was sent later has arrived: this is lost (RACK)") \
    X(RetransmitReneged,  "the peer has dropped what it had acknowledged by SACK (RFC 2018 8)") \
    X(RetransmitProbed,   "the peer's window has opened: what it had no room for, again") \
    X(ProbeTail,          "no ACK within the probe timeout: was the tail lost? (TLP)") \
    X(RetransmitFast,     "three duplicate ACKs: the segment behind them is lost") \
    X(RetransmitPartial,  "a partial ACK in recovery: the next hole is lost too") \
    X(LimitedTransmit,    "the first or second duplicate ACK: new data beyond cwnd (RFC 3042)") \
    X(AckUserTimeout,     "tell the peer how long we shall wait for it (RFC 5482)") \
    X(AckDelayed,         "delayed acknowledgement: nothing to send came within the delay") \
    X(AckRead,            "all was read, and no answer is known to come: the peer may wait") \
    X(AckEverySecond,     "two full segments arrived: acknowledge") \
    X(AckOutOfOrder,      "data behind a hole: acknowledge at once, the peer learns of the loss") \
    X(AckHoleFilled,      "a hole was filled: tell the peer at once") \
    X(AckDuplicate,       "nothing new in it: our ACK may have been lost") \
    X(AckMarks,           "congestion marks came, or came to an end: tell the peer") \
    X(AckSeveral,         "several segments ask for an answer each, not all for one reason") \
    X(AckNoRoom,          "no memory for this text: say what is expected") \
    X(AckUrgent,          "urgent data: the notice does not wait for the window (RFC 9293 3.8.5)") \
    X(AckFin,             "acknowledge the peer's FIN") \
    X(AckWindowProbe,     "answer to a probe of our closed window") \
    X(AckKeepAlive,       "answer to a keep-alive") \
    X(WindowUpdate,       "the application read: the window opens by enough to matter") \
    X(Fin,                "the application closed: nothing more will be sent") \
    X(FinRetry,           "FIN was not acknowledged within RTO: send it again") \
    X(ProbeWindow,        "the peer's window is closed: is it still?") \
    X(ProbeKeepAlive,     "nothing came for the keep-alive interval: is the peer there?") \
    X(ChallengeAck,       "challenge: a genuine peer answers with the exact number (RFC 5961)") \
    X(AckUnacceptable,    "the segment is not acceptable: say what is expected") \
    X(AckTimeWait,        "our last ACK was lost: repeat it, wait 2MSL anew") \
    X(ResetNoConnection,  "nobody is home at this address and port") \
    X(ResetListen,        "acknowledges a handshake that this listener knows nothing of") \
    X(ResetBadAck,        "acknowledges something that this connection never sent") \
    X(ResetMixedEcn,      "one handshake asked for two kinds of ECN (RFC 9768)") \
    X(ResetAbort,         "the application aborted") \
    X(ResetListenerClosed, "the application closed the listener") \
    X(ResetUnread,        "closed with unread data: tell the peer that it was lost") \
    X(ResetAfterClose,    "data for an application that has closed") \
    X(ResetTimeout,       "the peer did not answer in time: give up") \
    X(ResetNoProgress,    "the peer took nothing for as long as the application allows: give up") \
    X(ResetOrphan,        "the application has closed, and the peer takes too little: give up") \
    X(ResetOrphanEvicted, "no room for all that wait after the application closed: this one goes") \
    X(ArpRequest,         "who has this address?") \
    X(ArpReply,           "that address is ours") \
    X(ArpProbe,           "does anyone use this address already? (RFC 5227)") \
    X(ArpAnnounce,        "this address is ours from now on (RFC 5227)") \
    X(ArpDefend,          "another host uses our address: defend it (RFC 5227)") \
    X(EchoRequest,        "the application pings") \
    X(EchoReply,          "answer to a ping") \
    X(IcmpError,          "tell the sender what went wrong with its packet") \
    X(Datagram,           "the application sent a datagram")

// Why data, or a FIN, that the application has given stays here for now. An ACK that is held back
// is told by its timer, DelayedAck.
#define TERN_HOLD_REASONS(X) \
    X(Nagle,        "less than a segment, while earlier data is not acknowledged: Nagle") \
    X(SillyWindow,  "the peer's window has too little room for a segment worth sending") \
    X(PeerWindow,   "the peer's window is full: it has to read first") \
    X(WindowClosed, "the peer's window is closed: an ACK or an answer to a probe opens it") \
    X(Cwnd,         "cwnd has no room for a segment: an ACK makes some") \
    X(Pace,         "the pace: it is not the next segment's turn yet")

// Which timer.
#define TERN_TIMERS(X) \
    X(Retransmission, "retransmission (RFC 6298)") \
    X(TailProbe,      "tail loss probe (RFC 8985 7)") \
    X(Reordering,     "reordering wait: later data has arrived (RFC 8985 6)") \
    X(Persist,        "persist: zero window") \
    X(DelayedAck,     "delayed ACK") \
    X(KeepAlive,      "keep-alive") \
    X(User,           "user timeout (R2)") \
    X(Linger,         "FIN-WAIT-2 that no application holds") \
    X(Orphan,         "progress of a peer that no application waits for (RFC 6429)") \
    X(TimeWait,       "2MSL") \
    X(Override,       "silly-window override") \
    X(Pace,           "pacing: the next segment's turn")
// clang-format on

// Why a packet was sent: the first list above.
enum class SendReason : u8 {
#define TERN_X(name, text) name,
    TERN_SEND_REASONS(TERN_X)
#undef TERN_X
};
// Why it was not: the second list.
enum class HoldReason : u8 {
#define TERN_X(name, text) name,
    TERN_HOLD_REASONS(TERN_X)
#undef TERN_X
};
// Timers of a connection: the third list.
enum class Timer : u8 {
#define TERN_X(name, text) name,
    TERN_TIMERS(TERN_X)
#undef TERN_X
};

inline constexpr u32 k_timers =
#define TERN_X(name, text) +1
    0 TERN_TIMERS(TERN_X);
#undef TERN_X

// The sentence in the list above.
constexpr std::string_view text_of(SendReason r) {
    constexpr std::string_view texts[] = {
#define TERN_X(name, text) text,
        TERN_SEND_REASONS(TERN_X)
#undef TERN_X
    };
    return texts[static_cast<u8>(r)];
}
// As the enumerator is written.
constexpr std::string_view name_of(SendReason r) {
    constexpr std::string_view names[] = {
#define TERN_X(name, text) #name,
        TERN_SEND_REASONS(TERN_X)
#undef TERN_X
    };
    return names[static_cast<u8>(r)];
}
// The sentence in the list above.
constexpr std::string_view text_of(HoldReason r) {
    constexpr std::string_view texts[] = {
#define TERN_X(name, text) text,
        TERN_HOLD_REASONS(TERN_X)
#undef TERN_X
    };
    return texts[static_cast<u8>(r)];
}
// As the enumerator is written.
constexpr std::string_view name_of(HoldReason r) {
    constexpr std::string_view names[] = {
#define TERN_X(name, text) #name,
        TERN_HOLD_REASONS(TERN_X)
#undef TERN_X
    };
    return names[static_cast<u8>(r)];
}
// As the enumerator is written.
constexpr std::string_view name_of(Timer t) {
    constexpr std::string_view names[] = {
#define TERN_X(name, text) #name,
        TERN_TIMERS(TERN_X)
#undef TERN_X
    };
    return names[static_cast<u8>(t)];
}
// The words in the list above.
constexpr std::string_view text_of(Timer t) {
    constexpr std::string_view texts[] = {
#define TERN_X(name, text) text,
        TERN_TIMERS(TERN_X)
#undef TERN_X
    };
    return texts[static_cast<u8>(t)];
}

// Why a state changed; together with the states before and after it is a row of the table in
// core/tcp/state.cc.
enum class Cause : u8 {
    OpenActive,
    OpenPassive,
    SynArrived,
    SynAckArrived,
    AckOfSyn,
    FinArrived,
    Close,
    AckOfFin,
    ResetArrived,
    Abort,
    TimedOut,
    IcmpHardError,
    TwoMslPassed,
    NewSyn,
    Refused,
    NoRoom,          // for the record of TIME-WAIT: the limit, or the memory ceiling
    OrphanTimedOut,  // released by the application, and the peer took too little
    OrphanEvicted,   // released by the application: above the limit, or memory was needed
};
// As the enumerator is written.
constexpr std::string_view name_of(Cause c) {
    constexpr std::string_view names[] = {
        "OpenActive", "OpenPassive",    "SynArrived",   "SynAckArrived", "AckOfSyn",
        "FinArrived", "Close",          "AckOfFin",     "ResetArrived",  "Abort",
        "TimedOut",   "IcmpHardError",  "TwoMslPassed", "NewSyn",        "Refused",
        "NoRoom",     "OrphanTimedOut", "OrphanEvicted"};
    return names[static_cast<u8>(c)];
}

// The two ends of a connection, ours first.
struct FlowId {
    Endpoint local;
    Endpoint remote;
    friend bool operator==(const FlowId&, const FlowId&) = default;
};

// A frame crossed the border between stack and link. `note` joins it with the events that tell
// why: a sent frame carries the note of the SegmentSent or PacketSent event before it; events
// about a received frame follow it and carry its note.
struct FrameEvent {
    Instant at{};
    bool outbound = false;
    u8 interface = 0;
    Medium medium{};  // what `bytes` begin with
    u32 note = 0;
    std::span<const std::byte> bytes{};  // valid during the call only
    u16 gso_size = 0;                    // not 0: a super-segment, to be cut in pieces of this size
    bool checksum_partial = false;       // the link completes the transport checksum
};

// TCP decided to send a segment.
struct SegmentSentEvent {
    Instant at{};
    u32 note = 0;
    SendReason reason{};
    State state{};
    FlowId flow{};
    u32 seq = 0, length = 0, ack = 0;  // SEG.SEQ, payload bytes, SEG.ACK; absolute
    u16 flags = 0;
    u32 window = 0;        // scaled, in bytes
    u32 iss = 0, irs = 0;  // to print relative numbers; 0 when unknown
    u32 cwnd = 0, ssthresh = 0;
    // Bytes that were on their way before it: of what is not acknowledged, less what SACK blocks
    // report and what is taken for lost (RFC 6675 2, "pipe").
    u32 flight = 0;
};

// TCP has something to send and does not: told each time that a connection's turn ends so, which
// may be after each ACK. A packet that finds no memory or no route is a DropEvent instead.
struct HoldEvent {
    Instant at{};
    HoldReason reason{};
    State state{};
    FlowId flow{};
    u32 bytes = 0;  // that wait; 0: a FIN alone
    u32 flight = 0, cwnd = 0;
    u32 unacknowledged = 0;  // SND.NXT - SND.UNA, which takes its room in the peer's window
    u32 snd_wnd = 0, mss = 0;
};

// A segment arrived and was processed; DropReason::None: accepted.
struct SegmentArrivedEvent {
    Instant at{};
    u32 note = 0;
    DropReason drop{};
    State before{}, after{};
    FlowId flow{};
    u32 seq = 0, length = 0, ack = 0;
    u16 flags = 0;
    u32 window = 0;  // scaled
    u32 iss = 0, irs = 0;
    bool lacks_timestamp = false;  // accepted without the agreed timestamp (RFC 7323 3.2)
};

// A packet other than a TCP segment was sent (ARP, ICMP, UDP).
struct PacketSentEvent {
    Instant at{};
    u32 note = 0;
    SendReason reason{};
    u32 length = 0;
};

// A packet died: received ones before TCP saw them, and ones of ours on their way out.
struct DropEvent {
    Instant at{};
    u32 note = 0;
    DropReason reason{};
    u8 interface = 0;
};

// A connection went from one state to another (RFC 9293 3.3.2).
struct StateEvent {
    Instant at{};
    FlowId flow{};
    State from{}, to{};
    Cause cause{};
};

// A timer was started, cancelled or fired. Set is told when it was not running, and when something
// other than traffic moves it: a back-off, a repeated FIN, the application's options (Cancelled
// comes first then). Retransmission, TailProbe and Reordering are told at each restart, for RTO and
// the round trip change; only the earliest of the three runs, and it is Cancelled when another
// takes its place. Not told: that a segment puts a running keep-alive or user timeout off, as every
// segment does.
struct TimerEvent {
    Instant at{};
    FlowId flow{};
    Timer timer{};
    // What happened to the timer.
    enum class What : u8 { Set, Cancelled, Fired } what{};
    Duration in{};  // Set: how far ahead; longer wishes are clipped (docs/decisions/0004-ticks.md)
};

// SND.WND, cwnd, ssthresh or the RTT estimate moved. A back-off of RTO alone is told by the timer;
// RCV.WND, which moves with every segment, by the next SegmentSentEvent.
struct WindowEvent {
    Instant at{};
    FlowId flow{};
    u32 cwnd = 0, ssthresh = 0, snd_wnd = 0, rcv_wnd = 0, flight = 0;
    Duration srtt{}, rto{};
    std::string_view why{};  // "slow start", "timeout", "fast recovery", ...
};

// Told on the thread of the stack, from within its calls. It must not call the stack.
class Observer {
public:
    virtual ~Observer() = default;
    // Each frame, in and out.
    virtual void on_frame(const FrameEvent&) {}
    // Before the frame that carries it.
    virtual void on_segment_sent(const SegmentSentEvent&) {}
    // At the end of a turn of the connection.
    virtual void on_hold(const HoldEvent&) {}
    // When it was processed, after its frame.
    virtual void on_segment_arrived(const SegmentArrivedEvent&) {}
    // Before the frame that carries it.
    virtual void on_packet_sent(const PacketSentEvent&) {}
    // Each packet that ends here, but for TCP segments that on_segment_arrived() tells.
    virtual void on_drop(const DropEvent&) {}
    // After the change.
    virtual void on_state(const StateEvent&) {}
    // After the change.
    virtual void on_timer(const TimerEvent&) {}
    // After the change.
    virtual void on_window(const WindowEvent&) {}
};

}  // namespace tern
