#include "core/tcp/receiver/autotuning.hh"

#include <algorithm>

namespace tern::tcp {

namespace {

constexpr u32 k_least_rtt_us = 200;        // what an echo within the millisecond counts as
constexpr u32 k_longest_echo_ms = 10'000;  // beyond: the peer was silent
constexpr u32 k_longest_round_us = 1'000'000;

}  // namespace

void Autotuning::begin_round(const Reading& r) {
    round_began_us_ = r.now_us;
    round_read_ = 0;
    round_rtt_us_ = 0;
    round_edge_ = r.edge;
}

// The shortest sample of a round counts; a longer one than before only little by little.
void Autotuning::learn_round_trip(u32 sample_us) {
    if (rtt_us_ == 0 || sample_us < rtt_us_)
        rtt_us_ = sample_us;
    else
        rtt_us_ += (sample_us - rtt_us_) / 8;
}

void Autotuning::take_echo(u32 ms) {
    if (ms > k_longest_echo_ms) return;
    const u32 us = std::max(ms * 1000, k_least_rtt_us);
    if (round_rtt_us_ == 0 || us < round_rtt_us_) round_rtt_us_ = us;
}

// Is a round over, and how long was its round-trip time? 0: it goes on. Without timestamps our own
// estimate serves; who has none either waits until what was offered when it began has come.
u32 Autotuning::round_over(const Reading& r, u32 elapsed_us) {
    if (round_rtt_us_ != 0) {
        if (elapsed_us < std::max(round_rtt_us_, rtt_us_)) return 0;
        learn_round_trip(round_rtt_us_);
    } else if (r.timestamps) {
        if (elapsed_us < rtt_us_) return 0;
    } else if (r.srtt_us != 0) {
        if (elapsed_us < r.srtt_us) return 0;
        rtt_us_ = r.srtt_us;
    } else {
        if (r.nxt < round_edge_) return 0;
        learn_round_trip(std::clamp(elapsed_us, k_least_rtt_us, k_longest_round_us));
    }
    return rtt_us_;
}

// Twice what is read in a round trip. While that still grows, six times: a sender in slow start has
// four times as much in flight before the next round is measured here, and must not meet the
// window.
u64 Autotuning::tune(const Reading& r) {
    if (round_began_us_ == 0) {
        begin_round(r);
        return 0;
    }
    const u32 elapsed_us = std::max<u32>(r.now_us - round_began_us_, 1);
    const u32 rtt_us = round_over(r, elapsed_us);
    if (rtt_us == 0) return 0;
    // Who reads in bursts reads slowly: what counts is the rate.
    const u64 read = u64{round_read_} * std::min(rtt_us, elapsed_us) / elapsed_us;
    const u64 wanted = read * (read > most_read_ + most_read_ / 4 ? 6 : 2);
    most_read_ = std::max(most_read_, static_cast<u32>(read));
    begin_round(r);
    return wanted;
}

u64 Autotuning::read(const Reading& r) {
    take_echo(r.echo_ms);
    const u64 wanted = tune(r);
    round_read_ += r.bytes;
    return wanted;
}

u32 grown_buffer(u32 buffer, u64 wanted, u32 most, u64 keepable) {
    const u64 target = std::min<u64>(wanted, most);
    if (target <= buffer) return buffer;
    // Whole slots are pinned: twice the bytes, and half of what is left is for others.
    if ((target - buffer) * 4 > keepable) return buffer;
    return static_cast<u32>(target);
}

}  // namespace tern::tcp
