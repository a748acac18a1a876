#include "http/head.hh"

#include <algorithm>
#include <charconv>
#include <span>
#include <vector>

#include <fmt/core.h>
#include <boost/beast/http/parser.hpp>

#include "http/url.hh"

namespace tern::tools {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr u64 k_content_most = u64{1} << 20;  // of a GET, which has no use for any

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
// RFC 9110 5.6.2: tchar.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_alnum(c) || std::string_view{"!#$%&'*+-.^_`|~"}.contains(c);
    });
}
bool same_word(std::string_view a, std::string_view b) { return boost::beast::iequals(a, b); }

std::string_view without_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::vector<std::string_view> lines_of(std::string_view head) {
    std::vector<std::string_view> lines;
    while (!head.empty()) {
        const std::size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
        lines.push_back(without_end(head.substr(0, end)));
        head.remove_prefix(end);
    }
    return lines;
}

// "HTTP/1.1" as 11. 0: this is none.
unsigned version_of(std::string_view text) {
    const bool good = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                      text[6] == '.' && is_digit(text[7]);
    return good ? static_cast<unsigned>((text[5] - '0') * 10 + text[7] - '0') : 0;
}

std::optional<u64> number(std::string_view text) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

bool names(std::string_view line, std::string_view field) {
    return line.size() > field.size() && line[field.size()] == ':' &&
           same_word(line.substr(0, field.size()), field);
}

// Beast reads the fields. The first line is one that it understands.
template <class Parser>
error_code read_fields(Parser& parser, std::string_view first_line,
                       std::span<const std::string_view> fields) {
    std::string clean{first_line};
    clean += "\r\n";
    for (const std::string_view line : fields) clean.append(line).append("\r\n");
    clean += "\r\n";
    parser.header_limit(static_cast<u32>(clean.size()));
    parser.body_limit(boost::none);
    error_code error;
    parser.put(net::const_buffer{clean.data(), clean.size()}, error);
    if (!error && !parser.is_header_done()) error = http::error::need_more;
    return error;
}

}  // namespace

HeadBuffer::Found HeadBuffer::add(std::string_view bytes) {
    text_ += bytes;
    return look();
}

HeadBuffer::Found HeadBuffer::look() {
    while (!whole_) {
        const std::size_t end = text_.find('\n', scanned_);
        if (end == text_.npos) {
            scanned_ = text_.size();
            return text_.size() > most_ ? Found::TooLong : Found::More;
        }
        const bool nothing =
            without_end(std::string_view{text_}.substr(line_, end + 1 - line_)).empty();
        if (nothing && line_ == 0) {  // in front of the head
            text_.erase(0, end + 1);
            scanned_ = 0;
            continue;
        }
        line_ = scanned_ = end + 1;
        whole_ = nothing;
        if (line_ > most_) return Found::TooLong;
    }
    return Found::Whole;
}

std::string HeadBuffer::take() {
    std::string head = text_.substr(0, line_);
    text_.erase(0, line_);
    line_ = scanned_ = 0;
    whole_ = false;
    // The empty line at its end.
    head.pop_back();
    if (head.ends_with('\r')) head.pop_back();
    return head;
}

void HeadBuffer::release() {
    if (text_.empty()) std::string{}.swap(text_);
}

std::size_t HeadBuffer::held() const {
    return text_.capacity() <= std::string{}.capacity() ? 0 : text_.capacity();
}

bool may_begin_request(std::string_view bytes) {
    const std::size_t at = bytes.find_first_not_of("\r\n");
    return at == bytes.npos || is_token(bytes.substr(at, 1));
}

namespace {

void refuse(Request& request, http::status status, std::string why) {
    if (request.refused != 0) return;  // the first reason is the one that is told
    request.refused = static_cast<unsigned>(status);
    request.why = std::move(why);
}

// uri-host [ ":" port ] of RFC 3986 3.2.2 and 3.2.3. An empty one is allowed in Host (RFC 9110
// 7.2: a target without authority).
bool is_host(std::string_view text) {
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == text.npos || end == 1) return false;
        host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        if (!port.empty() && !port.starts_with(':')) return false;
    } else if (const std::size_t colon = text.find(':'); colon != text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon);
    }
    if (!port.empty() && !std::ranges::all_of(port.substr(1), is_digit)) return false;
    return std::ranges::all_of(host, [&](char c) {
        return is_alnum(c) || std::string_view{"-._~%!$&'()*+,;="}.contains(c) ||
               (c == ':' && text.starts_with('['));
    });
}

// RFC 9112 3.2: the four forms of a target; what remains is the path with its query. `why` and
// `status` say what is wrong with it.
std::string origin_form(Request& request, std::string_view target) {
    if (target.starts_with('/')) return std::string{target};
    const auto reference = split_reference(target);
    if (!reference.scheme || !reference.authority) {
        refuse(request, http::status::bad_request,
               "this target is no path: it begins with / or with http://");
        return "/";
    }
    if (!same_word(*reference.scheme, "http")) {
        refuse(request, http::status::misdirected_request, "only http:// is served here");
    } else if (reference.authority->empty() || reference.authority->starts_with(':') ||
               !is_host(*reference.authority)) {
        refuse(request, http::status::bad_request, "the target names no host");
    }
    std::string path = reference.path.empty() ? "/" : reference.path;
    if (reference.query) path += "?" + *reference.query;
    return path;
}

void judge_host(Request& request) {
    const auto hosts = request.head.equal_range(http::field::host);
    const auto count = std::distance(hosts.first, hosts.second);
    if (count == 0 && request.head.version() == 11) {
        refuse(request, http::status::bad_request, "HTTP/1.1 needs a Host field");
    }
    if (count > 1) refuse(request, http::status::bad_request, "there are several Host fields");
    if (count == 1 && !is_host(hosts.first->value())) {
        refuse(request, http::status::bad_request, "the Host field holds no host");
    }
}

void judge_method(Request& request) {
    switch (request.head.method()) {
        case http::verb::get:
        case http::verb::head: return;
        case http::verb::post:
        case http::verb::put:
        case http::verb::delete_:
        case http::verb::options:
        case http::verb::trace:
        case http::verb::connect:
        case http::verb::patch:
            return refuse(request, http::status::method_not_allowed,
                          "only GET and HEAD are served here");
        default: refuse(request, http::status::not_implemented, "this method is not known here");
    }
}

// A body is of no use here, and what comes after it on this connection is not looked for.
void judge_content(Request& request, bool chunked, std::optional<u64> length) {
    const bool coded = request.head.count(http::field::transfer_encoding) != 0;
    if (coded && !chunked) {
        refuse(request, http::status::not_implemented, "only the transfer coding chunked is known");
    }
    if (length.value_or(0) > k_content_most) {
        refuse(request, http::status::payload_too_large, "no content is taken here");
    }
    const auto expected = request.head.find(http::field::expect);
    if (expected != request.head.end() && !same_word(expected->value(), "100-continue")) {
        refuse(request, http::status::expectation_failed, "this expectation is not known");
    }
    const bool tunnel = request.head.method() == http::verb::connect;
    if (coded || tunnel || length.value_or(0) != 0) request.keep_alive = false;
}

// Method, target and version of a request line; the version is 0 when it is none.
struct RequestLine {
    std::string_view method, target;
    unsigned version = 0;
};
RequestLine split_request_line(std::string_view line) {
    const std::size_t first = line.find(' '), last = line.rfind(' ');
    if (first == line.npos || first == last) return {};
    const RequestLine parts{line.substr(0, first), line.substr(first + 1, last - first - 1),
                            version_of(line.substr(last + 1))};
    const bool good = is_token(parts.method) && !parts.target.empty() &&
                      std::ranges::none_of(parts.target, [](char c) {
                          return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
                      });
    return good ? parts : RequestLine{};
}

}  // namespace

Request parse_request(std::string_view head) {
    Request request;
    request.method = "?";
    const auto lines = lines_of(head);
    const RequestLine line = lines.empty() ? RequestLine{} : split_request_line(lines.front());
    if (line.version == 0) {
        refuse(request, http::status::bad_request, "this is no HTTP request");
        return request;
    }
    request.method = line.method;
    request.target = line.target;
    if (line.version / 10 != 1) {
        refuse(request, http::status::http_version_not_supported, "only HTTP/1.x is spoken here");
        return request;
    }
    // RFC 9110 2.5: a higher minor version is answered as the highest that we speak.
    const unsigned version = line.version == 10 ? 10 : 11;
    http::request_parser<http::empty_body> parser;
    const auto wrong = read_fields(parser, fmt::format("{} / HTTP/1.{}", line.method, version - 10),
                                   std::span{lines}.subspan(1));
    if (wrong) {
        refuse(request, http::status::bad_request, "the header: " + wrong.message());
        return request;
    }
    std::optional<u64> length;
    if (parser.content_length()) length = *parser.content_length();
    const bool chunked = parser.chunked();
    request.keep_alive = parser.get().keep_alive();
    request.head = parser.release();
    judge_host(request);
    judge_method(request);
    judge_content(request, chunked, length);
    if (request.refused == 0) request.head.target(origin_form(request, line.target));
    // Where a request that is not understood ends, nobody knows.
    const bool allowed = request.refused == 0 || request.refused == 405 || request.refused == 421;
    request.keep_alive = request.keep_alive && allowed;
    return request;
}

Request request_too_long(const HeadBuffer& buffer) {
    Request request;
    request.method = "?";
    if (buffer.has_line()) {
        refuse(request, http::status::request_header_fields_too_large,
               "the header is too long for this server");
    } else {
        refuse(request, http::status::uri_too_long, "the target is too long for this server");
    }
    return request;
}

namespace {

// RFC 9112 4: "HTTP/1.1 200 OK". Its reason may be absent, and some servers leave out the space
// before it as well.
bool read_status_line(std::string_view line, Response& response) {
    const unsigned version = version_of(line.substr(0, 8));
    if (version / 10 != 1) return false;
    line.remove_prefix(8);
    const std::size_t at = line.find_first_not_of(' ');
    if (at == 0 || at == line.npos) return false;
    line.remove_prefix(at);
    const auto status = number(line.substr(0, 3));
    if (!status || *status < 100 || (line.size() > 3 && line[3] != ' ')) return false;
    response.status = static_cast<unsigned>(*status);
    response.reason = line.size() > 4 ? line.substr(4) : std::string_view{};
    return true;
}

// RFC 9112 6.3, for an answer to GET.
std::expected<void, std::string> frame(Response& response, bool chunked, bool coded,
                                       std::optional<u64> length) {
    using Body = Response::Body;
    const unsigned status = response.status;
    if (response.informational() || status == 204 || status == 205 || status == 304) {
        response.body = Body::None;
    } else if (chunked) {
        response.body = Body::Chunked;
    } else if (coded) {
        return std::unexpected("the server sent a transfer coding that is not known here");
    } else if (length) {
        response.body = Body::Length;
        response.length = *length;
    } else {
        response.body = Body::UntilClose;
    }
    return {};
}

}  // namespace

std::expected<Response, std::string> parse_response(std::string_view head) {
    auto lines = lines_of(head);
    Response response;
    if (lines.empty() || !read_status_line(lines.front(), response)) {
        return std::unexpected("this is no answer of an HTTP/1.x server");
    }
    // RFC 9112 6.3: Transfer-Encoding overrides Content-Length; Beast would refuse the two.
    const auto coding = [](std::string_view l) { return names(l, "Transfer-Encoding"); };
    const bool coded = std::ranges::any_of(lines, coding);
    if (coded) std::erase_if(lines, [](auto l) { return names(l, "Content-Length"); });
    http::response_parser<http::empty_body> parser;
    const auto wrong = read_fields(parser, "HTTP/1.1 200 OK", std::span{lines}.subspan(1));
    if (wrong) return std::unexpected("the header of the answer: " + wrong.message());
    std::optional<u64> length;
    if (parser.content_length()) length = *parser.content_length();
    const auto& fields = parser.get();
    if (const auto at = fields.find(http::field::location); at != fields.end()) {
        response.location = at->value();
    }
    response.content_range = fields[http::field::content_range];
    if (auto framed = frame(response, parser.chunked(), coded, length); !framed) {
        return std::unexpected(framed.error());
    }
    return response;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
    if (text.size() < 6 || !same_word(text.substr(0, 6), "bytes ")) return std::nullopt;
    text.remove_prefix(6);
    const std::size_t slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    const std::string_view range = text.substr(0, slash), size = text.substr(slash + 1);
    ContentRange result;
    result.complete = number(size);
    if (size != "*" && !result.complete) return std::nullopt;
    if (range == "*") return result;
    const std::size_t dash = range.find('-');
    if (dash == range.npos) return std::nullopt;
    result.first = number(range.substr(0, dash));
    result.last = number(range.substr(dash + 1));
    const bool good = result.first && result.last && *result.first <= *result.last &&
                      (!result.complete || *result.last < *result.complete);
    return good ? std::optional{result} : std::nullopt;
}

}  // namespace tern::tools
