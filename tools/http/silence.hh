// A time limit on silence: whatever arrives or leaves is progress, and begins it anew.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "tern/time.hh"

namespace tern::tools {

class Silence {
public:
    explicit Silence(const boost::asio::any_io_executor& executor) : timer_(executor) {}

    // Calls `expired` once when nothing was told to touch() for `most`. It is not called any more
    // when `owner`, which this object belongs to, is gone.
    void start(Duration most, std::weak_ptr<void> owner, std::function<void()> expired) {
        most_ = most;
        owner_ = std::move(owner);
        expired_ = std::move(expired);
        touch();
        wait(most);
    }
    // Progress. Costs a look at the clock; the timer finds it when it ends.
    void touch() { last_ = std::chrono::steady_clock::now(); }
    void stop() {
        expired_ = nullptr;
        timer_.cancel();
    }

private:
    void wait(Duration left) {
        timer_.expires_after(left);
        timer_.async_wait([this, weak = owner_](boost::system::error_code error) {
            const auto owner = weak.lock();
            if (error || !owner || !expired_) return;
            const auto since = std::chrono::steady_clock::now() - last_;
            if (since < most_) return wait(most_ - since);
            std::exchange(expired_, nullptr)();
        });
    }

    boost::asio::steady_timer timer_;
    std::weak_ptr<void> owner_;
    std::function<void()> expired_;
    std::chrono::steady_clock::time_point last_{};
    Duration most_{};
};

}  // namespace tern::tools
