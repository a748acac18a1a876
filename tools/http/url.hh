// URLs, as far as this version goes: http, and addresses in place of names.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "tern/address.hh"

namespace tern::tools {

struct Url {
    std::string text;
    Endpoint server;
    std::string host;    // as it goes into the Host field
    std::string target;  // path and query
};
// The error names the remedy.
std::expected<Url, std::string> parse_url(std::string_view text);
// Where a redirection leads (RFC 9110 10.2.2). Bytes that do not belong into a URL, as spaces,
// are percent-encoded.
std::expected<Url, std::string> resolve_url(const Url& base, std::string_view location);

// The parts of a URI reference (RFC 3986 4.1). An absent part differs from an empty one.
struct UriReference {
    std::optional<std::string> scheme, authority;
    std::string path;
    std::optional<std::string> query, fragment;
    std::string text() const;  // RFC 3986 5.3
};
// RFC 3986 appendix B: every text has parts.
UriReference split_reference(std::string_view text);
// RFC 3986 5.2.2, strict.
UriReference resolve_reference(const UriReference& base, const UriReference& reference);

}  // namespace tern::tools
