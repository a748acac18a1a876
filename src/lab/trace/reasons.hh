// Joins frames with the events that explain them, by their note. Frames of a segment may leave
// long after it was decided, and several may share one note, so the last few thousand are kept.
#pragma once

#include <bit>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tern/trace.hh"

namespace tern::trace {

struct Reason {
    u32 note = 0;
    SendReason why = SendReason::Unknown;
    bool tcp = false;
    SegmentSentEvent segment{};  // only with tcp
};

class Reasons {
public:
    void sent(const SegmentSentEvent& e) { put({e.note, e.reason, true, e}); }
    void sent(const PacketSentEvent& e) { put({e.note, e.reason, false, {}}); }
    // Null when nothing was recorded, or too long ago.
    const Reason* find(u32 note) const {
        const u32 at = note % k_kept;
        if (note == 0 || at >= ring_.size()) return nullptr;
        return ring_[at].note == note ? &ring_[at] : nullptr;
    }

private:
    static constexpr u32 k_kept = 8192;  // more than an interface queues
    // Notes are given in turn: a short story, of which tests tell very many, needs few places.
    void put(const Reason& r) {
        const u32 at = r.note % k_kept;
        if (at >= ring_.size()) ring_.resize(std::bit_ceil(at + 1));
        ring_[at] = r;
    }
    std::vector<Reason> ring_;
};

// Which holds are news to a reader. Small data that waits, or a closed window, is told again after
// each segment with text; what keeps a whole stream at its pace only when it becomes another.
class HoldNews {
public:
    bool fresh(const HoldEvent& e);
    void sent(const SegmentSentEvent& e);

private:
    static constexpr std::size_t k_flows_max = 65536;  // more are a flood
    using Key = std::tuple<IpAddress, u16, IpAddress, u16>;
    static Key key_of(const FlowId& f) {
        return {f.local.address, f.local.port, f.remote.address, f.remote.port};
    }
    std::map<Key, HoldReason> last_;
};

// "holds 500 bytes back: less than a segment, ... (Nagle)", with the figures that decide it.
std::string explain(const HoldEvent& e);

// One sentence: why, and what the numbers say: "new data, inside ...; 4380 of cwnd 14600 in
// flight".
std::string explain(const Reason& reason);

// "0.102000": seconds with microseconds.
std::string seconds_text(Duration d);
// "1.5 s", "20 ms", "40 us": as short as a person says it.
std::string short_text(Duration d);
// "1,234,567"
std::string grouped(u64 n);
// "12 bytes", "1.8 MB"
std::string size_text(u64 bytes);

}  // namespace tern::trace
