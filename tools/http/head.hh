// The head of a request or of a response: found in what has arrived, and understood. No I/O.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include "tern/int.hh"

namespace tern::tools {

// Collects what arrives until a head is whole: lines up to an empty one. A line may end with LF
// alone (RFC 9112 2.2), and empty lines in front of the first are passed over (the same section).
class HeadBuffer {
public:
    // `most` bytes may wait here, and no more are kept.
    explicit HeadBuffer(std::size_t most) : most_(most) {}

    enum class Found { More, Whole, TooLong };
    Found add(std::string_view bytes);
    // The same for what is here already: what came behind the last head.
    Found look();
    // The head that look() found, without the empty line; it leaves the buffer.
    std::string take();
    // What lies behind the last head that was taken.
    std::string_view rest() const { return text_; }
    bool empty() const { return text_.empty(); }
    // The first line is whole. False together with TooLong: that line is what is too long.
    bool has_line() const { return text_.contains('\n'); }
    // Gives the memory back while nothing waits.
    void release();
    // Bytes of heap.
    std::size_t held() const;

private:
    std::string text_;
    std::size_t line_ = 0;     // where the line begins that is being looked for
    std::size_t scanned_ = 0;  // up to here there is no end of it
    std::size_t most_;
    bool whole_ = false;
};

// A request as the server takes it. `refused` is 0, or the status code of the answer.
struct Request {
    boost::beast::http::request<boost::beast::http::empty_body> head;  // its target: origin-form
    std::string method, target;  // for logs: as they came, "?" and "" if there are none
    bool keep_alive = false;     // as far as the request says
    unsigned refused = 0;
    std::string why;
};
// RFC 9112 3, 5 and 6; RFC 9110 4, 7, 9 and 15.
Request parse_request(std::string_view head);
// What is answered to a head that does not fit into a HeadBuffer: 414 or 431.
Request request_too_long(const HeadBuffer& buffer);
// What is no token and no empty line cannot begin a request: no need to wait for its end.
bool may_begin_request(std::string_view bytes);

struct Response {
    enum class Body { None, Length, Chunked, UntilClose };
    unsigned status = 0;
    std::string reason;
    Body body = Body::UntilClose;
    u64 length = 0;                       // Body::Length
    std::optional<std::string> location;  // as it stands there; may be empty
    std::string content_range;
    bool informational() const { return status < 200; }
};
// RFC 9112 4 and 6.3. The error says what is wrong, for people.
std::expected<Response, std::string> parse_response(std::string_view head);

// Content-Range of RFC 9110 14.4, "bytes 100-199/1000" or "bytes */1000".
struct ContentRange {
    std::optional<u64> first{}, last{}, complete{};
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace tern::tools
