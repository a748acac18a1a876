// A progress bar on a terminal; nothing elsewhere.
#pragma once

#include <optional>
#include <string>

#include "tern/time.hh"

namespace tern::tools {

class Progress {
public:
    enum class When { Terminal, Always, Never };
    Progress(std::string name, When when);
    ~Progress();
    // `begin` bytes were there before this transfer; no total: unknown.
    void start(Instant now, u64 begin, std::optional<u64> total);
    void update(Instant now, u64 bytes);
    void clear();

private:
    void draw(Instant now);

    std::string name_;
    bool on_;
    bool drawn_ = false;
    Instant start_{}, drawn_at_{}, rate_at_{};
    u64 begin_ = 0, bytes_ = 0, rate_bytes_ = 0;
    double rate_ = 0;  // bytes per second, smoothed
    std::optional<u64> total_;
};

}  // namespace tern::tools
