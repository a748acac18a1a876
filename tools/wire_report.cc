#include "wire_report.hh"

#include <algorithm>

#include <fmt/core.h>

#include "json.hh"
#include "text.hh"

namespace tern::tools {

namespace {

// A kind of fault: how it was asked for, alone, and what counts it.
struct FaultKind {
    void (*keep)(Impairment& alone, const Impairment& asked);
    u64 (*struck)(const ImpairCounters& c);
};

constexpr FaultKind k_kinds[] = {
    {[](Impairment& to, const Impairment& i) {
         to.loss = i.loss;
         to.bursts = i.bursts;
     },
     [](const ImpairCounters& c) { return c.lost; }},
    {[](Impairment& to, const Impairment& i) { to.drop_nth = i.drop_nth; },
     [](const ImpairCounters& c) { return c.lost; }},
    {[](Impairment& to, const Impairment& i) { to.duplicate = i.duplicate; },
     [](const ImpairCounters& c) { return c.duplicated; }},
    {[](Impairment& to, const Impairment& i) { to.corrupt = i.corrupt; },
     [](const ImpairCounters& c) { return c.corrupted; }},
    {[](Impairment& to, const Impairment& i) {
         to.reorder = i.reorder;
         to.reorder_by = i.reorder_by;
     },
     [](const ImpairCounters& c) { return c.reordered; }},
    {[](Impairment& to, const Impairment& i) { to.delay = i.delay; },
     [](const ImpairCounters& c) { return c.delayed; }},
    {[](Impairment& to, const Impairment& i) { to.jitter = i.jitter; },
     [](const ImpairCounters& c) { return c.delayed; }},
    {[](Impairment& to, const Impairment& i) {
         to.rate = i.rate;
         to.bucket = i.bucket;
     },
     [](const ImpairCounters& c) { return c.waited; }},
    {[](Impairment& to, const Impairment& i) { to.codel = i.codel; },
     [](const ImpairCounters& c) { return c.codel_dropped + c.codel_marked; }},
    {[](Impairment& to, const Impairment& i) { to.ecn = i.ecn; },
     [](const ImpairCounters& c) { return c.codel_marked; }},
    {[](Impairment& to, const Impairment& i) { to.mark = i.mark; },
     [](const ImpairCounters& c) { return c.threshold_marked; }},
};

std::string setting_of(const FaultKind& kind, const Impairment& asked) {
    Impairment alone;
    kind.keep(alone, asked);
    return alone.text();
}

// "lost 3 (0.1 %)", nothing for none.
void add_count(std::string& to, u64 count, u64 of, std::string_view what) {
    if (count == 0) return;
    const double share = of == 0 ? 0 : 100 * static_cast<double>(count) / static_cast<double>(of);
    to += fmt::format("{}{} {} ({:.3g} %)", to.empty() ? "" : ", ", count, what, share);
}

std::string faults_text(const ImpairCounters& c) {
    std::string text;
    add_count(text, c.lost, c.seen, "lost");
    add_count(text, c.duplicated, c.seen, "duplicated");
    add_count(text, c.corrupted, c.seen, "corrupted");
    add_count(text, c.reordered, c.seen, "reordered");
    add_count(text, c.queue_dropped, c.seen, "dropped by the full queue");
    add_count(text, c.codel_dropped, c.seen, "dropped by CoDel");
    add_count(text, c.codel_marked, c.seen, "marked by CoDel");
    add_count(text, c.threshold_marked, c.seen, "marked above the threshold");
    return text.empty() ? "no packet was harmed" : text;
}

// What the wire itself took away is said loudly: it is in every figure that was measured.
std::string losses_text(const WireWay& way) {
    if (!way.lost_any()) return "";
    std::string text;
    add_count(text, way.overrun, way.impaired.seen, "lost because the machine was too slow");
    add_count(text, way.no_memory, way.impaired.seen, "lost because memory was exhausted");
    add_count(text, way.refused, way.packets, "refused by the far device (is it up?)");
    add_count(text, way.untaken, way.packets, "dropped by the kernel behind it");
    return fmt::format(
        "    IT COULD NOT KEEP UP: {}\n"
        "    so what was measured through it is partly its own doing: ask for less, stop other\n"
        "    programs, or run it where it may have real-time priority{}\n",
        text, way.no_memory > 0 ? ", raise --memory" : "");
}

// How late the packets were that left, and whether that is the machine's usual or a word of advice
// is due.
std::string lateness_text(const WireWay& way, Duration tolerance) {
    if (way.packets == 0) return "";
    std::string text = fmt::format(
        "    later than planned: p50 {}, p99 {}, most {}", human_time(way.lateness.quantile(0.5)),
        human_time(way.lateness.quantile(0.99)), human_time(way.lateness.max()));
    const u64 late = std::max(way.late, way.read_late);
    if (late > 0)
        text += fmt::format("; {} of {} by more than {}", late, way.packets, human_time(tolerance));
    if (!way.was_late()) return text + "\n";
    return text +
           "\n    times that were measured through it include that: stop other programs, or run "
           "it\n"
           "    where it may have real-time priority\n";
}

}  // namespace

void FaultWatch::close(const Asked& asked, const ImpairCounters& now,
                       std::vector<std::string>& to) const {
    if (k_kinds[asked.kind].struck(now) > asked.struck_before) return;
    const bool later = asked.since > Duration{};
    to.push_back(asked.setting +
                 (later ? fmt::format(" (from {} on)", human_time(asked.since)) : ""));
}

void FaultWatch::ask(const Impairment& settings, const ImpairCounters& so_far, Duration at) {
    std::vector<Asked> next;
    for (std::size_t kind = 0; kind < std::size(k_kinds); ++kind) {
        const std::string setting = setting_of(k_kinds[kind], settings);
        const auto old = std::ranges::find(open_, kind, &Asked::kind);
        if (old != open_.end() && old->setting == setting) {
            next.push_back(*old);
            continue;
        }
        if (old != open_.end()) close(*old, so_far, missed_);
        if (!setting.empty()) next.push_back({setting, k_kinds[kind].struck(so_far), at, kind});
    }
    open_ = std::move(next);
}

std::vector<std::string> FaultWatch::never_struck(const ImpairCounters& at_end) const {
    std::vector<std::string> all = missed_;
    for (const Asked& asked : open_) close(asked, at_end, all);
    return all;
}

std::string wire_report_text(const WireSide& side, Duration took, Duration tolerance) {
    const WireWay& way = side.record;
    const ImpairCounters& c = way.impaired;
    std::string text =
        fmt::format("{}: {} packets in, {} out, {}, {}\n    {}\n", side.way, c.seen, way.packets,
                    human_bytes(way.bytes), human_rate(way.bytes, took), faults_text(c));
    if (c.longest_wait > Duration{}) {
        text += fmt::format("    longest wait in the queue {}\n", human_time(c.longest_wait));
    }
    text += lateness_text(way, tolerance) + losses_text(way);
    for (const std::string& fault : side.never_struck) {
        text += fmt::format("    never struck: {}\n", fault);
    }
    return text;
}

std::string wire_report_json(const WireSide& side) {
    const WireWay& way = side.record;
    const ImpairCounters& c = way.impaired;
    const auto us = [](Duration d) { return rounded(static_cast<double>(d.count()) / 1e3, 1); };
    return json_text({{"event", "direction"},
                      {"way", side.way},
                      {"seen", c.seen},
                      {"sent", way.packets},
                      {"sent_bytes", way.bytes},
                      {"lost", c.lost},
                      {"in_bursts", c.in_bursts},
                      {"delayed", c.delayed},
                      {"reordered", c.reordered},
                      {"duplicated", c.duplicated},
                      {"corrupted", c.corrupted},
                      {"queue_dropped", c.queue_dropped},
                      {"codel_dropped", c.codel_dropped},
                      {"codel_marked", c.codel_marked},
                      {"threshold_marked", c.threshold_marked},
                      {"longest_wait_us", us(c.longest_wait)},
                      {"late_p50_us", us(way.lateness.quantile(0.5))},
                      {"late_p99_us", us(way.lateness.quantile(0.99))},
                      {"late_max_us", us(way.lateness.max())},
                      {"late", way.late},
                      {"read_late", way.read_late},
                      {"longest_absence_us", us(way.longest_absence)},
                      {"overrun", way.overrun},
                      {"no_memory", way.no_memory},
                      {"refused", way.refused},
                      {"untaken", way.untaken},
                      {"kept_up", way.kept_up()},
                      {"never_struck", side.never_struck}}) +
           "\n";
}

}  // namespace tern::tools
