// Steals window updates: after one side has closed its window, everything from it that opens the
// window again vanishes, until the other side has asked by a probe. Without a persist timer the
// connection would then hang for ever (RFC 9293 3.8.6.1).
#pragma once

#include <span>

#include "os/link/impair.hh"

namespace tern::peer {

class WindowUpdateThief {
public:
    // Whose updates are stolen: Outbound: tern's, Inbound: the kernel's.
    enum class From : bool { Outbound, Inbound };
    explicit WindowUpdateThief(From from) : from_(from) {}

    Fate judge(From direction, std::span<const std::byte> frame);
    u32 stolen() const { return stolen_; }
    u32 probes() const { return probes_; }  // that came after the first theft

private:
    From from_;
    bool closed_ = false;
    bool over_ = false;
    u32 stolen_ = 0;
    u32 probes_ = 0;
};

}  // namespace tern::peer
