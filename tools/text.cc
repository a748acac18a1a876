#include "text.hh"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include <fmt/core.h>

#include "json.hh"

namespace tern::tools {

namespace {

std::string scaled(double value, std::string_view unit) {
    constexpr std::array<std::string_view, 5> prefixes = {"", "k", "M", "G", "T"};
    std::size_t i = 0;
    for (; value >= 999.5 && i + 1 < prefixes.size(); ++i) value /= 1000;
    const int digits = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f} {}{}", value, digits, prefixes[i], unit);
}

struct Unit {
    std::string_view name;
    double factor;
};

// A number with one of the units; nothing when it is no such, or not within 0 and `most`.
std::optional<double> number_with_unit(std::string_view text, std::initializer_list<Unit> units,
                                       double most) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || !(number >= 0)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    for (const Unit& unit : units)
        if (unit.name == text && number * unit.factor <= most) return number * unit.factor;
    return std::nullopt;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string file_trouble(int number) {
    std::string text = std::strerror(number);
    switch (number) {
        case ENOENT: return text + ": make its folder first";
        case EISDIR: return text + ": add the name of a file to it";
        case EACCES:
        case EPERM:
        case EROFS: return text + ": choose a place that you may write to";
        case EDQUOT:
        case ENOSPC: return text + ": make room first";
        default: return text;
    }
}

Ecn ecn_of(std::string_view name) {
    if (name == "off") return Ecn::Off;
    if (name == "classic") return Ecn::Classic;
    return name == "accurate" ? Ecn::Accurate : Ecn::Accept;
}

double seconds_of(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string human_bytes(u64 bytes) { return scaled(static_cast<double>(bytes), "B"); }

std::string human_rate(u64 bytes, Duration in) {
    const double seconds = seconds_of(in);
    return seconds > 0 ? scaled(static_cast<double>(bytes) / seconds, "B/s") : "- B/s";
}

std::string human_time(Duration d) {
    const double s = seconds_of(d);
    if (s >= 1) return fmt::format("{:.2f} s", s);
    if (s >= 1e-3) return fmt::format("{:.1f} ms", s * 1e3);
    return fmt::format("{:.0f} us", s * 1e6);
}

std::string human_bits(double bits_per_second) { return scaled(bits_per_second, "bit/s"); }

std::optional<Duration> parse_time(std::string_view text) {
    constexpr double longest = 1e15;
    const auto ns =
        number_with_unit(text, {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}}, longest);
    if (!ns) return std::nullopt;
    return Duration{std::llround(*ns)};
}

std::optional<u64> parse_rate(std::string_view text) {
    const auto bits =
        number_with_unit(text, {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}, 1e15);
    if (!bits) return std::nullopt;
    return static_cast<u64>(std::llround(*bits));
}

std::optional<u64> parse_size(std::string_view text) {
    const auto bytes = number_with_unit(text,
                                        {{"", 1},
                                         {"B", 1},
                                         {"K", 1024},
                                         {"KiB", 1024},
                                         {"kB", 1e3},
                                         {"KB", 1e3},
                                         {"M", 1 << 20},
                                         {"MB", 1e6},
                                         {"MiB", 1 << 20},
                                         {"G", 1 << 30},
                                         {"GB", 1e9},
                                         {"GiB", 1 << 30}},
                                        1e18);
    if (!bytes) return std::nullopt;
    return static_cast<u64>(*bytes);
}

std::string json_string(std::string_view text) { return json_text(std::string{text}); }

namespace {

struct Character {
    u32 code = 0;
    std::size_t bytes = 1;
    bool good = false;  // shortest form, no surrogate, within Unicode (RFC 3629 3)
};

Character next_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1, true};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    constexpr u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {first, 1, false};
    u32 code = first & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {first, 1, false};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least[length] || code > 0x10ffff || surrogate) return {first, 1, false};
    return {code, length, true};
}

// Moves the cursor, ends a line, or makes what follows look like something else.
bool deceives(u32 code) {
    struct Range {
        u32 first, last;
    };
    constexpr Range ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
    for (const Range& r : ranges)
        if (code >= r.first && code <= r.last) return true;
    return false;
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const Character c = next_character(text);
        if (c.good && !deceives(c.code))
            out += text.substr(0, c.bytes);
        else if (c.code == '\n')
            out += "\\n";
        else if (!c.good || c.code < 0x80)
            out += fmt::format("\\x{:02x}", c.code);
        else
            out += fmt::format("\\u{:04x}", c.code);
        text.remove_prefix(c.bytes);
    }
    return out;
}

std::string html_escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

std::string url_encode(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || std::string_view{"-._~/"}.contains(c);
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::optional<std::string> url_decode(std::string_view path) {
    std::string out;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '%') {
            out += path[i];
            continue;
        }
        if (i + 2 >= path.size()) return std::nullopt;
        const int high = hex_digit(path[i + 1]);
        const int low = hex_digit(path[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string http_date(i64 seconds) {
    const std::time_t t = seconds;
    std::tm parts{};
    ::gmtime_r(&t, &parts);
    char text[64];
    const std::size_t n = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text, n};
}

std::optional<i64> parse_http_date(std::string_view text) {
    std::tm parts{};
    const std::string copy{text};
    const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return ::timegm(&parts);
}

void write_file(const std::string& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary);
    out << text;
    out.flush();
    if (!out) throw std::runtime_error(file + ": " + file_trouble(errno));
}

}  // namespace tern::tools
