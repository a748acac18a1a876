#include "http/server.hh"

#include <unordered_set>
#include <vector>

#include <fmt/core.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "http/files.hh"
#include "text.hh"

namespace tern::tools {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

// Half of a send queue: one half is filled while the other is on its way.
constexpr std::size_t k_chunk = 256 * 1024;
constexpr std::size_t k_header_limit = 16 * 1024;

auto into(error_code& error) { return net::redirect_error(net::use_awaitable, error); }

}  // namespace

class Session;

struct HttpServer::Inside : std::enable_shared_from_this<HttpServer::Inside> {
    Inside(asio::context& context, ServerOptions o, std::function<void(const AccessRecord&)> l)
        : net_context(context), options(std::move(o)), log(std::move(l)),
          acceptor(context, options.listen) {}
    net::awaitable<void> accept();

    asio::context& net_context;
    ServerOptions options;
    std::function<void(const AccessRecord&)> log;
    asio::tcp_acceptor acceptor;
    std::unordered_set<Session*> sessions;
    ServerTotals totals;
    bool stopping = false;
};

// One connection.
class Session : public std::enable_shared_from_this<Session> {
public:
    Session(std::shared_ptr<HttpServer::Inside> server, asio::tcp_stream stream)
        : server_(std::move(server)), stream_(std::move(stream)), timer_(stream_.get_executor()),
          peer_(stream_.remote_endpoint()) {
        server_->sessions.insert(this);
        ++server_->totals.connections;
        ++server_->totals.open;
    }
    ~Session() {
        server_->sessions.erase(this);
        --server_->totals.open;
    }
    net::awaitable<void> run();
    void cancel() { stream_.cancel(); }

private:
    using Request = http::request<http::empty_body>;
    using Header = http::response<http::empty_body>;

    net::awaitable<bool> serve_one();
    net::awaitable<void> answer(const Request& request);
    net::awaitable<void> answer_text(const Request& request, http::status status, std::string body,
                                     std::string_view location = {});
    net::awaitable<void> answer_file(const Request& request, Found found);
    net::awaitable<void> send_header(Header& header);
    net::awaitable<void> send_file(const File& file, ByteRange range);
    net::awaitable<void> say_goodbye();
    void limit(Duration how_long);
    Header header_for(const Request& request, http::status status);

    std::shared_ptr<HttpServer::Inside> server_;
    asio::tcp_stream stream_;
    net::steady_timer timer_;
    Endpoint peer_;
    boost::beast::flat_buffer buffer_{k_header_limit};
    std::vector<char> chunk_;
    AccessRecord record_;
    error_code error_;
    bool keep_alive_ = true;
};

// Ends what is under way when it takes longer.
void Session::limit(Duration how_long) {
    timer_.expires_after(how_long);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
        if (error) return;
        if (auto self = weak.lock()) self->stream_.cancel();
    });
}

net::awaitable<void> Session::run() {
    const auto self = shared_from_this();
    while (keep_alive_ && co_await serve_one()) continue;
    co_await say_goodbye();
    timer_.cancel();
}

// FIN, then what the peer still sends is thrown away until its own FIN: closing at once would
// turn unread data into a reset, which may destroy our response on its way.
net::awaitable<void> Session::say_goodbye() {
    if (server_->stopping) co_return;
    error_code error;
    stream_.shutdown(net::socket_base::shutdown_send, error);
    limit(std::chrono::seconds(5));
    while (!error) {
        const Slice rest = co_await stream_.async_receive(into(error));
        if (!rest) break;
    }
}

net::awaitable<bool> Session::serve_one() {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(k_header_limit);
    limit(server_->options.idle);
    co_await http::async_read_header(stream_, buffer_, parser, into(error_));
    timer_.cancel();
    if (error_ == http::error::end_of_stream || error_ == net::error::operation_aborted) {
        co_return false;
    }
    record_ = {};
    record_.peer = peer_;
    const Instant begin = server_->net_context.runtime().now();
    if (error_ && error_.category() != http::make_error_code(http::error::bad_method).category()) {
        co_return false;  // the connection broke between two requests
    }
    if (error_) {  // what came is not HTTP, or more than we take
        keep_alive_ = false;
        record_.method = "?";
        record_.why = error_.message();
        error_ = {};
        co_await answer_text({}, http::status::bad_request, "this request is not understood");
    } else {
        // A body is of no use here; what comes after it on this connection is not looked for.
        const bool body = parser.chunked() || parser.content_length().value_or(0) != 0;
        keep_alive_ = parser.get().keep_alive() && !server_->options.one_request && !body;
        record_.method = parser.get().method_string();
        record_.target = parser.get().target();
        co_await answer(parser.get());
    }
    record_.took = server_->net_context.runtime().now() - begin;
    record_.complete = !error_;
    if (error_) record_.why = error_.message();
    ++server_->totals.requests;
    server_->log(record_);
    co_return !error_ && !server_->stopping;
}

net::awaitable<void> Session::answer(const Request& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        co_return co_await answer_text(request, http::status::method_not_allowed,
                                       "only GET and HEAD are served here");
    }
    auto found = find_file(server_->options.root, request.target());
    if (!found) {
        const bool bad = found.error() == NotFound::BadRequest;
        const bool no = found.error() == NotFound::Forbidden;
        co_return co_await answer_text(request,
                                       bad  ? http::status::bad_request
                                       : no ? http::status::forbidden
                                            : http::status::not_found,
                                       bad  ? "this path is not understood"
                                       : no ? "this file is not served"
                                            : "there is no such file");
    }
    switch (found->kind) {
        case Found::Kind::File: co_return co_await answer_file(request, std::move(*found));
        case Found::Kind::Redirect:
            co_return co_await answer_text(request, http::status::moved_permanently,
                                           "this is a directory", found->location);
        case Found::Kind::Directory:
            co_return co_await answer_text(request, http::status::ok,
                                           directory_page(found->path, request.target()));
    }
}

Session::Header Session::header_for(const Request& request, http::status status) {
    // An HTTP/1.0 client may not understand a 1.1 answer, and needs no more than 1.0 offers.
    Header header{status, request.version() == 10 ? 10u : 11u};
    header.set(http::field::server, "tern");
    header.set(http::field::date, http_date(wall_clock_now() / 1'000'000'000));
    header.keep_alive(keep_alive_);
    record_.status = static_cast<unsigned>(status);
    return header;
}

net::awaitable<void> Session::send_header(Header& header) {
    http::response_serializer<http::empty_body> serializer{header};
    co_await http::async_write_header(stream_, serializer, into(error_));
}

net::awaitable<void> Session::answer_text(const Request& request, http::status status,
                                          std::string body, std::string_view location) {
    Header header = header_for(request, status);
    if (status == http::status::ok) {
        header.set(http::field::content_type, "text/html; charset=utf-8");
    } else {
        header.set(http::field::content_type, "text/plain; charset=utf-8");
        body = fmt::format("{}: {}\n", static_cast<unsigned>(status), body);
    }
    if (status == http::status::method_not_allowed) header.set(http::field::allow, "GET, HEAD");
    if (!location.empty()) header.set(http::field::location, location);
    header.content_length(body.size());
    limit(server_->options.idle);
    co_await send_header(header);
    if (!error_ && request.method() != http::verb::head) {
        co_await net::async_write(stream_, net::buffer(body), into(error_));
        record_.bytes = body.size();
        server_->totals.bytes += body.size();
    }
    timer_.cancel();
}

namespace {

// RFC 9110 13.2.2: If-None-Match goes before If-Modified-Since.
bool not_modified(const http::request<http::empty_body>& request, const Found& found) {
    if (const auto tag = request.find(http::field::if_none_match); tag != request.end()) {
        const std::string_view tags = tag->value();
        return tags == "*" || tags.contains(found.etag);
    }
    const auto since = request.find(http::field::if_modified_since);
    if (since == request.end()) return false;
    const auto when = parse_http_date(since->value());
    return when && found.modified <= *when;
}

// RFC 9110 13.1.5: a range of what has changed meanwhile would not fit to its other part.
bool range_applies(const http::request<http::empty_body>& request, const Found& found) {
    const auto condition = request.find(http::field::if_range);
    if (condition == request.end()) return true;
    const std::string_view value = condition->value();
    if (value.starts_with('"')) return value == found.etag;
    const auto when = parse_http_date(value);
    return when && *when == found.modified;
}

}  // namespace

net::awaitable<void> Session::answer_file(const Request& request, Found found) {
    ByteRange range{0, found.size};
    RangeAnswer what = RangeAnswer::Whole;
    const auto wanted = request.find(http::field::range);
    if (wanted != request.end() && range_applies(request, found)) {
        what = parse_range(wanted->value(), found.size, range);
    }
    const bool unchanged = not_modified(request, found);
    const http::status status = unchanged                   ? http::status::not_modified
                                : what == RangeAnswer::Part ? http::status::partial_content
                                : what == RangeAnswer::Unsatisfiable
                                    ? http::status::range_not_satisfiable
                                    : http::status::ok;
    Header header = header_for(request, status);
    header.set(http::field::accept_ranges, "bytes");
    header.set(http::field::etag, found.etag);
    header.set(http::field::last_modified, http_date(found.modified));
    header.set(http::field::content_type, content_type(found.path));
    if (what == RangeAnswer::Unsatisfiable) range.length = 0;
    if (status == http::status::range_not_satisfiable) {
        header.set(http::field::content_range, fmt::format("bytes */{}", found.size));
    }
    if (status == http::status::partial_content) {
        header.set(
            http::field::content_range,
            fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, found.size));
    }
    if (!unchanged) header.content_length(range.length);
    limit(server_->options.idle);
    co_await send_header(header);
    if (!error_ && !unchanged && request.method() != http::verb::head) {
        ++server_->totals.transfers;
        co_await send_file(found.file, range);
        --server_->totals.transfers;
    }
    timer_.cancel();
}

net::awaitable<void> Session::send_file(const File& file, ByteRange range) {
    chunk_.resize(std::min<u64>(k_chunk, range.length));
    while (range.length > 0 && !error_) {
        const std::size_t n =
            file.read_at(range.first, chunk_.data(), std::min<u64>(chunk_.size(), range.length));
        if (n == 0) {
            // The file shrank: the promised length cannot be kept, and only a broken connection
            // tells the client so.
            error_ = net::error::connection_aborted;
            stream_.abort();
            co_return;
        }
        limit(server_->options.idle);
        co_await net::async_write(stream_, net::buffer(chunk_.data(), n), into(error_));
        if (server_->stopping) error_ = net::error::operation_aborted;
        if (error_) co_return;
        range.first += n;
        range.length -= n;
        record_.bytes += n;
        server_->totals.bytes += n;
    }
}

net::awaitable<void> HttpServer::Inside::accept() {
    const auto self = shared_from_this();
    for (;;) {
        error_code error;
        asio::tcp_stream stream = co_await acceptor.async_accept(into(error));
        if (stopping || error == net::error::operation_aborted) co_return;
        if (error) continue;
        auto session = std::make_shared<Session>(self, std::move(stream));
        net::co_spawn(
            acceptor.get_executor(), [session] { return session->run(); }, net::detached);
    }
}

HttpServer::HttpServer(asio::context& context, ServerOptions options,
                       std::function<void(const AccessRecord&)> log)
    : inside_(std::make_shared<Inside>(context, std::move(options), std::move(log))) {
    net::co_spawn(
        inside_->acceptor.get_executor(), [self = inside_] { return self->accept(); },
        net::detached);
}

HttpServer::~HttpServer() { stop(); }
Endpoint HttpServer::local_endpoint() const { return inside_->acceptor.local_endpoint(); }
const ServerTotals& HttpServer::totals() const { return inside_->totals; }

void HttpServer::stop() {
    if (std::exchange(inside_->stopping, true)) return;
    inside_->acceptor.close();
    for (Session* session : inside_->sessions) session->cancel();
}

}  // namespace tern::tools
