// Progress bars and lines.
#pragma once

#include <optional>
#include <string>

#include "tern/runtime.hh"
#include "tern/time.hh"

namespace tern::tools {

// A bar on a terminal; nothing elsewhere.
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

// A line on standard error for what runs long: on a terminal it is written over, several times a
// second; elsewhere, as in the log of a build, a line every ten seconds.
class ProgressLine {
public:
    ProgressLine();
    ~ProgressLine() { clear(); }
    // `text` is asked for only when its time has come.
    template <class Text>
    void update(Text&& text) {
        if (due(monotonic_now())) show(text());
    }
    void clear();

private:
    bool due(Instant now);
    void show(const std::string& text);

    bool terminal_, drawn_ = false;
    Instant next_;
};

}  // namespace tern::tools
