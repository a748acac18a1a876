// Are the reasons true? Follows what a stack tells, keeps its own account of each flow, and checks
// each sentence of a sent segment, a hold and a drop against that account at that very moment: the
// figures, and what the sentence claims. Of one stack.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/seq.hh"
#include "core/wire/tcp.hh"
#include "lab/trace/frame_view.hh"
#include "lab/trace/reasons.hh"

namespace tern::test {

class Truth final : public Observer {
public:
    explicit Truth(std::function<void(const std::string&)> untrue) : untrue_(std::move(untrue)) {}

    void on_frame(const FrameEvent& e) override;
    void on_segment_sent(const SegmentSentEvent& e) override;
    void on_hold(const HoldEvent& e) override;
    void on_segment_arrived(const SegmentArrivedEvent& e) override;
    void on_drop(const DropEvent& e) override;
    void on_timer(const TimerEvent& e) override;
    void on_window(const WindowEvent& e) override;

    struct Arrived {  // a segment that came in
        Seq seq, ack, end;
        u32 length;
        u16 flags;
        bool sack, marked;
        bool has(u16 bits) const { return (flags & bits) != 0; }
    };
    struct Flow {
        bool sent = false;  // anything that takes a sequence number
        Seq max, una;
        std::optional<Seq> fin;  // the number of ours
        u32 wnd = 0;             // SND.WND as the stack tells it
        bool window_was_closed = false;
        u32 dup_acks = 0;  // ACKs in a row that may count as duplicates
        bool sacked = false, syn_arrived = false, syn_had_text = false, hole = false;
        bool marked = false;
        u32 segments = 0, bytes = 0;  // arrived in order since our last ACK
        bool told = false;            // an ACK of ours has told this:
        Seq told_ack, edge;
        u32 told_window = 0;
        std::optional<Seq> at_timeout;  // SND.MAX when RTO fired
        std::optional<Instant> fired[k_timers];
        bool pace_runs = false;
        std::vector<Arrived> now;  // in this instant
    };

private:
    using Key = std::tuple<IpAddress, u16, IpAddress, u16>;
    Flow& flow_of(const FlowId& id) {
        return flows_[{id.local.address, id.local.port, id.remote.address, id.remote.port}];
    }
    void moment(Instant at) {
        if (at == now_) return;
        now_ = at;
        for (auto& [key, f] : flows_) f.now.clear();
    }
    void complain(std::string_view kind, std::string_view name, std::string_view text,
                  const std::string& facts);

    std::function<void(const std::string&)> untrue_;
    std::map<Key, Flow> flows_;
    Instant now_{};
    bool wanting_ = false;  // memory or a way was: what is due leaves later than its cause
    DropReason dropped_ = DropReason::None;
    Instant dropped_at_{};
};

namespace truth {

// What a rule looks at.
struct Moment {
    const SegmentSentEvent& e;
    const Truth::Flow& f;
    Seq seq{e.seq}, ack{e.ack};
    bool wanting;  // when something happened is no question then
    DropReason dropped;

    bool flags(u16 set, u16 clear = 0) const {
        return (e.flags & set) == set && (e.flags & clear) == 0;
    }
    bool pure_ack() const {
        return flags(wire::Ack, wire::Syn | wire::Fin | wire::Rst) && e.length == 0;
    }
    bool again() const { return f.sent && seq < f.max; }
    bool fires(Timer t) const {
        const auto& at = f.fired[static_cast<u8>(t)];
        return wanting ? at.has_value() : at == e.at;
    }
    bool fired(Timer t) const { return f.fired[static_cast<u8>(t)].has_value(); }
    template <class Is>
    bool arrives(Is is) const {
        for (const Truth::Arrived& a : f.now)
            if (is(a)) return true;
        return wanting;
    }
    bool fits_cwnd() const { return u64{e.flight} + e.length <= e.cwnd; }
    bool fits_window() const { return static_cast<u32>(seq + e.length - f.una) <= f.wnd; }
    bool new_data() const { return e.length > 0 && !again() && fits_cwnd() && fits_window(); }
    bool advances() const { return !f.told || ack > f.told_ack; }
};

struct SendRule {
    SendReason reason;
    bool (*holds)(const Moment& m);
};

using A = Truth::Arrived;
using M = const Moment&;
using E = const SegmentArrivedEvent&;
using W = const Truth::Flow&;
constexpr u16 S = wire::Syn, AK = wire::Ack, F = wire::Fin, R = wire::Rst;

inline const SendRule k_send_rules[] = {
    {SendReason::Unknown, [](M) { return false; }},
    {SendReason::OpenActive, [](M m) { return m.flags(S, AK) && !m.again() && m.e.length == 0; }},
    {SendReason::OpenAnswer,
     [](M m) {
         return m.flags(S | AK) && m.arrives([](const A& a) { return a.has(S) && !a.has(AK); });
     }},
    {SendReason::OpenCookie,
     [](M m) {
         return m.flags(S | AK) && m.arrives([](const A& a) { return a.has(S) && !a.has(AK); });
     }},
    {SendReason::OpenConfirm,
     [](M m) {
         return m.flags(AK, S) && m.arrives([](const A& a) { return a.has(S) && a.has(AK); });
     }},
    {SendReason::OpenSimultaneous,
     [](M m) {
         return m.flags(S | AK) && m.again() &&
                m.arrives([](const A& a) { return a.has(S) && !a.has(AK); });
     }},
    {SendReason::OpenWithData, [](M m) { return m.flags(S, AK) && !m.again() && m.e.length > 0; }},
    {SendReason::OpenAnswerData, [](M m) { return m.flags(S | AK) && m.f.syn_had_text; }},
    {SendReason::OpenRetry,
     [](M m) { return m.flags(S, AK) && m.again() && m.fires(Timer::Retransmission); }},
    {SendReason::OpenAnswerRetry,
     [](M m) { return m.flags(S | AK) && m.again() && m.fires(Timer::Retransmission); }},
    {SendReason::OpenAnswerAgain,
     [](M m) {
         return m.flags(S | AK) && m.again() &&
                m.arrives([](const A& a) { return a.has(S) && !a.has(AK); });
     }},
    {SendReason::OpenWithoutEcn,
     [](M m) {
         return m.flags(S, AK | wire::k_ecn_flags) && m.again() &&
                m.arrives([](const A& a) { return a.has(R); });
     }},
    {SendReason::OpenAfterReset,
     [](M m) {
         return m.flags(S, AK) && m.again() && m.arrives([](const A& a) { return a.has(AK); });
     }},
    {SendReason::Data, [](M m) { return m.new_data(); }},
    {SendReason::DataLast, [](M m) { return m.new_data() && m.flags(wire::Psh); }},
    {SendReason::DataOverride, [](M m) { return m.new_data() && m.fires(Timer::Override); }},
    {SendReason::RetransmitTimeout,
     [](M m) {
         return m.e.length > 0 && m.seq == m.f.una && m.e.flight == 0 &&
                m.e.cwnd <= 2 * m.e.length + 1460 && m.fires(Timer::Retransmission);
     }},
    {SendReason::RetransmitAfterTimeout,
     [](M m) {
         return m.again() && m.fired(Timer::Retransmission) && m.f.at_timeout &&
                m.seq < *m.f.at_timeout;
     }},
    {SendReason::RetransmitLost, [](M m) { return m.again() && m.f.sacked; }},
    {SendReason::RetransmitReneged, [](M m) { return m.again() && m.f.sacked; }},
    {SendReason::RetransmitProbed,
     [](M m) { return m.again() && m.f.window_was_closed && m.f.wnd > 0; }},
    {SendReason::ProbeTail,
     [](M m) { return (m.e.length > 0 || m.flags(F)) && m.fires(Timer::TailProbe); }},
    {SendReason::RetransmitFast, [](M m) { return m.seq == m.f.una && m.f.dup_acks >= 3; }},
    {SendReason::RetransmitPartial,
     [](M m) {
         return m.seq == m.f.una && m.again() &&
                m.arrives([&](const A& a) { return a.ack == m.seq; });
     }},
    {SendReason::LimitedTransmit,
     [](M m) {
         return !m.again() && m.f.dup_acks >= 1 && m.f.dup_acks <= 2 && !m.fits_cwnd() &&
                m.fits_window();
     }},
    {SendReason::AckUserTimeout, [](M m) { return m.pure_ack(); }},
    {SendReason::AckDelayed,
     [](M m) { return m.pure_ack() && m.advances() && m.fires(Timer::DelayedAck); }},
    {SendReason::AckRead, [](M m) { return m.pure_ack() && m.advances() && m.f.segments >= 1; }},
    {SendReason::AckEverySecond,
     [](M m) {
         return m.pure_ack() && m.advances() && (m.f.segments >= 2 || m.f.bytes >= 2 * 536);
     }},
    {SendReason::AckOutOfOrder,
     [](M m) {
         return m.pure_ack() &&
                m.arrives([&](const A& a) { return a.seq > m.ack || (a.has(F) && a.end > m.ack); });
     }},
    {SendReason::AckHoleFilled, [](M m) { return m.pure_ack() && m.f.hole; }},
    {SendReason::AckDuplicate,
     [](M m) {
         return m.pure_ack() &&
                m.arrives([&](const A& a) { return a.end != a.seq && a.end <= m.ack; });
     }},
    {SendReason::AckMarks, [](M m) { return m.pure_ack() && m.f.marked; }},
    {SendReason::AckSeveral,
     [](M m) { return m.pure_ack() && (m.wanting || m.f.now.size() >= 2); }},
    {SendReason::AckNoRoom, [](M m) { return m.pure_ack() && m.wanting; }},
    {SendReason::AckUrgent, [](M m) { return m.pure_ack() && m.flags(wire::Urg); }},
    {SendReason::AckFin,
     [](M m) {
         return m.pure_ack() && m.arrives([&](const A& a) { return a.length > 0 || a.has(F); });
     }},
    {SendReason::AckWindowProbe,
     [](M m) {
         return m.pure_ack() && m.f.told && m.f.told_window == 0 &&
                m.arrives([](const A&) { return true; });
     }},
    {SendReason::AckKeepAlive,
     [](M m) {
         return m.pure_ack() &&
                m.arrives([&](const A& a) { return a.seq + 1 == m.ack && a.length <= 1; });
     }},
    {SendReason::WindowUpdate, [](M m) { return m.pure_ack() && m.ack + m.e.window > m.f.edge; }},
    {SendReason::Fin, [](M m) { return m.flags(F) && m.e.length == 0 && !m.again(); }},
    {SendReason::FinRetry,
     [](M m) {
         return m.flags(F) && m.e.length == 0 && m.f.fin == m.seq && m.fired(Timer::Retransmission);
     }},
    {SendReason::ProbeWindow, [](M m) { return m.f.wnd == 0 && m.e.length <= 1; }},
    {SendReason::ProbeKeepAlive,
     [](M m) { return m.e.length <= 1 && m.seq + 1 == m.f.una && m.fires(Timer::KeepAlive); }},
    {SendReason::ChallengeAck,
     [](M m) {
         return m.pure_ack() &&
                m.arrives([&](const A& a) { return a.has(S) || a.has(R) || a.ack < m.f.una; });
     }},
    {SendReason::AckUnacceptable,
     [](M m) { return m.pure_ack() && m.arrives([](const A&) { return true; }); }},
    {SendReason::AckTimeWait,
     [](M m) {
         return m.pure_ack() && m.e.state == State::TimeWait &&
                m.arrives([](const A& a) { return a.has(F); });
     }},
    {SendReason::ResetNoConnection,
     [](M m) {
         const bool nobody = m.e.state == State::Closed || m.e.state == State::TimeWait;
         return m.flags(R) && nobody && m.arrives([](const A& a) { return !a.has(R); });
     }},
    {SendReason::ResetListen,
     [](M m) {
         return m.flags(R) && m.e.state == State::Listen &&
                m.arrives([&](const A& a) { return a.has(AK) && a.ack == m.seq; });
     }},
    {SendReason::ResetBadAck,
     [](M m) {
         return m.flags(R) && (m.e.state == State::SynSent || m.e.state == State::SynReceived) &&
                m.arrives([&](const A& a) { return a.has(AK) && a.ack == m.seq; });
     }},
    {SendReason::ResetMixedEcn,
     [](M m) { return m.flags(R) && m.arrives([](const A& a) { return a.has(S); }); }},
    {SendReason::ResetAbort, [](M m) { return m.flags(R | AK); }},
    {SendReason::ResetListenerClosed,
     [](M m) { return m.flags(R | AK) && m.e.state == State::SynReceived; }},
    {SendReason::ResetUnread, [](M m) { return m.flags(R | AK); }},
    {SendReason::ResetAfterClose,
     [](M m) { return m.flags(R) && m.arrives([](const A& a) { return a.length > 0; }); }},
    {SendReason::ResetNoProgress, [](M m) { return m.flags(R | AK) && m.fires(Timer::User); }},
    {SendReason::ResetOrphan, [](M m) { return m.flags(R | AK) && m.fires(Timer::Orphan); }},
    {SendReason::ResetOrphanEvicted, [](M m) { return m.flags(R | AK); }},
    {SendReason::ResetTimeout,
     [](M m) { return m.flags(R) && (m.fires(Timer::User) || m.fires(Timer::KeepAlive)); }},
};

// The bytes that would leave next.
inline u64 next_piece(const HoldEvent& e) { return std::min(e.bytes, e.mss); }

struct HoldRule {
    HoldReason reason;
    bool (*holds)(const HoldEvent& e, const Truth::Flow& f);
};

inline const HoldRule k_hold_rules[] = {
    {HoldReason::Nagle,
     [](const HoldEvent& e, const Truth::Flow&) {
         return e.bytes > 0 && e.bytes < e.mss && e.unacknowledged > 0 &&
                u64{e.flight} + e.bytes <= e.cwnd && u64{e.unacknowledged} + e.bytes <= e.snd_wnd;
     }},
    {HoldReason::SillyWindow,
     [](const HoldEvent& e, const Truth::Flow&) {
         return e.snd_wnd > e.unacknowledged && e.snd_wnd - e.unacknowledged < next_piece(e);
     }},
    {HoldReason::PeerWindow,
     [](const HoldEvent& e, const Truth::Flow&) {
         return e.snd_wnd > 0 && e.unacknowledged + next_piece(e) > e.snd_wnd;
     }},
    {HoldReason::WindowClosed,
     [](const HoldEvent& e, const Truth::Flow& f) { return e.snd_wnd == 0 && f.wnd == 0; }},
    {HoldReason::Cwnd,
     [](const HoldEvent& e, const Truth::Flow&) {
         return e.flight > 0 && e.flight + next_piece(e) > e.cwnd;
     }},
    {HoldReason::Pace,
     [](const HoldEvent& e, const Truth::Flow& f) {
         return f.pace_runs && u64{e.flight} + std::min<u64>(next_piece(e), 1) <= e.cwnd;
     }},
};

struct DropRule {
    DropReason reason;
    bool (*holds)(const SegmentArrivedEvent& e, const Truth::Flow& f);
};

inline bool has(const SegmentArrivedEvent& e, u16 bits) { return (e.flags & bits) != 0; }

// What only the segment and its state can tell; the sentences about headers are the parsers' own.
inline const DropRule k_drop_rules[] = {
    {DropReason::TcpNoConnection,
     [](E e, W) {
         // A TIME-WAIT that has yielded is no connection any more.
         const bool yielded = e.before == State::TimeWait && has(e, S);
         return (e.before == State::Closed || yielded) && !has(e, R);
     }},
    {DropReason::TcpStrayReset, [](E e, W) { return e.before == State::Closed && has(e, R); }},
    {DropReason::TcpListenReset, [](E e, W) { return e.before == State::Listen && has(e, R); }},
    {DropReason::TcpListenAck, [](E e, W) { return e.before == State::Listen && has(e, AK); }},
    {DropReason::TcpBadCookie, [](E e, W) { return e.before == State::Listen && has(e, AK); }},
    {DropReason::TcpListenNoSyn, [](E e, W) { return e.before == State::Listen && !has(e, S); }},
    {DropReason::TcpSynFin, [](E e, W) { return has(e, S) && has(e, F); }},
    {DropReason::TcpSynQueueFull, [](E e, W) { return has(e, S); }},
    {DropReason::TcpSynSentBadAck, [](E e, W) { return e.before == State::SynSent && has(e, AK); }},
    {DropReason::TcpSynSentReset, [](E e, W) { return e.before == State::SynSent && has(e, R); }},
    {DropReason::TcpSynSentNoSyn,
     [](E e, W) { return e.before == State::SynSent && !has(e, S) && !has(e, R); }},
    {DropReason::TcpResetOutOfWindow, [](E e, W) { return has(e, R); }},
    {DropReason::TcpResetChallenged,
     [](E e, W f) { return has(e, R) && (!f.told || Seq{e.seq} != f.told_ack || f.segments > 0); }},
    {DropReason::TcpSynChallenged,
     [](E e, W) { return has(e, S) && e.before >= State::SynReceived; }},
    {DropReason::TcpNoAck, [](E e, W) { return !has(e, AK) && e.before >= State::SynReceived; }},
    {DropReason::TcpAckTooOld, [](E e, W f) { return Seq{e.ack} < f.una; }},
    {DropReason::TcpAckUnsent, [](E e, W f) { return Seq{e.ack} > f.max; }},
    {DropReason::TcpEmbryoBadAck,
     [](E e, W) { return e.before == State::SynReceived && has(e, AK); }},
    {DropReason::TcpMixedEcn, [](E e, W) { return has(e, S); }},
    {DropReason::TcpAfterFin, [](E e, W) { return e.length > 0 && e.before >= State::CloseWait; }},
    {DropReason::TcpAfterClose, [](E e, W) { return e.length > 0; }},
    {DropReason::TcpTimeWaitReset, [](E e, W) { return e.before == State::TimeWait && has(e, R); }},
    {DropReason::TcpTimeWaitOld, [](E e, W) { return e.before == State::TimeWait && !has(e, R); }},
};

template <class Rules, class Reason>
auto* rule_for(const Rules& rules, Reason reason) {
    const auto* found = std::begin(rules);
    while (found != std::end(rules) && found->reason != reason) ++found;
    return found == std::end(rules) ? nullptr : found;
}

}  // namespace truth

inline void Truth::complain(std::string_view kind, std::string_view name, std::string_view text,
                            const std::string& facts) {
    untrue_(std::string{"an untrue "}
                .append(kind)
                .append(": ")
                .append(name)
                .append(" (\"")
                .append(text)
                .append("\") of ") +
            facts);
}

inline void Truth::on_frame(const FrameEvent& e) {
    if (e.outbound) return;
    moment(e.at);
    const trace::FrameView v = trace::view_of(e);
    if (v.kind != trace::FrameView::Kind::Tcp) return;
    Flow& f = flow_of({v.destination, v.source});
    const u32 syn_fin = (v.tcp.has(wire::Syn) ? 1u : 0u) + (v.tcp.has(wire::Fin) ? 1u : 0u);
    const bool marked = (static_cast<u8>(v.network[1]) & 3) == 3;
    const Arrived a{.seq = v.tcp.seq,
                    .ack = v.tcp.ack,
                    .end = v.tcp.seq + v.length() + syn_fin,
                    .length = v.length(),
                    .flags = v.tcp.flags,
                    .sack = v.options.sack_count > 0,
                    .marked = marked};
    f.now.push_back(a);
    f.marked |= marked || v.tcp.has(wire::Cwr);
    if (a.has(wire::Syn) && a.length > 0) f.syn_had_text = true;
    if (f.told && a.seq > f.told_ack && (a.length > 0 || a.has(wire::Fin))) f.hole = true;
    if (a.sack) f.sacked = true;
}

inline void Truth::on_segment_arrived(const SegmentArrivedEvent& e) {
    Flow& f = flow_of(e.flow);
    if (const auto* rule = truth::rule_for(truth::k_drop_rules, e.drop); rule && !rule->holds(e, f))
        complain("drop", name_of(e.drop), text_of(e.drop),
                 "flags " + std::to_string(e.flags) + " in " + std::string{name_of(e.before)});
    if (e.drop != DropReason::None && e.drop != DropReason::TcpOutOfWindow &&
        e.drop != DropReason::TcpReceiveFull && e.drop != DropReason::MemoryCeiling)
        return;
    if (e.length > 0) {
        ++f.segments;
        f.bytes += e.length;
    }
    // RFC 7413 4.2.2: what the SYN-ACK left out of the SYN's text is sent as if for the first time.
    if (e.before == State::SynSent && e.after != State::SynSent)
        f.max = (e.flags & wire::Ack) != 0 ? Seq{e.ack} : f.una + 1;
    if ((e.flags & wire::Ack) == 0 || !f.sent) return;
    const Seq ack{e.ack};
    if (ack > f.una && ack <= f.max) {
        f.una = ack;
        f.dup_acks = 0;
    } else if (ack == f.una && f.una < f.max && e.length == 0 && (e.flags & wire::Fin) == 0) {
        ++f.dup_acks;
    }
}

inline void Truth::on_segment_sent(const SegmentSentEvent& e) {
    moment(e.at);
    Flow& f = flow_of(e.flow);
    const DropReason dropped = dropped_at_ == e.at ? dropped_ : DropReason::None;
    const truth::Moment m{.e = e, .f = f, .wanting = wanting_, .dropped = dropped};
    const auto* rule = truth::rule_for(truth::k_send_rules, e.reason);
    if (rule == nullptr || !rule->holds(m)) {
        complain("reason", name_of(e.reason), trace::explain({e.note, e.reason, true, e}),
                 "seq " + std::to_string(e.seq - e.iss) + ", length " + std::to_string(e.length) +
                     ", ack " + std::to_string(e.ack - e.irs) + ", una " +
                     std::to_string(f.una.value - e.iss) + ", window " + std::to_string(f.wnd) +
                     ", flags " + std::to_string(e.flags) + " in " + std::string{name_of(e.state)} +
                     (rule == nullptr ? ", and there is no rule for it" : ""));
    }
    if ((e.flags & wire::Rst) != 0) return;
    const Seq seq{e.seq};
    const u32 controls = ((e.flags & wire::Syn) ? 1u : 0u) + ((e.flags & wire::Fin) ? 1u : 0u);
    if (e.length + controls > 0) {
        if (!f.sent || ((e.flags & wire::Syn) != 0 && seq != f.una)) f.una = f.max = seq;
        f.sent = true;
        const Seq end = seq + e.length + controls;
        // A SYN that goes again leaves its text at home (RFC 7413 4.2.2).
        const bool asks = (e.flags & (wire::Syn | wire::Ack)) == wire::Syn;
        f.max = asks ? end : max(f.max, end);
        if ((e.flags & wire::Fin) != 0) f.fin = seq + e.length;
    }
    if ((e.flags & wire::Ack) == 0) return;
    const Seq edge = Seq{e.ack} + e.window;
    f.edge = f.told ? max(f.edge, edge) : edge;
    f.told = true;
    f.told_ack = Seq{e.ack};
    f.told_window = e.window;
    f.segments = f.bytes = 0;
}

inline void Truth::on_hold(const HoldEvent& e) {
    moment(e.at);
    const auto* rule = truth::rule_for(truth::k_hold_rules, e.reason);
    if (rule != nullptr && rule->holds(e, flow_of(e.flow))) return;
    complain("hold", name_of(e.reason), text_of(e.reason),
             std::to_string(e.bytes) + " bytes, flight " + std::to_string(e.flight) + ", cwnd " +
                 std::to_string(e.cwnd) + ", unacknowledged " + std::to_string(e.unacknowledged) +
                 ", window " + std::to_string(e.snd_wnd) + ", mss " + std::to_string(e.mss));
}

inline void Truth::on_drop(const DropEvent& e) {
    moment(e.at);
    dropped_ = e.reason;
    dropped_at_ = e.at;
    if (e.reason == DropReason::MemoryCeiling || e.reason == DropReason::OutNoRoute)
        wanting_ = true;
}

inline void Truth::on_timer(const TimerEvent& e) {
    moment(e.at);
    Flow& f = flow_of(e.flow);
    if (e.timer == Timer::Pace) f.pace_runs = e.what == TimerEvent::What::Set;
    if (e.what != TimerEvent::What::Fired) return;
    f.fired[static_cast<u8>(e.timer)] = e.at;
    if (e.timer == Timer::Retransmission) f.at_timeout = f.max;
}

inline void Truth::on_window(const WindowEvent& e) {
    Flow& f = flow_of(e.flow);
    f.wnd = e.snd_wnd;
    if (f.wnd == 0) f.window_was_closed = true;
}

}  // namespace tern::test
