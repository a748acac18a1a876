#include "os/link/impair_models.hh"

#include <algorithm>
#include <cmath>

namespace tern {

bool BurstLoss::strikes(const GilbertElliott& model) {
    if (model.p <= 0) {
        bad_ = false;
        return false;
    }
    const double step = step_.unit();
    bad_ = bad_ ? step >= model.r : step < model.p;
    return loss_.unit() < (bad_ ? model.loss_bad : model.loss_good);
}

Instant BucketMeter::ready(Instant from, u32 bytes) const {
    const u64 carry = full_at_ < from ? 0 : carry_;
    const Duration cost{static_cast<i64>((work(bytes) + carry) / bucket_.rate)};
    // An empty bucket is one whose filling takes as long as it is deep.
    return std::max(from, full_at_ + std::min(cost, depth()) - depth());
}

void BucketMeter::take(Instant at, u32 bytes) {
    if (full_at_ < at) {
        full_at_ = at;
        carry_ = 0;
    }
    const u64 total = work(bytes) + carry_;
    full_at_ += Duration{static_cast<i64>(total / bucket_.rate)};
    carry_ = total % bucket_.rate;
}

bool Codel::above_for_an_interval(const CodelOptions& o, Instant now, Duration sojourn,
                                  u64 backlog) {
    if (sojourn < o.target || backlog <= packet_max_) {
        first_above_.reset();
        return false;
    }
    if (!first_above_) {
        first_above_ = now + o.interval;
        return false;
    }
    return now >= *first_above_;
}

Instant Codel::control_law(const CodelOptions& o, Instant from) const {
    const double wait = static_cast<double>(o.interval.count()) / std::sqrt(count_);
    return from + Duration{static_cast<i64>(wait)};
}

void Codel::begin_dropping(const CodelOptions& o, Instant now) {
    dropping_ = true;
    // Soon after the last time, it begins with the rate that controlled the queue then.
    const u32 delta = count_ - last_count_;
    count_ = delta > 1 && now - drop_next_ < 16 * o.interval ? delta : 1;
    drop_next_ = control_law(o, now);
    last_count_ = count_;
}

void Codel::pass_on(const CodelOptions& o, bool still_above) {
    if (struck_ && still_above) drop_next_ = control_law(o, drop_next_);
    struck_ = false;
}

bool Codel::strikes(const CodelOptions& o, Instant now, Duration sojourn, u64 backlog) {
    const bool above = above_for_an_interval(o, now, sojourn, backlog);
    pass_on(o, above);
    if (!above) {
        dropping_ = false;
        return false;
    }
    if (!dropping_) {
        begin_dropping(o, now);
        return true;
    }
    if (now < drop_next_) return false;
    ++count_;
    struck_ = true;
    return true;
}

void Codel::marked(const CodelOptions& o) { pass_on(o, true); }

}  // namespace tern
