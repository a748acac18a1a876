#include "progress.hh"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/core.h>
#include <unistd.h>

#include "text.hh"

namespace tern::tools {

Progress::Progress(std::string name, When when)
    : name_(std::move(name)),
      on_(when == When::Always || (when == When::Terminal && ::isatty(STDERR_FILENO) == 1)) {}

Progress::~Progress() { clear(); }

void Progress::start(Instant now, u64 begin, std::optional<u64> total) {
    start_ = rate_at_ = now;
    begin_ = bytes_ = rate_bytes_ = begin;
    total_ = total;
}

void Progress::update(Instant now, u64 bytes) {
    bytes_ = bytes;
    if (on_ && now - drawn_at_ >= std::chrono::milliseconds(100)) draw(now);
}

void Progress::draw(Instant now) {
    const double passed = seconds_of(now - rate_at_);
    if (passed > 0) {
        const double current = static_cast<double>(bytes_ - rate_bytes_) / passed;
        rate_ = rate_ == 0 ? current : 0.7 * rate_ + 0.3 * current;
    }
    rate_at_ = drawn_at_ = now;
    rate_bytes_ = bytes_;
    const std::string rate = human_bytes(static_cast<u64>(rate_)) + "/s";
    std::string line;
    if (total_ && *total_ > 0) {
        constexpr std::size_t width = 30;
        const double part =
            std::min(1.0, static_cast<double>(bytes_) / static_cast<double>(*total_));
        const auto full = static_cast<std::size_t>(part * width);
        std::string left = "-";
        if (rate_ > 0) {
            const double s = static_cast<double>(*total_ - std::min(bytes_, *total_)) / rate_;
            left = fmt::format("{}:{:02}", static_cast<u64>(s) / 60, static_cast<u64>(s) % 60);
        }
        line = fmt::format("{} [{}{}] {:3.0f}%  {} of {}  {}  {} left", name_,
                           std::string(full, '='), std::string(width - full, ' '), part * 100,
                           human_bytes(bytes_), human_bytes(*total_), rate, left);
    } else {
        line = fmt::format("{} {}  {}", name_, human_bytes(bytes_), rate);
    }
    fmt::print(stderr, "\r{}\033[K", line);
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::clear() {
    if (!std::exchange(drawn_, false)) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
}

namespace {

constexpr Duration k_on_terminal = std::chrono::milliseconds(100);
constexpr Duration k_in_logs = std::chrono::seconds(10);

}  // namespace

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) == 1),
      next_(monotonic_now() + (terminal_ ? Duration{} : k_in_logs)) {}

bool ProgressLine::due(Instant now) {
    if (now < next_) return false;
    next_ = now + (terminal_ ? k_on_terminal : k_in_logs);
    return true;
}

void ProgressLine::show(const std::string& text) {
    if (terminal_)
        fmt::print(stderr, "\r{}\033[K", text);
    else
        fmt::print(stderr, "{}\n", text);
    std::fflush(stderr);
    drawn_ = terminal_;
}

void ProgressLine::clear() {
    if (!std::exchange(drawn_, false)) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
}

}  // namespace tern::tools
