// Text forms of addresses: RFC 4291 2.2 read in full, RFC 5952 written. Reading is strict: one
// text has one meaning, so "010.0.0.1" (octal or decimal?) and "1.2.3" are no addresses.
#include "tern/address.hh"

#include <charconv>

namespace tern {

namespace {

// Reads from the front of a text; every take_ call leaves the cursor behind what it took.
class TextReader {
public:
    explicit TextReader(std::string_view text) : rest_(text) {}

    bool done() const { return rest_.empty(); }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    // A decimal number up to `limit`, without a leading zero.
    std::optional<u32> take_decimal(u32 limit) {
        u32 value = 0;
        std::size_t digits = 0;
        for (; digits < rest_.size() && is_decimal(rest_[digits]); ++digits) {
            value = value * 10 + static_cast<u32>(rest_[digits] - '0');
            if (value > limit) return std::nullopt;
            if (digits > 0 && rest_[0] == '0') return std::nullopt;
        }
        if (digits == 0) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }
    // One to `max_digits` hexadecimal digits, all that are there.
    std::optional<u32> take_hex(std::size_t max_digits) {
        u32 value = 0;
        std::size_t digits = 0;
        for (; digits < rest_.size() && hex_value(rest_[digits]) < 16; ++digits) {
            if (digits == max_digits) return std::nullopt;
            value = value << 4 | hex_value(rest_[digits]);
        }
        if (digits == 0) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }
    std::string_view rest() const { return rest_; }

private:
    static bool is_decimal(char c) { return c >= '0' && c <= '9'; }
    static u32 hex_value(char c) {
        if (is_decimal(c)) return static_cast<u32>(c - '0');
        if (c >= 'a' && c <= 'f') return static_cast<u32>(c - 'a' + 10);
        if (c >= 'A' && c <= 'F') return static_cast<u32>(c - 'A' + 10);
        return 16;
    }

    std::string_view rest_;
};

template <class Text>
void append_number(Text& text, u32 value, int base = 10) {
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
    text.append(digits, static_cast<std::size_t>(end - digits));
}

std::optional<Ipv4Address> take_ipv4(TextReader& reader) {
    u32 value = 0;
    for (int i = 0; i < 4; ++i) {
        if (i > 0 && !reader.take('.')) return std::nullopt;
        const auto part = reader.take_decimal(255);
        if (!part) return std::nullopt;
        value = value << 8 | *part;
    }
    return Ipv4Address{value};
}

// The eight groups of an IPv6 text as they are found, with the place of "::".
struct Groups {
    static constexpr std::size_t k_no_gap = 9;
    std::array<u16, 8> values{};
    std::size_t count = 0;
    std::size_t gap = k_no_gap;

    // Groups after the gap move to the end; the gap stands for at least one group of zeros.
    std::optional<IpAddress> address() const {
        if (gap == k_no_gap ? count != 8 : count > 7) return std::nullopt;
        IpAddress result;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = i < gap ? i : i + 8 - count;
            result.bytes[2 * at] = static_cast<u8>(values[i] >> 8);
            result.bytes[2 * at + 1] = static_cast<u8>(values[i]);
        }
        return result;
    }
};

// RFC 4291 2.2 form 3: the last 32 bits may be written as IPv4.
bool take_embedded_ipv4(TextReader& reader, Groups& groups) {
    TextReader ahead = reader;
    const auto v4 = take_ipv4(ahead);
    if (!v4 || !ahead.done() || groups.count > 6) return false;
    groups.values[groups.count++] = static_cast<u16>(v4->value >> 16);
    groups.values[groups.count++] = static_cast<u16>(v4->value);
    reader = ahead;
    return true;
}

std::optional<IpAddress> parse_ipv6(std::string_view text) {
    TextReader reader{text};
    Groups groups;
    if (reader.take("::")) groups.gap = 0;
    while (!reader.done()) {
        if (take_embedded_ipv4(reader, groups)) break;
        if (groups.count == 8) return std::nullopt;
        const auto group = reader.take_hex(4);
        if (!group) return std::nullopt;
        groups.values[groups.count++] = static_cast<u16>(*group);
        if (reader.done()) break;
        if (reader.take("::")) {
            if (groups.gap != Groups::k_no_gap) return std::nullopt;
            groups.gap = groups.count;
        } else if (!reader.take(':') || reader.done()) {
            return std::nullopt;
        }
    }
    return groups.address();
}

// RFC 5952 4.2: "::" replaces the longest run of zero groups, the first of equals, never one.
struct ZeroRun {
    std::size_t begin = 8;
    std::size_t length = 1;
};

ZeroRun longest_zero_run(const std::array<u16, 8>& groups) {
    ZeroRun best;
    for (std::size_t begin = 0; begin < 8; ++begin) {
        std::size_t end = begin;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - begin > best.length) best = {begin, end - begin};
        if (end > begin) begin = end;
    }
    return best;
}

void append_ipv6(std::string& text, const IpAddress& address) {
    std::array<u16, 8> groups;
    for (std::size_t i = 0; i < 8; ++i)
        groups[i] = static_cast<u16>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
    const ZeroRun run = longest_zero_run(groups);
    bool separate = false;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == run.begin) {
            text += "::";
            separate = false;
            i += run.length - 1;
            continue;
        }
        if (separate) text += ':';
        append_number(text, groups[i], 16);
        separate = true;
    }
}

std::optional<u16> parse_port(std::string_view text) {
    TextReader reader{text};
    const auto port = reader.take_decimal(65535);
    if (!port || !reader.done()) return std::nullopt;
    return static_cast<u16>(*port);
}

}  // namespace

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;  // each byte has exactly two digits
    MacAddress mac;
    TextReader reader{text};
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0 && !reader.take(':')) return std::nullopt;
        const auto byte = reader.take_hex(2);
        if (!byte) return std::nullopt;
        mac.bytes[i] = static_cast<u8>(*byte);
    }
    if (!reader.done()) return std::nullopt;
    return mac;
}

std::string MacAddress::to_string() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0) text += ':';
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
    TextReader reader{text};
    const auto address = take_ipv4(reader);
    if (!reader.done()) return std::nullopt;
    return address;
}

std::string Ipv4Address::to_string() const {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        append_number(text, value >> shift & 0xff);
        if (shift > 0) text += '.';
    }
    return text;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (const auto v4 = Ipv4Address::parse(text)) return IpAddress{*v4};
    return parse_ipv6(text);
}

std::string IpAddress::to_string() const {
    if (is_v4()) return v4().to_string();
    std::string text;
    append_ipv6(text, *this);
    return text;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    std::string_view host;
    const bool brackets = text.starts_with('[');
    const std::size_t colon = brackets ? text.find("]:") : text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    host = brackets ? text.substr(1, colon - 1) : text.substr(0, colon);
    const auto address = brackets ? parse_ipv6(host) : IpAddress::parse(host);
    const auto port = parse_port(text.substr(colon + (brackets ? 2 : 1)));
    if (!address || !port) return std::nullopt;
    return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
    std::string text = address.is_v4() ? address.to_string() : '[' + address.to_string() + ']';
    text += ':';
    append_number(text, port);
    return text;
}

std::string LocalAddress::to_string() const {
    return is_every() && families() == Families::Both ? "*" : or_unspecified().to_string();
}

std::string LocalEndpoint::to_string() const {
    const Endpoint shown{address.or_unspecified(), port};
    if (address != LocalAddress{}) return shown.to_string();
    return shown.to_string().replace(0, shown.address.to_string().size(), "*");
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const u32 longest = address->is_v4() ? 32 : 128;
    if (slash == std::string_view::npos) return Cidr{*address, static_cast<u8>(longest)};
    TextReader reader{text.substr(slash + 1)};
    const auto length = reader.take_decimal(longest);
    if (!length || !reader.done()) return std::nullopt;
    return Cidr{*address, static_cast<u8>(*length)};
}

bool Cidr::contains(IpAddress other) const {
    if (address.is_v4() != other.is_v4()) return false;
    const std::size_t bits = prefix_length + (address.is_v4() ? 96u : 0u);
    for (std::size_t i = 0; i < bits / 8; ++i)
        if (address.bytes[i] != other.bytes[i]) return false;
    if (bits % 8 == 0) return true;
    const int difference = address.bytes[bits / 8] ^ other.bytes[bits / 8];
    return difference >> (8 - bits % 8) == 0;
}

Ipv4Address Cidr::v4_mask() const {
    return Ipv4Address{prefix_length == 0 ? 0 : 0xffffffffu << (32 - prefix_length)};
}

std::string Cidr::to_string() const {
    std::string text = address.to_string();
    text += '/';
    append_number(text, prefix_length);
    return text;
}

}  // namespace tern
