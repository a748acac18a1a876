#include "http/url.hh"

#include <algorithm>
#include <charconv>

namespace tern::tools {

namespace {

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

// "[fe80::1]:8080", "10.0.0.1:8080", "10.0.0.1".
std::expected<Endpoint, std::string> parse_authority(std::string_view text) {
    std::string_view host = text, port = "80";
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == text.npos) return std::unexpected(quoted(text) + ": a bracket is not closed");
    if (const std::size_t colon = text.find(':', bracket); colon != text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (port.empty()) port = "80";  // RFC 3986 3.2.3
    }
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!address) {
        return std::unexpected(quoted(host) +
                               " is no IP address, and this version does not "
                               "resolve names yet: write the address, as in http://10.0.0.1/");
    }
    u16 number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0) {
        return std::unexpected("port " + quoted(port) + " is no number from 1 to 65535");
    }
    return Endpoint{*address, number};
}

}  // namespace

namespace {

constexpr std::string_view k_digits = "0123456789";
constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::string lower(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return result;
}

// RFC 3986 3.1: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ).
bool is_scheme(std::string_view text) {
    if (text.empty() || !k_letters.contains(text.front())) return false;
    return std::ranges::all_of(text, [](char c) {
        return k_letters.contains(c) || k_digits.contains(c) || c == '+' || c == '-' || c == '.';
    });
}

// What follows `mark`, which ends `text`.
std::optional<std::string> cut(std::string_view& text, char mark) {
    const std::size_t at = text.find(mark);
    if (at == text.npos) return std::nullopt;
    std::string part{text.substr(at + 1)};
    text = text.substr(0, at);
    return part;
}

// RFC 3986 5.2.4.
std::string remove_dot_segments(std::string_view in) {
    std::string out;
    const auto back = [&] { out.erase(std::min(out.rfind('/'), out.size())); };
    while (!in.empty()) {
        if (in.starts_with("../")) {
            in.remove_prefix(3);
        } else if (in.starts_with("./") || in.starts_with("/./")) {
            in.remove_prefix(2);
        } else if (in == "/.") {
            in = "/";
        } else if (in.starts_with("/../")) {
            in.remove_prefix(3);
            back();
        } else if (in == "/..") {
            in = "/";
            back();
        } else if (in == "." || in == "..") {
            in = {};
        } else {
            const std::size_t end = std::min(in.find('/', 1), in.size());
            out += in.substr(0, end);
            in.remove_prefix(end);
        }
    }
    return out;
}

// RFC 3986 5.2.3.
std::string merge(const UriReference& base, std::string_view path) {
    if (base.authority && base.path.empty()) return "/" + std::string{path};
    return base.path.substr(0, base.path.rfind('/') + 1) + std::string{path};
}

// Many servers write into Location what they should have encoded.
std::string encode_strays(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && byte < 0x7f && !std::string_view{"\"<>\\^`{|}"}.contains(c)) {
            result += c;
        } else {
            result += {'%', hex[byte >> 4], hex[byte & 15]};
        }
    }
    return result;
}

}  // namespace

UriReference split_reference(std::string_view text) {
    UriReference parts;
    parts.fragment = cut(text, '#');
    parts.query = cut(text, '?');
    const std::size_t colon = text.find(':');
    if (colon != text.npos && is_scheme(text.substr(0, colon))) {
        parts.scheme = text.substr(0, colon);
        text.remove_prefix(colon + 1);
    }
    if (text.starts_with("//")) {
        const std::size_t end = std::min(text.find('/', 2), text.size());
        parts.authority = text.substr(2, end - 2);
        text.remove_prefix(end);
    }
    parts.path = text;
    return parts;
}

UriReference resolve_reference(const UriReference& base, const UriReference& reference) {
    UriReference target = reference;
    if (reference.scheme || reference.authority) {
        target.path = remove_dot_segments(reference.path);
    } else if (reference.path.empty()) {
        target.path = base.path;
        if (!reference.query) target.query = base.query;
    } else if (reference.path.starts_with('/')) {
        target.path = remove_dot_segments(reference.path);
    } else {
        target.path = remove_dot_segments(merge(base, reference.path));
    }
    if (!reference.scheme && !reference.authority) target.authority = base.authority;
    if (!reference.scheme) target.scheme = base.scheme;
    return target;
}

std::string UriReference::text() const {
    std::string result;
    if (scheme) result += *scheme + ":";
    if (authority) result += "//" + *authority;
    result += path;
    if (query) result += "?" + *query;
    if (fragment) result += "#" + *fragment;
    return result;
}

std::expected<Url, std::string> parse_url(std::string_view text) {
    std::string full{text};
    if (!text.contains("://")) full.insert(0, "http://");
    const UriReference parts = split_reference(full);
    const std::string scheme = lower(parts.scheme.value_or(""));
    if (scheme == "https") {
        return std::unexpected(quoted(text) + ": this version has no TLS yet: use http://");
    }
    if (scheme != "http" || !parts.authority) {
        return std::unexpected(quoted(text) + ": only http:// is known");
    }
    if (parts.authority->contains('@')) {
        return std::unexpected(quoted(text) + ": this version sends no name or password: leave " +
                               "out what stands before the @");
    }
    auto server = parse_authority(*parts.authority);
    if (!server) return std::unexpected(server.error());
    Url url;
    url.text = text;
    url.server = *server;
    url.host = *parts.authority;
    url.target = parts.path.empty() ? "/" : parts.path;
    if (parts.query) url.target += "?" + *parts.query;
    for (const char c : url.target) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            return std::unexpected(quoted(text) + ": write spaces as %20");
        }
    }
    return url;
}

std::expected<Url, std::string> resolve_url(const Url& base, std::string_view location) {
    const UriReference from = split_reference("http://" + base.host + base.target);
    UriReference to = resolve_reference(from, split_reference(encode_strays(location)));
    to.fragment.reset();
    return parse_url(to.text());
}

}  // namespace tern::tools
