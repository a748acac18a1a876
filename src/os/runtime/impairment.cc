// An Impairment as text: one row for each word, which reads it and writes it.
#include "tern/impairment.hh"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace tern {

namespace {

struct Unit {
    std::string_view name;
    double factor;
};
// The first unit of a table that a number is at least one of is the one that it is written in.
constexpr Unit k_probability[] = {{"%", 0.01}, {"", 1}};
constexpr Unit k_time[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
constexpr Unit k_rate[] = {{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}};
constexpr Unit k_count[] = {{"", 1}, {"p", 1}};
constexpr Unit k_bytes[] = {{"MB", 1e6},          {"KB", 1e3}, {"B", 1},
                            {"MiB", 1024 * 1024}, {"kB", 1e3}, {"KiB", 1024}};
constexpr Unit k_bdp[] = {{"bdp", 1}};
constexpr double k_time_most = 3.6e12, k_rate_most = 1e12, k_bytes_most = 1e9;

std::optional<double> scaled(std::string_view text, std::span<const Unit> units, double most) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& u : units) {
        if (u.name == unit && number * u.factor <= most) return number * u.factor;
    }
    return std::nullopt;
}

std::string number_text(double value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 9)
            .ptr;
    return {text.data(), end};
}

std::string with_unit(double value, std::span<const Unit> units) {
    for (const Unit& u : units) {
        if (value >= u.factor) return number_text(value / u.factor) + std::string{u.name};
    }
    return number_text(value / units.back().factor) + std::string{units.back().name};
}
std::string percent(double probability) { return number_text(probability * 100) + "%"; }
std::string time_text(Duration d) { return with_unit(static_cast<double>(d.count()), k_time); }
std::string rate_text(u64 rate) { return with_unit(static_cast<double>(rate), k_rate); }
std::string bytes_text(u64 bytes) {
    return with_unit(static_cast<double>(bytes), std::span{k_bytes}.first(3));
}

// Each takes over what `text` says, or returns false and leaves all as it was.
template <class T>
bool take(T& to, std::string_view text, std::span<const Unit> units, double most) {
    const auto value = scaled(text, units, most);
    if (value) to = static_cast<T>(*value);
    return value.has_value();
}
bool take(double& to, std::string_view text) { return take(to, text, k_probability, 1); }
bool take(Duration& to, std::string_view text) {
    i64 count = 0;
    if (!take(count, text, k_time, k_time_most)) return false;
    to = Duration{count};
    return true;
}
bool take_rate(u64& to, std::string_view text) { return take(to, text, k_rate, k_rate_most); }

// "a:b:c" in its parts; 0: more than there is room for.
std::size_t parts_of(std::string_view text, std::span<std::string_view> to) {
    for (std::size_t n = 0; n < to.size(); ++n) {
        const std::size_t end = std::min(text.find(':'), text.size());
        to[n] = text.substr(0, end);
        if (end == text.size()) return n + 1;
        text.remove_prefix(end + 1);
    }
    return 0;
}

bool set_bursts(Impairment& to, std::string_view text) {
    std::array<std::string_view, 4> parts;
    const std::size_t count = parts_of(text, parts);
    GilbertElliott model;
    if (count < 2 || !take(model.p, parts[0]) || !take(model.r, parts[1])) return false;
    if (count > 2 && !take(model.loss_bad, parts[2])) return false;
    if (count > 3 && !take(model.loss_good, parts[3])) return false;
    if (model.p <= 0 || model.r <= 0) return false;  // a state without a way out
    to.bursts = model;
    to.loss = 0;
    return true;
}

bool set_loss(Impairment& to, std::string_view text) {
    if (text.starts_with("ge:")) return set_bursts(to, text.substr(3));
    if (!take(to.loss, text)) return false;
    to.bursts = {};
    return true;
}

std::string loss_text(const Impairment& i) {
    if (i.bursts.p <= 0) return i.loss > 0 ? percent(i.loss) : "";
    std::string text = "ge:" + percent(i.bursts.p) + ":" + percent(i.bursts.r);
    const bool good = i.bursts.loss_good > 0;
    if (good || i.bursts.loss_bad < 1) text += ":" + percent(i.bursts.loss_bad);
    return good ? text + ":" + percent(i.bursts.loss_good) : text;
}

bool set_reorder(Impairment& to, std::string_view text) {
    std::array<std::string_view, 2> parts;
    const std::size_t count = parts_of(text, parts);
    double share = 0;
    if (count == 0 || !take(share, parts[0])) return false;
    if (count == 2 && !take(to.reorder_by, parts[1])) return false;
    to.reorder = share;
    return true;
}

bool set_bucket(Impairment& to, std::string_view text) {
    std::array<std::string_view, 2> parts;
    TokenBucket bucket;
    if (text == "off") {
        to.bucket = {};
        return true;
    }
    if (parts_of(text, parts) != 2 || !take_rate(bucket.rate, parts[0]) || bucket.rate == 0 ||
        !take(bucket.burst, parts[1], k_bytes, k_bytes_most) || bucket.burst == 0) {
        return false;
    }
    to.bucket = bucket;
    return true;
}

bool set_queue(Impairment& to, std::string_view text) {
    const Impairment none;
    if (take(to.queue_packets, text, k_count, 1e6)) {
        to.queue_bytes = none.queue_bytes;
        to.queue_bdp = 0;
        return true;
    }
    // A queue in bytes has no bound in packets beside it.
    constexpr u32 any = ~u32{0};
    if (take(to.queue_bytes, text, k_bytes, k_bytes_most)) {
        to.queue_packets = any;
        to.queue_bdp = 0;
        return true;
    }
    if (!take(to.queue_bdp, text, k_bdp, 1000)) return false;
    to.queue_packets = any;
    to.queue_bytes = none.queue_bytes;
    return true;
}

std::string queue_text(const Impairment& i) {
    const Impairment none;
    if (i.queue_bdp > 0) return number_text(i.queue_bdp) + "bdp";
    if (i.queue_bytes != none.queue_bytes) return bytes_text(i.queue_bytes);
    return i.queue_packets == none.queue_packets ? "" : std::to_string(i.queue_packets);
}

bool set_codel(Impairment& to, std::string_view text) {
    std::array<std::string_view, 2> parts;
    CodelOptions options;
    if (text == "off") {
        to.codel.reset();
        return true;
    }
    if (!text.empty() && (parts_of(text, parts) != 2 || !take(options.target, parts[0]) ||
                          !take(options.interval, parts[1]) || options.interval == Duration{})) {
        return false;
    }
    to.codel = options;
    return true;
}

std::string codel_text(const Impairment& i) {
    return i.codel ? time_text(i.codel->target) + ":" + time_text(i.codel->interval) : "";
}

bool set_ecn(Impairment& to, std::string_view text) {
    if (!text.empty() && text != "on" && text != "off") return false;
    to.ecn = text != "off";
    return true;
}

bool set_mark(Impairment& to, std::string_view text) {
    MarkThreshold mark;
    if (text != "off" && !take(mark.packets, text, k_count, 1e6) &&
        !take(mark.bytes, text, k_bytes, k_bytes_most) && !take(mark.delay, text)) {
        return false;
    }
    to.mark = mark;
    return true;
}

std::string mark_text(const Impairment& i) {
    if (i.mark.packets > 0) return std::to_string(i.mark.packets);
    if (i.mark.bytes > 0) return bytes_text(i.mark.bytes);
    return i.mark.delay > Duration{} ? time_text(i.mark.delay) : "";
}

bool set_drop(Impairment& to, std::string_view text) {
    std::vector<u64> list;
    while (true) {
        const std::size_t end = std::min(text.find('+'), text.size());
        u64 value = 0;
        if (!take(value, text.substr(0, end), k_count, 1e15) || value < 1) return false;
        list.push_back(value);
        if (end == text.size()) break;
        text.remove_prefix(end + 1);
    }
    to.drop_nth = std::move(list);
    return true;
}

std::string drop_text(const Impairment& i) {
    std::string text;
    for (const u64 nth : i.drop_nth) text += (text.empty() ? "" : "+") + std::to_string(nth);
    return text;
}

template <double Impairment::*member>
bool set_share(Impairment& to, std::string_view text) {
    return take(to.*member, text);
}
template <double Impairment::*member>
std::string share_text(const Impairment& i) {
    return i.*member > 0 ? percent(i.*member) : "";
}
template <Duration Impairment::*member>
bool set_time(Impairment& to, std::string_view text) {
    return take(to.*member, text);
}
template <Duration Impairment::*member>
std::string duration_text(const Impairment& i) {
    return i.*member > Duration{} ? time_text(i.*member) : "";
}

struct Word {
    std::string_view name;
    std::string_view example;  // what to write
    bool (*set)(Impairment& to, std::string_view text);
    std::string (*text)(const Impairment& i);  // "": as in a perfect wire
    bool alone = false;                        // says something without a value
};

constexpr Word k_words[] = {
    {"loss",
     "loss=1%, or in bursts loss=ge:1%:30% (good to bad and back, perhaps the loss in each)",
     set_loss, loss_text},
    {"duplicate", "duplicate=1%", set_share<&Impairment::duplicate>,
     share_text<&Impairment::duplicate>},
    {"corrupt", "corrupt=1%", set_share<&Impairment::corrupt>, share_text<&Impairment::corrupt>},
    {"reorder", "reorder=1% or reorder=1%:5ms", set_reorder, share_text<&Impairment::reorder>},
    {"reorder-by", "reorder-by=3ms", set_time<&Impairment::reorder_by>,
     [](const Impairment& i) { return i.reorder > 0 ? time_text(i.reorder_by) : ""; }},
    {"delay", "delay=20ms", set_time<&Impairment::delay>, duration_text<&Impairment::delay>},
    {"jitter", "jitter=2ms", set_time<&Impairment::jitter>, duration_text<&Impairment::jitter>},
    {"rate", "rate=100mbit",
     [](Impairment& to, std::string_view t) { return take_rate(to.rate, t); },
     [](const Impairment& i) { return i.rate > 0 ? rate_text(i.rate) : ""; }},
    {"bucket", "bucket=10mbit:64KB or bucket=off", set_bucket,
     [](const Impairment& i) {
         return i.bucket.rate > 0 ? rate_text(i.bucket.rate) + ":" + bytes_text(i.bucket.burst)
                                  : "";
     }},
    {"queue", "queue=50, queue=64KB or queue=1bdp", set_queue, queue_text},
    {"codel", "codel, codel=5ms:100ms (target and interval) or codel=off", set_codel, codel_text,
     true},
    {"ecn", "ecn or ecn=off", set_ecn,
     [](const Impairment& i) { return std::string{i.ecn ? "on" : ""}; }, true},
    {"mark", "mark=20, mark=30KB, mark=1ms or mark=off", set_mark, mark_text},
    {"drop", "drop=3+7 (these packets, counted from 1)", set_drop, drop_text},
};

std::string all_examples() {
    std::string text;
    for (const Word& word : k_words) {
        const std::string_view first = word.example.substr(0, word.example.find_first_of(", "));
        text += (text.empty() ? "" : ", ") + std::string{first};
    }
    return text;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    Duration d{};
    return take(d, text) ? std::optional{d} : std::nullopt;
}

std::expected<void, std::string> Impairment::set(std::string_view item) {
    const std::size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const bool bare = equals == item.npos;
    for (const Word& word : k_words) {
        if (word.name != name) continue;
        const std::string_view value = bare ? std::string_view{} : item.substr(equals + 1);
        const bool complete = bare ? word.alone : !value.empty();
        if (complete && word.set(*this, value)) return {};
        return std::unexpected("write " + std::string{word.example});
    }
    return std::unexpected("write " + all_examples());
}

std::expected<Impairment, std::string> Impairment::parse(std::string_view text) {
    Impairment result;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        const std::string_view item = text.substr(0, end);
        if (auto set = result.set(item); !set) {
            return std::unexpected("\"" + std::string{item} + "\": " + set.error());
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (const std::string wrong = result.conflict(); !wrong.empty()) return std::unexpected(wrong);
    return result;
}

std::string Impairment::text() const {
    std::string all;
    for (const Word& word : k_words) {
        const std::string value = word.text(*this);
        if (!value.empty()) all += (all.empty() ? "" : ",") + std::string{word.name} + "=" + value;
    }
    return all;
}

std::string Impairment::conflict() const {
    const bool limited = rate > 0 || bucket.rate > 0;
    const bool marks = mark != MarkThreshold{};
    if (ecn && !codel) {
        return "ecn: it makes CoDel mark instead of drop: add codel, or write mark=20 for a plain "
               "threshold";
    }
    if ((codel || marks) && !limited) {
        return std::string{codel ? "codel" : "mark"} +
               ": without a rate there is no queue to manage: add rate=100mbit or "
               "bucket=100mbit:64KB";
    }
    if (queue_bdp > 0 && !limited) return "queue=1bdp: it needs a rate: add rate=100mbit";
    return "";
}

}  // namespace tern
