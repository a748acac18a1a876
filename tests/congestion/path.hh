// As much of a connection and of a path as an algorithm needs: packets of one size, one bottleneck
// with a queue, an ACK for each packet a round trip later. Virtual time.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <limits>

#include "tern/congestion.hh"

namespace tern {

struct PathOptions {
    u64 rate = 1'250'000;  // bytes per second
    u64 rtt_us = 50'000;
    u64 queue = 60'000;        // bytes
    u32 lose_every = 0;        // besides: every so many packets one; 0: none
    u64 mark_above = ~u64{0};  // ECN: bytes in the queue
    bool paced = true;
};

class Path {
public:
    static constexpr u32 k_mss = 1000;
    static constexpr u32 k_rto_us = 400'000;

    Path(const CongestionControl& algorithm, const PathOptions& o)
        : options(o), algorithm_(algorithm) {
        c.cwnd = c.initial_window = 10 * k_mss;
        c.ssthresh = std::numeric_limits<u32>::max();
        c.mss = k_mss;
        c.srtt_us = c.min_rtt_us = static_cast<u32>(o.rtt_us);
        c.paced = o.paced;
        c.chance = 12345;
        c.memory = memory_.data();
        c.now_us = 1'000'000;
        algorithm.begin(c);
    }

    // Until then, in small steps; after each ACK `seen` may look.
    template <class Seen>
    void run_for(u64 us, Seen seen) {
        const u64 until = c.now_us + us;
        while (c.now_us < until) {
            send();
            const u64 next =
                std::min(next_send(), flight_.empty() ? until : flight_.front().ack_us);
            c.now_us = std::max(c.now_us, std::min(next, until));
            while (!flight_.empty() && flight_.front().ack_us <= c.now_us) {
                take_ack();
                seen(*this);
            }
        }
    }
    void run_for(u64 us) {
        run_for(us, [](const Path&) {});
    }

    u64 queued() const {  // bytes in the bottleneck's queue, now
        return free_at_us_ > c.now_us ? (free_at_us_ - c.now_us) * options.rate / 1'000'000 : 0;
    }
    u64 rtt_us() const { return rtt_us_; }
    u64 losses() const { return c.lost / k_mss; }

    PathOptions options;
    Congestion c{};
    bool application_sends = true;

private:
    struct Sent {
        u64 ack_us = 0, sent_us = 0;
        u64 delivered = 0, delivered_us = 0, first_sent_us = 0, lost_before = 0;
        u32 in_flight = 0;
        bool lost = false, marked = false;
    };

    u64 pace() const {
        if (c.pacing_rate != 0) return c.pacing_rate;
        return u64{c.cwnd} * (c.in_slow_start() ? 20 : 12) * 100'000 / c.srtt_us;
    }
    bool may_send() const { return application_sends && c.in_flight + k_mss <= c.cwnd; }
    u64 next_send() const { return may_send() ? send_at_us_ : ~u64{0}; }

    void send() {
        while (may_send() && send_at_us_ <= c.now_us) {
            if (flight_.empty() && sent_ != 0)
                algorithm_.restarts(c, static_cast<u32>(c.now_us - last_sent_us_), k_rto_us);
            last_sent_us_ = c.now_us;
            ++sent_;
            Sent s;
            s.sent_us = c.now_us;
            if (flight_.empty()) first_sent_us_ = delivered_us_ = c.now_us;
            s.delivered = c.delivered;
            s.delivered_us = delivered_us_;
            s.first_sent_us = first_sent_us_;
            s.lost_before = c.lost;
            s.lost = queued() + k_mss > options.queue ||
                     (options.lose_every != 0 && sent_ % options.lose_every == 0);
            s.marked = queued() > options.mark_above;
            const u64 takes = k_mss * 1'000'000 / options.rate;
            if (!s.lost) free_at_us_ = std::max(free_at_us_, c.now_us) + takes;
            s.ack_us = std::max(free_at_us_, c.now_us) + options.rtt_us;
            c.in_flight += k_mss;
            c.flight_size += k_mss;
            c.snd_nxt += k_mss;
            s.in_flight = c.in_flight;
            flight_.push_back(s);
            const u64 gap = options.paced ? k_mss * 1'000'000 / std::max<u64>(pace(), 1) : 0;
            send_at_us_ = std::max(send_at_us_, c.now_us - std::min<u64>(c.now_us, 1000)) + gap;
        }
        if (application_sends && c.in_flight + k_mss > c.cwnd) full_until_ = c.snd_nxt;
    }

    void take_ack() {
        const Sent s = flight_.front();
        flight_.pop_front();
        CongestionAck ack;
        c.in_flight -= k_mss;
        c.flight_size -= k_mss;
        c.cwnd_limited = static_cast<i32>(c.snd_una - full_until_) < 0;
        c.snd_una += k_mss;
        if (recovering_ && static_cast<i32>(c.snd_una - recover_) >= 0) {
            recovering_ = false;
            if (!algorithm_.rules_recovery()) c.cwnd = c.ssthresh;
            algorithm_.recovered(c);
        }
        ack.in_recovery = recovering_;
        if (s.lost) {
            c.lost += k_mss;
            ack.lost = k_mss;
            ack.lost_in_flight = s.in_flight;
            ack.lost_since = static_cast<u32>(c.lost - s.lost_before);
            reduce(CongestionSignal::Loss);
        } else {
            c.delivered += k_mss;
            delivered_us_ = c.now_us;
            ack.acked = ack.delivered = k_mss;
            ack.marked = s.marked ? k_mss : 0;
            rtt_us_ = c.now_us - s.sent_us;
            ack.rtt_us = static_cast<u32>(rtt_us_);
            c.srtt_us = static_cast<u32>((7 * u64{c.srtt_us} + rtt_us_) / 8);
            c.min_rtt_us = std::min(c.min_rtt_us, ack.rtt_us);
            sample(s, ack.rate);
            if (s.marked) reduce(CongestionSignal::Mark);
        }
        if (!recovering_ || algorithm_.rules_recovery()) algorithm_.acknowledged(c, ack);
    }

    void sample(const Sent& s, DeliveryRate& r) {
        first_sent_us_ = s.sent_us;
        r.delivered = static_cast<u32>(c.delivered - s.delivered);
        r.prior_delivered = s.delivered;
        r.lost = static_cast<u32>(c.lost - s.lost_before);
        r.in_flight = s.in_flight;
        r.app_limited = !application_sends;
        r.interval_us =
            static_cast<u32>(std::max(s.sent_us - s.first_sent_us, delivered_us_ - s.delivered_us));
        if (r.interval_us >= c.min_rtt_us) r.rate = u64{r.delivered} * 1'000'000 / r.interval_us;
    }

    void reduce(CongestionSignal signal) {
        if (recovering_) return;
        if (signal == CongestionSignal::Mark && static_cast<i32>(c.snd_una - marked_until_) < 0)
            return;
        c.ssthresh = std::max(algorithm_.reduced(c, signal), 2 * k_mss);
        if (!algorithm_.rules_recovery()) c.cwnd = c.ssthresh;
        if (signal == CongestionSignal::Mark) {
            marked_until_ = c.snd_nxt;
            return;
        }
        recovering_ = true;
        recover_ = c.snd_nxt;
    }

    const CongestionControl& algorithm_;
    alignas(8) std::array<std::byte, k_congestion_state> memory_{};
    std::deque<Sent> flight_;
    u64 free_at_us_ = 0, send_at_us_ = 0, first_sent_us_ = 0, delivered_us_ = 0, rtt_us_ = 0;
    u64 sent_ = 0, last_sent_us_ = 0;
    bool recovering_ = false;
    u32 recover_ = 0, full_until_ = 0, marked_until_ = 0;
};

}  // namespace tern
