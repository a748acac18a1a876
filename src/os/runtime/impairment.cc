// Reads "loss=1%,delay=20ms" and the like.
#include <charconv>
#include <cmath>

#include "tern/runtime.hh"

namespace tern {

namespace {

// A number with its unit: "1.5ms" is 1.5 and "ms". False: no number.
bool split(std::string_view text, double& number, std::string_view& unit) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || !std::isfinite(number) || number < 0) return false;
    unit = text.substr(static_cast<std::size_t>(end - text.data()));
    return true;
}

struct Unit {
    std::string_view name;
    double factor;
};
constexpr Unit k_probability[] = {{"%", 0.01}, {"", 1}};
constexpr Unit k_time[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}, {"ns", 1}};
constexpr Unit k_rate[] = {{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}};
constexpr Unit k_count[] = {{"", 1}};

std::optional<double> scaled(std::string_view text, std::span<const Unit> units, double most) {
    double number = 0;
    std::string_view unit;
    if (!split(text, number, unit)) return std::nullopt;
    for (const Unit& u : units) {
        if (u.name == unit && number * u.factor <= most) return number * u.factor;
    }
    return std::nullopt;
}

bool set_probability(double& to, std::string_view text) {
    const auto value = scaled(text, k_probability, 1);
    if (value) to = *value;
    return value.has_value();
}

bool set_time(Duration& to, std::string_view text) {
    const auto value = scaled(text, k_time, 3.6e12);
    if (value) to = Duration{static_cast<i64>(*value)};
    return value.has_value();
}

bool set_list(std::vector<u64>& to, std::string_view text) {
    while (true) {
        const std::size_t end = std::min(text.find('+'), text.size());
        const auto value = scaled(text.substr(0, end), k_count, 1e15);
        if (!value || *value < 1) return false;
        to.push_back(static_cast<u64>(*value));
        if (end == text.size()) return true;
        text.remove_prefix(end + 1);
    }
}

bool set(Impairment& to, std::string_view key, std::string_view text) {
    if (key == "loss") return set_probability(to.loss, text);
    if (key == "duplicate") return set_probability(to.duplicate, text);
    if (key == "corrupt") return set_probability(to.corrupt, text);
    if (key == "reorder") return set_probability(to.reorder, text);
    if (key == "reorder-by") return set_time(to.reorder_by, text);
    if (key == "delay") return set_time(to.delay, text);
    if (key == "jitter") return set_time(to.jitter, text);
    if (key == "drop") return set_list(to.drop_nth, text);
    if (key == "rate") {
        const auto value = scaled(text, k_rate, 1e12);
        if (value) to.rate = static_cast<u64>(*value);
        return value.has_value();
    }
    if (key == "queue") {
        const auto value = scaled(text, k_count, 1e6);
        if (value) to.queue_packets = static_cast<u32>(*value);
        return value.has_value();
    }
    return false;
}

}  // namespace

std::expected<Impairment, std::string> Impairment::parse(std::string_view text) {
    Impairment result;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        const std::string_view item = text.substr(0, end);
        const std::size_t equals = item.find('=');
        if (equals == item.npos || !set(result, item.substr(0, equals), item.substr(equals + 1))) {
            return std::unexpected("\"" + std::string{item} +
                                   "\": write loss=1%, duplicate=1%, corrupt=1%, reorder=1%, "
                                   "reorder-by=3ms, delay=20ms, jitter=2ms, rate=100mbit, "
                                   "queue=50 or drop=3+7, with commas between");
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

}  // namespace tern
