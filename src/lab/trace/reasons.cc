// Sentences and numbers as people read them.
#include "lab/trace/reasons.hh"

#include <cstdio>
#include <iterator>
#include <utility>

namespace tern::trace {

namespace {

std::string numbers_of(const SegmentSentEvent& e) {
    if (e.length > 0) {
        std::string text = grouped(e.length) + (e.length == 1 ? " byte" : " bytes");
        if (e.cwnd > 0)
            text += "; " + grouped(e.flight) + " of cwnd " + grouped(e.cwnd) + " in flight";
        const bool again =
            e.reason == SendReason::RetransmitTimeout || e.reason == SendReason::RetransmitFast;
        if (again && e.ssthresh != ~0u) text += ", ssthresh " + grouped(e.ssthresh);
        return text;
    }
    if (e.reason == SendReason::WindowUpdate) return "window " + grouped(e.window) + " bytes";
    return {};
}

}  // namespace

std::string explain(const Reason& reason) {
    std::string text{text_of(reason.why)};
    if (!reason.tcp) return text;
    if (const std::string numbers = numbers_of(reason.segment); !numbers.empty())
        text += " (" + numbers + ")";
    return text;
}

bool HoldNews::fresh(const HoldEvent& e) {
    if (last_.size() > k_flows_max) last_.clear();
    const auto [it, first] = last_.try_emplace(key_of(e.flow), e.reason);
    return first || std::exchange(it->second, e.reason) != e.reason;
}

void HoldNews::sent(const SegmentSentEvent& e) {
    if (e.length == 0) return;
    const auto it = last_.find(key_of(e.flow));
    if (it == last_.end()) return;
    const bool stream = it->second == HoldReason::Cwnd || it->second == HoldReason::PeerWindow ||
                        it->second == HoldReason::Pace;
    if (!stream) last_.erase(it);
}

std::string explain(const HoldEvent& e) {
    const std::string what = e.bytes == 0 ? "its FIN" : size_text(e.bytes);
    std::string text = "holds " + what + " back: " + std::string{text_of(e.reason)};
    switch (e.reason) {
        case HoldReason::Nagle: return text + " (" + size_text(e.unacknowledged) + ")";
        case HoldReason::SillyWindow:
        case HoldReason::PeerWindow:
            return text + " (" + grouped(e.unacknowledged) + " of window " + grouped(e.snd_wnd) +
                   " not acknowledged)";
        case HoldReason::Cwnd:
            return text + " (" + grouped(e.flight) + " of cwnd " + grouped(e.cwnd) + " in flight)";
        case HoldReason::WindowClosed:
        case HoldReason::Pace: break;
    }
    return text;
}

std::string seconds_text(Duration d) {
    char text[40];
    const i64 us = d.count() / 1000;
    std::snprintf(text, sizeof text, "%s%lld.%06lld", us < 0 ? "-" : "",
                  static_cast<long long>(us < 0 ? -us : us) / 1'000'000,
                  static_cast<long long>(us < 0 ? -us : us) % 1'000'000);
    return text;
}

std::string short_text(Duration d) {
    const i64 ns = d.count();
    struct Unit {
        i64 size;
        const char* name;
    };
    constexpr Unit units[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
    for (const Unit& unit : units) {
        if (ns < unit.size && unit.size != 1) continue;
        char text[40];
        if (ns % unit.size == 0)
            std::snprintf(text, sizeof text, "%lld %s", static_cast<long long>(ns / unit.size),
                          unit.name);
        else
            std::snprintf(text, sizeof text, "%.4g %s",
                          static_cast<double>(ns) / static_cast<double>(unit.size), unit.name);
        return text;
    }
    return "0 s";
}

std::string grouped(u64 n) {
    std::string text = std::to_string(n);
    for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
    return text;
}

std::string size_text(u64 bytes) {
    if (bytes < 10'000) return grouped(bytes) + (bytes == 1 ? " byte" : " bytes");
    constexpr const char* units[] = {"kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < std::size(units)) {
        value /= 1000;
        ++unit;
    }
    char text[40];
    std::snprintf(text, sizeof text, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

}  // namespace tern::trace
