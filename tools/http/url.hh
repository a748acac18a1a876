// URLs, as far as this version goes: http, and addresses in place of names.
#pragma once

#include <expected>
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
// Where a redirection leads.
std::expected<Url, std::string> resolve_url(const Url& base, std::string_view location);

}  // namespace tern::tools
