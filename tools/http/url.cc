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

std::expected<Url, std::string> parse_url(std::string_view text) {
    if (text.starts_with("https://")) {
        return std::unexpected(quoted(text) + ": this version has no TLS yet: use http://");
    }
    std::string_view rest = text;
    if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else if (rest.contains("://")) {
        return std::unexpected(quoted(text) + ": only http:// is known");
    }
    rest = rest.substr(0, rest.find('#'));
    const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
    auto server = parse_authority(rest.substr(0, slash));
    if (!server) return std::unexpected(server.error());
    Url url;
    url.text = text;
    url.server = *server;
    url.host = rest.substr(0, slash);
    url.target = rest.substr(slash);
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    for (char& c : url.target) {
        if (static_cast<unsigned char>(c) <= ' ') {
            return std::unexpected(quoted(text) + ": write spaces as %20");
        }
    }
    return url;
}

std::expected<Url, std::string> resolve_url(const Url& base, std::string_view location) {
    if (location.contains("://")) return parse_url(location);
    std::string target{location};
    if (!target.starts_with('/')) {
        const std::string_view path =
            std::string_view{base.target}.substr(0, base.target.find('?'));
        target.insert(0, path.substr(0, path.rfind('/') + 1));
    }
    return parse_url("http://" + base.host + target);
}

}  // namespace tern::tools
